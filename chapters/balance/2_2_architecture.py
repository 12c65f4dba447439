# %% [markdown]
# # 2.2 One batch through training and inference
#
# *量化原理与架构*
#
# The original explains the architecture of quantization with a flow chart. A flow chart can be executed: we
# take 64 handwritten digits, send them down both of its branches, and look at every arrow. After this
# section you can
#
# - say what is an integer, what only looks like one, and what stays real, at each point of training (训练)
#   and of inference (推理);
# - write the one operation that both branches share, forward and backward, in ten lines;
# - explain why training moves weights that the network never computes with.
#
# Read [A gradient machine in one sitting](foundations/autograd) and
# [Weights, activations, both](balance/2.1) before. Run time: under a minute.

# %%
import copy

import numpy as np

import qbref as qb
import qbref.nn.functional as F
from qbref import data, integer, kernels, lab, optim, plots, ptq, qat, qnn, quant

digits = lab.digits()
SEEDS = range(2 if lab.quick() else 5)

# %% [markdown]
# ## The chart
#
# Its boxes and arrows, in our words:
#
# ```
# input → forward ─┬─ training:  compute the model → quantize the weights → update the parameters
#                  └─ inference: run the model → quantize the activations → output
# ```
#
# The text below the chart says that training quantizes "parameters, weights and activations among them".
# The chart does not: there, training quantizes *weights* only, and inference *activations* only. And in
# training, quantization comes after the computation and before the update. Keep these three points in mind.
#
# ## The operation that both branches share
#
# A quantized value is a real number rounded to a grid of scale $s$ and zero point $z$
# ([the affine map](realtime/2.1.1)). Training needs it as a real number and differentiable, which is called
# **fake quantization** (伪量化):
#
# $$ \hat x = s \, (\operatorname{clip}(r, q_{\min}, q_{\max}) - z), \quad
#    r = \operatorname{round}\left(\frac{x}{s}\right) + z \tag{1} $$
#
# Its derivative is zero almost everywhere. The **straight-through estimator** (直通估计器) of the
# [gradient machine](foundations/autograd) puts 1 in its place. One thing is new here: a grid ends. Beyond
# its ends $\hat x$ does not follow $x$ at all, not even at a distance, and there the gradient stays zero:
#
# $$ \frac{\partial L}{\partial x} := \frac{\partial L}{\partial \hat x} \cdot
#    [\, q_{\min} \le r \le q_{\max} \,] \tag{2} $$


# %%
def fake_quantize(x, p):
    r = np.round(x.data / p.scale) + p.zero_point
    inside = (p.qmin <= r) & (r <= p.qmax)
    x_hat = p.scale * (np.clip(r, p.qmin, p.qmax) - p.zero_point)

    def backward(upstream):
        return (upstream * inside,)

    return qb.Tensor.from_op(x_hat.astype(x.dtype), (x,), backward)


p = quant.params_from_range(-0.5, 1.0, n_bits=3)
points = np.linspace(-1, 1.5, 1001, dtype=np.float32)
results = []
for operation in (fake_quantize, qnn.fake_quantize):
    x = qb.Tensor(points.copy(), requires_grad=True)
    y = operation(x, p)
    y.backward(np.ones(points.shape, np.float32))
    results.append((y.data, x.grad))
ours, theirs = results
assert np.array_equal(ours, theirs)
print("ten lines and qnn.fake_quantize: same values, same gradients")

# %%
with plots.style():
    fig = plots.figure(900, 340)
    left, right = fig.subplots(1, 2)
    left.plot(points, points, color=plots.PALETTE["sky blue"], linewidth=1, label="x")
    left.plot(points, ours[0], label="x rounded to the grid")
    left.set(title="forward: 8 levels", xlabel="x")
    left.legend(loc="upper left")
    right.plot(points, ours[1], color=plots.PALETTE["vermilion"])
    right.set(title="backward: follow, or do not", xlabel="x", ylim=(-0.1, 1.2))
lab.show(
    fig,
    alt="Left: a staircase of eight levels that follows the diagonal and is flat "
    "beyond its ends. Right: the gradient, 1 along the stairs and 0 beyond both "
    "ends.",
)

# %% [markdown]
# Compiled products do not know (1). They take integers. So the same grid appears twice: as real numbers
# with few values in training, as integers in inference. That is the whole architecture; now the batch.
#
# ## Training mode, arrow by arrow
#
# We take a trained float network for 8 × 8 digits and prepare it for quantization-aware training
# (量化感知训练) with four bits, for weights and for activations; the input keeps eight.


# %%
four_bits = qnn.QuantConfig(
    weights=qnn.int_weights(4, clip="mse"),
    activations=qnn.Uniform(4),
    overrides={"input": {"activations": qnn.Uniform(8)}},
)
q = qat.prepare(lab.digits_cnn().model, four_bits, digits.batches())
print(q.report)

# %% [markdown]
# The batch norms are part of the convolutions now, and each ReLU is one end of a grid. We run the layers
# one by one, keep what travels along each arrow, and look closely at the middle layer: 16 channels in, 32
# out.

# %%
batch, labels = digits.x_train[:64], digits.y_train[:64]
x, results = qb.Tensor(batch), []
for layer in q:
    x = layer(x)
    results.append(x.data)
F.cross_entropy(x, labels).backward()

middle = q[3]
training = {
    "input": results[0],
    "layer 1, result": results[2],
    "layer 2, latent weights": middle.weight.data,
    "layer 2, weights in use": middle.quantized_weight().data,
    "layer 2, gradient": middle.weight.grad,
    "layer 2, result": results[4],
    "layer 3, scores": results[6],
}


def most(name, values):
    """Different values; of weights and gradients, the most in one output channel."""
    by_channel = name.endswith(("latent weights", "weights in use", "gradient"))
    parts = values if by_channel else [values]
    return max(len(np.unique(part)) for part in parts)


lab.table(
    ("training", "type", "different values", "from", "to"),
    [
        (name, v.dtype, most(name, v), f"{v.min():.2f}", f"{v.max():.2f}")
        for name, v in training.items()
    ],
    "A batch of 64. Latent weights, weights in use, gradient: the most in any channel.",
)

# %% [markdown]
# Everything *is* float32 in training. What has at most $2^4 = 16$ different values has been quantized:
# activations *and* weights in use (15 at most, their grid is symmetric; the input has 17 of its 256 levels,
# since the pixels of these images do). What has as many values as numbers is real: the gradient, and the
# **latent weights** (潜在权重) that it belongs to. By (2) it came through the rounding as if there were none.
#
# Now the update. The optimizer moves latent weights; the network notices only when one of them crosses
# into the neighbourhood of another integer.

# %%
layers = [layer for layer in q if hasattr(layer, "quantized_weight")]
latent = [layer.weight.data.copy() for layer in layers]
integers = [layer.levels().q for layer in layers]
optim.Adam(q.parameters(), lr=1e-3).step()
moved = sum(
    int((layer.weight.data != before).sum())
    for layer, before in zip(layers, latent, strict=True)
)
turned = sum(
    int((layer.levels().q != before).sum())
    for layer, before in zip(layers, integers, strict=True)
)
total = sum(before.size for before in latent)
lab.say(
    f"One step moves **{moved:,}** of {total:,} latent weights. The integers that they "
    f"stand for: **{turned:,}** change."
)

# %% [markdown]
# ## Inference mode: the same batch
#
# `integer.convert` drops the latent weights and keeps their integers; `trace` hands out what travels
# between the layers.

# %%
q.eval()
model = integer.convert(q)
assert integer.count_differences(q, model, batch) == 0
traced = [values for _, values in model.trace(batch)]
stored = next(layer for layer in model.layers if layer.path == "3")
inference = {
    "input": traced[0],
    "layer 1, result": traced[1],
    "layer 2, weights in use": middle.levels().q,
    "layer 2, result": traced[2],
    "layer 3, sums": traced[4],
    "output": traced[5],
}
lab.table(
    ("inference", "type", "different values", "from", "to"),
    [
        (name, v.dtype, most(name, v), f"{v.min():.4g}", f"{v.max():.4g}")
        for name, v in inference.items()
    ],
    f"The {middle.weight.size:,} weights of layer 2 are stored in "
    f"{stored.weight_bytes:,} bytes, two to a byte.",
)

# %% [markdown]
# Now everything is an integer, from the first arrow to the sums of the last layer, and the same grids
# appear as int8. Nothing is quantized *less* than in training: weights and activations, in both branches.
# Do the branches agree? The simulation `q.eval()` and the integers do, to the last bit, as the `assert`
# above has checked. Training mode is a little freer. It leaves one kind of number real that inference must
# round: the bias (偏置), which becomes an integer of scale $s_x s_w$, as the sums are.


# %%
def on_other_integers(q):
    x, count = qb.Tensor(batch), 0
    for index, layer in enumerate(q.train()):
        x = layer(x)
        if index in (2, 4):
            grid = q[index - 1].output_quantizer.params
            as_integers = quant.quantize(x.data, grid).transpose(0, 2, 3, 1)
            count += int(
                (as_integers != inference[f"layer {index // 2}, result"]).sum()
            )
    return count


rounded_biases = copy.deepcopy(q)
for module, layer in zip(rounded_biases, q, strict=True):
    if hasattr(layer, "arithmetic"):
        module.bias.data[:] = layer.arithmetic().bias * layer.arithmetic().scale
counts = on_other_integers(q), on_other_integers(rounded_biases)
lab.say(
    f"Of {inference['layer 1, result'].size + inference['layer 2, result'].size:,} "
    f"activations **{counts[0]}** land on another integer in training mode than in "
    f"inference; with biases rounded as inference rounds them, **{counts[1]}**."
)

# %% [markdown]
# ## What if one follows the chart?
#
# First its inference branch: activations become integers, weights stay real. Then the product has an
# integer on one side and a float on the other, which an integer kernel does not take. Nor does the model
# shrink.

# %%
try:
    kernels.default().int8_matmul(traced[3], q[6].weight.data.T)
except (TypeError, ValueError) as refusal:
    print(f"{type(refusal).__name__}: {refusal}")

real_bytes = sum(before.nbytes for before in latent)
print(f"weights: {real_bytes:,} bytes real, {model.weight_bytes:,} as 4-bit integers")

# %% [markdown]
# Then its training branch. Four networks train on from the same start: with nothing quantized, with weights
# only (the chart), with activations only, with both. All are then deployed alike, weights and activations in
# two bits, so that there is something to lose. The steps $s$ of the grids are learned along with the weights
# (LSQ, Esser et al. 2020, arXiv:1902.08153).

# %%
WAYS = {
    "nothing": (False, False),
    "weights (the chart)": (True, False),
    "activations": (False, True),
    "both": (True, True),
}
LEARNED, OBSERVED = (qat.LSQ(2), qat.LSQ(2)), (qnn.int_weights(2), qnn.Uniform(2))


def deployed(seed, schemes, weights, activations):
    qb.manual_seed(seed)
    two_bits = qnn.QuantConfig(
        *schemes, overrides={"input": {"activations": qnn.Uniform(8)}}
    )
    q = qat.prepare(lab.digits_cnn(seed).model, two_bits, digits.batches())
    with qnn.in_float(q, weights=not weights, activations=not activations):
        digits.train(q, lab.epochs(3), 2e-3)
    if not activations:  # their grid has to be found now
        ptq.calibrate(q, digits.batches())
    return 100 * digits.correct(integer.convert(q)).mean()


right = {
    way: [deployed(seed, LEARNED, *what) for seed in SEEDS]
    for way, what in WAYS.items()
}
behind = {way: lab.over_seeds(np.subtract(right["both"], right[way])) for way in right}
lab.table(
    ("quantized in training", "deployed, % right", "points behind both"),
    [(way, lab.over_seeds(right[way]), behind[way]) for way in right],
    f"Test digits, run on integers; {len(SEEDS)} seeds, 95 % intervals of the mean.",
)

# %% [markdown]
# Does that depend on learning the steps? Grids whose ranges are only *observed*, at the start, as in the
# batch above:

# %%
by_sight = {
    way: [deployed(seed, OBSERVED, *WAYS[way]) for seed in SEEDS]
    for way in ("weights (the chart)", "both")
}
chart, both = by_sight.values()
behind_by_sight = lab.over_seeds(np.subtract(both, chart))
decided = "is decided" if behind_by_sight.low > 0 else "is not decided"
lab.say(
    f"With observed ranges the chart's network is **{behind_by_sight}** points behind, "
    f"which {decided}."
)

# %% [markdown]
# A grid that is to be *learned* needs activations that are rounded while it learns. Where the grid was fixed
# beforehand that reason falls away; what is left is how far the weights can adapt to it.

# %%
lab.erratum(
    "balance/2.2#both-need-both",
    "In the flow chart, training quantizes the weights and inference the activations.",
    f"Inference with real weights keeps all {real_bytes:,} bytes of them (as 4-bit "
    f"integers {model.weight_bytes:,}) and has no integer product. After training "
    "with weights quantized alone, a network deployed in two bits is "
    f"{behind['weights (the chart)']} points behind one trained with both, if grids "
    f"are learned, and {behind_by_sight} if their ranges are observed ({len(SEEDS)} "
    "seeds).",
    "Both branches quantize both: training by fake quantization, inference in "
    "integers.",
)

# %% [markdown]
# ## What is updated?
#
# The third point: "quantize the weights, then update the parameters". *Which* parameters? There are two
# readings, and one line of code lies between them. Either the optimizer's step is added to the latent
# weights, or to the quantized ones, which are all that there is then:
#
# $$ w \leftarrow w - \Delta, \quad \hat w = Q(w)
#    \qquad \text{or} \qquad \hat w \leftarrow Q(\hat w - \Delta) \tag{3} $$
#
# In the second reading, a weight that sits on a grid point must leave its neighbourhood in *one* step, or
# the rounding takes it back to where it was:
#
# $$ |\Delta| < \frac{s}{2} \quad\Rightarrow\quad Q(\hat w - \Delta) = \hat w \tag{4} $$
#
# (for a fixed $s$; below, it follows the largest weight of each channel). Here are both, with four bits.


# %%
def to_nearest(w):
    lo, hi = quant.range_of(w, axis=0)
    p = quant.params_from_range(
        lo, hi, n_bits=4, symmetric=True, narrow_range=True, axis=0
    )
    return quant.fake_quantize(w, p)


def train(model, rounded, keeps_latent, lr, epochs=6):
    weights = [p for p in model.parameters() if p.ndim > 1]
    loader = data.Loader(digits.x_train, digits.y_train, 64)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    curve = []
    for _ in range(lab.epochs(epochs)):
        losses = []
        for x, y in loader:
            latent = [w.data.copy() for w in weights]
            for w in weights:
                w.data[:] = rounded(w.data)
            loss = F.cross_entropy(model(qb.Tensor(x)), y)
            optimizer.zero_grad()
            loss.backward()
            if keeps_latent:  # the line between the two readings
                for w, before in zip(weights, latent, strict=True):
                    w.data[:] = before
            optimizer.step()
            losses.append(loss.item())
        curve.append(np.mean(losses))
    for w in weights:
        w.data[:] = rounded(w.data)
    return curve


# %% [markdown]
# Two more contestants keep it fair. Perhaps quantized weights only need a larger step: ten times the
# learning rate. And perhaps rounding need not forget: **stochastic rounding** (随机舍入) goes up with
# probability 0.3 from 4.3, so that small steps count *on average* (Gupta et al. 2015, arXiv:1502.02551).


# %%
def at_random(w):
    step = np.abs(w).max(axis=tuple(range(1, w.ndim)), keepdims=True) / 7
    up = qb.random.default_rng().random(w.shape, dtype=np.float32)
    return step * np.clip(np.floor(w / step + up), -7, 7)


def level(w_hat):
    return np.round(7 * w_hat / np.abs(w_hat).max(axis=(1, 2, 3), keepdims=True))


ROADS = {
    "latent weights": (to_nearest, True, 0.002),
    "quantized weights": (to_nearest, False, 0.002),
    "quantized weights, rate × 10": (to_nearest, False, 0.02),
    "quantized weights, at random": (at_random, False, 0.002),
}


def arrive(seed, rounded, keeps_latent, lr):
    run = lab.trained(
        lab.digits_network, lambda model: train(model, rounded, keeps_latent, lr), seed
    )
    qb.manual_seed(seed)
    before = level(to_nearest(lab.digits_network()[4].weight.data))
    changed = np.mean(level(run.model[4].weight.data) != before)
    return run.result, changed, 100 * digits.correct(run.model).mean()


runs = {name: [arrive(seed, *road) for seed in SEEDS] for name, road in ROADS.items()}
curves = {name: [curve for curve, _, _ in seeds] for name, seeds in runs.items()}
changed = {name: [part for _, part, _ in seeds] for name, seeds in runs.items()}
shares = {name: [right for _, _, right in seeds] for name, seeds in runs.items()}

# %%
with plots.style():
    fig = plots.figure(820, 430)
    axes = fig.add_subplot(xlabel="epoch", ylabel="training loss", yscale="log")
    for (road, seeds), dash in zip(curves.items(), ("-", "--", "-.", ":"), strict=True):
        epoch = np.arange(1, len(seeds[0]) + 1)
        (line,) = axes.plot(epoch, np.mean(seeds, axis=0), dash, label=road)
        axes.fill_between(
            epoch,
            np.min(seeds, axis=0),
            np.max(seeds, axis=0),
            alpha=0.2,
            color=line.get_color(),
        )
    axes.legend(loc="lower left", fontsize=10)
    axes.set_title("What forgets its small steps does not arrive")
lab.show(
    fig,
    alt="Training loss over epochs, logarithmic, with the spread over seeds: latent "
    "weights and stochastic rounding fall steadily together, quantized weights stay "
    "high, and with ten times the rate they fall and then linger.",
)
lab.table(
    ("updated", "integers changed", "last loss", "test digits right, %"),
    [
        (
            road,
            f"{np.mean(changed[road]):.1%}",
            f"{np.mean([curve[-1] for curve in curves[road]]):.3f}",
            lab.over_seeds(shares[road]),
        )
        for road in ROADS
    ],
    f"Weights of four bits; {len(SEEDS)} seeds. Integers: of the middle layer.",
)

# %% [markdown]
# Both readings compute with the same grid and follow the same gradient; they differ in what they remember. A
# latent weight adds up small steps until they are worth an integer. A quantized weight starts again from
# its grid point each time. Equation (4) names the price of the loss of memory:

# %%
qb.manual_seed(0)
start = to_nearest(lab.digits_network()[4].weight.data)
half_step = np.median(np.abs(start).max(axis=(1, 2, 3)) / 7 / 2)
rate = ROADS["quantized weights"][2]
behind_latent = {
    road: lab.over_seeds(np.subtract(shares["latent weights"], shares[road]))
    for road in list(ROADS)[1:]
}
lab.say(
    f"Half a step of the middle layer is **{half_step:.4f}** at the start. Adam moves "
    f"a weight by about its learning rate, **{rate}**."
)

# %% [markdown]
# Ten times the rate can get across, but then a step is a whole integer or more for some weights and nothing
# for all others. And rounding at random shows what is really needed: not latent weights as such, but that
# small steps are not lost. It keeps no second copy of the weights, which interests whoever trains where
# memory is scarce.

# %%
lab.erratum(
    "balance/2.2#update-quantized",
    "In training the weights are quantized, then the parameters are updated.",
    "If the quantized weights themselves are updated, at 4 bits "
    f"{np.mean(changed['quantized weights']):.1%} of the middle layer's integers "
    "change in a whole training, and the network is "
    f"{behind_latent['quantized weights']} points behind the one with latent weights; "
    f"with ten times the rate {behind_latent['quantized weights, rate × 10']} points "
    f"({len(SEEDS)} seeds).",
    "Quantize, compute the loss with the quantized weights, and add the step to the "
    "latent ones. Without latent weights, round at random: "
    f"{behind_latent['quantized weights, at random']} points behind.",
)

# %% [markdown]
# ## The chart, corrected
#
# ```
# training:   latent weights ── fake quantize ──┐
#             input ── fake quantize ── product ┴─ ReLU, fake quantize ── … ── loss
#             loss ── gradients, straight through each rounding ── step of the latent weights
#
# inference:  integer weights, stored ──────────┐
#             input ── quantize ────── product ─┴─ requantize ── … ── scores
# ```
#
# ## What we measured

# %%
lab.say(f"""
- In training all is float32, but activations and weights in use have as few different
  values as their bits allow; gradients and latent weights are real. One step moved
  {moved:,} latent weights and changed {turned:,} integers.
- In inference all is integer. Simulation and integers agree in every bit; training mode
  differs in {counts[0]} activations of the batch, {counts[0] - counts[1]} of them by
  the rounding of biases.
- Two bits, learned grids: training that quantizes weights only ends
  **{behind["weights (the chart)"]}** points behind training that quantizes both.
- Four bits: updating the quantized weights ends
  **{behind_latent["quantized weights"]}** points behind updating latent ones.
""")

# %% [markdown]
# ## Try next
#
# [One bit](realtime/3.1) takes the estimator to its limit. [One tie, four
# answers](foundations/integer_arithmetic) opens the box called requantize. [How many bits a network
# needs](realtime/2.1.2) compares training with and without quantization at equal length.
#
# ## Exercises
#
# 1. In `fake_quantize`, let `inside` be 1 everywhere. Which assertion fails, and at which points? What would
#    become of latent weights that have left the grid, in a training with this rule and in one with (2)?
# 2. Use equation (4) to predict the learning rate at which `quantized weights` begins to learn with *eight*
#    bits. Try half of it and twice of it.
# 3. Round the biases in training mode, too (an `nn.Module` that calls `qnn.fake_quantize` on them is
#    enough). Are there still activations on another integer? On other batches?
# 4. The latent weights double the memory of the weights in training. How many bytes do the gradients and
#    Adam's two averages add? Is stochastic rounding worth its saving then?
