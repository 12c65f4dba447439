"""Real time, 2.1: the affine map on a trained layer, and accuracy against bits with and without training."""

# %% [markdown]
# # 2.1 The affine map, and how many bits a network needs
#
# *量化技术的基本原理*
#
# Quantization (量化) replaces the real numbers of a network by small integers. The original promises
# three things of it, a smaller model, faster inference and accuracy hardly touched, and then sorts the
# methods. Both can be measured. After this chapter you can
#
# - quantize a tensor in two lines, and bound the error of each number;
# - say what a format (FP16, BF16, INT8, INT4 …) costs in bytes and in right answers;
# - decide whether quantizing *after* training is enough, or the network has to be trained *with* it.
#
# Read first: [One network, three ways to write its numbers](realtime/1). The formulas used here are
# derived in [From one requirement to every formula](balance/4.1). The run takes about half a minute,
# and half a minute more the first time, to train the network.
#
# ## 2.1.1 What quantization is and what it is for (量化概念的引入和作用)
#
# A trained weight is a float32 number (浮点数): 32 bits, enough for atoms and galaxies. The weights of a
# layer span a small range. So let us write them with 256 integers. One real number, the scale (缩放因子) $s$,
# says how far apart they lie; an integer, the zero point (零点) $z$, says which of them means 0:
#
# $$ q = \mathrm{clip}\!\left(\mathrm{round}\!\left(\frac{x}{s}\right) + z,\; q_{\min},\, q_{\max}\right)
# \tag{1} $$
#
# $$ \hat x = s\,(q - z) \tag{2} $$
#
# (1) is stored and computed with, (2) is what it stands for. Here is a trained layer, and six of its
# weights on their way there and back.

# %%
import copy
import time

import numpy as np

import qbref as qb
from qbref import calibration, integer, kernels, lab, plots, ptq, qat, qnn, quant

fashion = lab.fashion()
network = lab.fashion_cnn().model
W = network.state_dict()["9.weight"]

p = quant.params_from_range(*quant.range_of(W), n_bits=8)
s, z = p.scale, p.zero_point
q = np.clip(np.round(W / s) + z, -128, 127).astype(np.int8)
W_hat = s * (q - z.astype(np.float32))
assert np.array_equal(q, quant.quantize(W, p)) and np.array_equal(
    W_hat, quant.dequantize(q, p)
)

print(
    f"{W.size:,} weights from {W.min():.4f} to {W.max():.4f}, scale {s:.6f}, zero point {z}"
)
print("weight  ", *(f"{v:+.5f}" for v in W[0, 300:306]))
print("integer ", *(f"{v:8}" for v in q[0, 300:306]))
print("means   ", *(f"{v:+.5f}" for v in W_hat[0, 300:306]))

# %% [markdown]
# The shape of the distribution survives, on a comb instead of a line. With 8 bits the teeth are so close
# that a histogram hardly shows them; with 4 bits they can be counted.

# %%
with plots.style():
    fig = plots.figure(1000, 360)
    before, *after = fig.subplots(1, 3)
    before.hist(W.ravel(), bins=200)
    before.set(title="before: float32", xlabel="weight", ylabel="how many")
    for axes, n_bits in zip(after, (8, 4), strict=True):
        by_bits = quant.params_from_range(*quant.range_of(W), n_bits=n_bits)
        values, counts = np.unique(quant.quantize(W, by_bits), return_counts=True)
        axes.vlines(values, 0, counts, color=plots.PALETTE["vermilion"], lw=8 / n_bits)
        axes.set(title=f"after: {n_bits} bits", xlabel="integer", ylim=(0, None))
lab.show(
    fig,
    "Three histograms of the same bell: float weights, 8-bit integers as a fine comb, 4-bit integers as "
    "a dozen separate teeth.",
)

# %% [markdown]
# How wrong can a weight be? Inside the range the nearest integer is never more than half a step away:
#
# $$ |x - \hat x| \le \frac{s}{2}, \qquad s = \frac{hi - lo}{2^n - 1} \tag{3} $$
#
# Each bit less doubles the step.

# %%
for n_bits in (8, 6, 4, 2):
    by_bits = quant.params_from_range(*quant.range_of(W), n_bits=n_bits)
    error = np.abs(W - quant.fake_quantize(W, by_bits)).max()
    step = by_bits.scale
    print(
        f"{n_bits} bits: step {step:.5f}, largest error {error:.5f}, {error / step:.3f} steps"
    )

# %% [markdown]
# ### From one layer to the network
#
# Activations (激活值), the numbers that flow between layers, are quantized by the same formulas. Their
# range is not known beforehand; it is measured on a few hundred training images: calibration (校准).
# Weights get one scale for each output channel. All ranges clip outliers where that lowers the mean squared
# error; the picture that comes in keeps 8 bits.


# %%
def config(n_bits):
    weights = qnn.int_weights(n_bits, clip="mse") if n_bits > 1 else qat.DoReFa(1)
    return qnn.QuantConfig(
        weights=weights,
        activations=qnn.Uniform(max(n_bits, 2)),
        observer=calibration.MSE,
        overrides={"input": {"activations": qnn.Uniform(8)}},
    )


FORMATS = {"INT8": 8, "INT4": 4, "INT3": 3, "INT2": 2, "binary": 1}
models, after_training = {}, {}
for name, n_bits in FORMATS.items():
    simulated = ptq.quantize_static(network, fashion.batches(), config(n_bits))
    models[name] = integer.convert(simulated)
    assert integer.count_differences(simulated, models[name], fashion.x_test[:64]) == 0
    after_training[name] = fashion.correct(models[name])

# %% [markdown]
# "Binary" keeps the sign of each weight, times the mean magnitude of its layer; its activations have two
# bits. What runs here is no simulation: `integer.convert` leaves only integers between the first layer and
# the last, and the assertion says that not one output differs from the formulas.
#
# **Smaller?** We count what has to be stored: integers, scales, biases.

# %%
folded = ptq.fold_batchnorm(network)  # the smallest that float32 can do
float_bytes = sum(parameter.data.nbytes for parameter in folded.parameters())
sizes = {"FP32": float_bytes} | {name: model.nbytes for name, model in models.items()}
lab.table(
    ("format", "bytes", "times smaller"),
    [(name, f"{size:,}", f"{float_bytes / size:.1f}") for name, size in sizes.items()],
    "The whole network, everything included.",
)
pairs = list(zip(sizes, list(sizes)[1:], strict=False))
lab.claim(
    "realtime/2.1.1#smaller",
    "Fewer bits for each parameter make a smaller model.",
    lab.facts({f"{b} below {a}": sizes[b] < sizes[a] for a, b in pairs}),
    "Bytes: " + ", ".join(f"{name} {size:,}" for name, size in sizes.items()) + ".",
)

# %% [markdown]
# Nearly the factor that the bits promise, with one exception. Memory is addressed in bytes, and 3 does
# not divide 8: in this library three-bit integers live in four-bit fields. A format saves
# what its *storage* saves.
#
# **Without hurting accuracy?** (精度) "Significantly" is not a number, so we choose one before looking: a
# loss of less than one percentage point on the test images, with paired intervals.

# %%
in_float = fashion.correct(network)
losses = {
    name: lab.paired(correct, in_float) for name, correct in after_training.items()
}
lab.claim(
    "realtime/2.1.1#without-hurting-accuracy",
    "Quantized after training, the network loses less than one percentage point.",
    lab.more_than(-1, losses),
    f"FP32 {lab.accuracy(in_float)} %. Change in points: "
    + "; ".join(f"{name}: {loss}" for name, loss in losses.items()),
)

# %% [markdown]
# **Faster?** Three comparisons, because "fewer bits are faster" is three statements. The network, 64 images
# at a time, in float and in integers; the same with still fewer bits; and the bare matrix product of the
# largest layer, where the float side is NumPy's BLAS, an opponent tuned for decades. (One image at a time is
# over before the bits matter: [chapter 1](realtime/1) times that.)

# %%
some = fashion.x_test[:64]
core = kernels.default()
a, b = np.ones((64, W.shape[1]), np.float32), np.ascontiguousarray(W.T)
a8, b8 = a.astype(np.int8), core.pack_rhs(np.ascontiguousarray(q.T))
times = lab.take_turns(
    {
        "network FP32": lambda: lab.scores(folded, some),
        "network INT8": lambda: models["INT8"].run(some),
        "network INT4": lambda: models["INT4"].run(some),
        "product FP32": lambda: a @ b,
        "product INT8": lambda: core.int8_matmul(a8, b8),
    },
    seconds=1.0,
)
faster = {
    "network, INT8 against FP32": lab.times_faster(
        times["network FP32"], times["network INT8"]
    ),
    "network, INT4 against INT8": lab.times_faster(
        times["network INT8"], times["network INT4"]
    ),
    "product, INT8 against FP32": lab.times_faster(
        times["product FP32"], times["product INT8"]
    ),
}
lab.table(
    ("microseconds", "median"),
    [(name, f"{1e6 * np.median(t):.0f}") for name, t in times.items()],
    f"Network: 64 images. Product: (64 × {W.shape[1]}) · ({W.shape[1]} × {W.shape[0]}).",
)
lab.claim(
    "realtime/2.1.1#faster",
    "Fewer bits make inference faster (64 images at a time).",
    lab.more_than(1, faster),
    "Times as fast: "
    + "; ".join(f"{name}: {ratio}" for name, ratio in faster.items())
    + ".",
)

# %% [markdown]
# Compare the middle ratio with 2, which half as many bits might promise. Processors multiply bytes; they
# have no four-bit multiplier. So the integers are unpacked to bytes and multiplied as such, and what four
# bits gain in time, if anything, is not arithmetic. That changes only at one bit, where a product is an
# XNOR ([chapter 3.2](realtime/3.2)).
#
# ## 2.1.2 The methods, sorted and compared (量化方法的分类与对比)
#
# The original sorts by two questions: *how many bits*, and *when*.
#
# ### How many bits: floats first
#
# Half of the formats in its list are not integers at all. A float has a sign, an exponent and a fraction
# (尾数) of $m$ bits, and rounding to it has a bounded *relative* error,
#
# $$ \frac{|x - \hat x|}{|x|} \le 2^{-(m+1)}, \tag{4} $$
#
# where (3) is an absolute one. FP16 splits its 16 bits into 5 and 10, BF16 into 8 and 7: less precise,
# but with the range of float32.

# %%
sixteen, after_rounding = {"FP16": "fp16", "BF16": "bf16"}, {}
assert np.array_equal(
    quant.cast_float(W, "fp16"), W.astype(np.float16).astype(np.float32)
)
for name, form in sixteen.items():
    rounded = copy.deepcopy(network)
    rounded.load_state_dict(
        {k: quant.cast_float(v, form) for k, v in network.state_dict().items()}
    )
    after_rounding[name] = fashion.correct(rounded)
    normal = W[np.abs(W) > 2.0**-14]
    relative = np.abs(quant.cast_float(normal, form) / normal - 1).max()
    print(f"{name}: largest relative error 2^{np.log2(relative):.2f}")

# %% [markdown]
# (Below $2^{-14}$ FP16 runs out of exponents and (4) no longer holds; we left those few weights out.) Only
# storage is rounded here; products are still computed in float32.

# %%
rows = [("FP32", 32, f"{float_bytes:,}", f"{100 * in_float.mean():.2f}", "")]
for name, correct in (after_rounding | after_training).items():
    size = models[name].nbytes if name in models else float_bytes // 2
    row = (name, FORMATS.get(name, 16), f"{size:,}", f"{100 * correct.mean():.2f}")
    rows.append((*row, lab.paired(correct, in_float)))
lab.table(
    ("format", "bits", "bytes", "accuracy, %", "against FP32, points"),
    rows,
    f"After training, {len(in_float):,} test images, paired 95 % intervals.",
)
loss = {name: lab.paired(in_float, after_training[name]) for name in FORMATS}
lab.claim(
    "realtime/2.1.2#ptq-loses-more",
    "Quantization after training can lose much accuracy (here: more than one point).",
    lab.more_than(1, loss),
    "Points lost: "
    + "; ".join(f"{name}: {value}" for name, value in loss.items())
    + ".",
)

# %% [markdown]
# Neighbours in the table may change places: at few bits, what rounding does to one network is partly luck.
#
# ### When: after training, or during it
#
# What we have done so far is *post-training quantization* (训练后量化, PTQ). Its weakness is visible in the
# table: the network was never told. *Quantization-aware training* (量化感知训练, QAT) tells it: in every
# forward pass weights and activations go through (1) and (2), so that the loss is that of the network
# which will run. One obstacle is in the way. Rounding is a staircase; its derivative is 0 almost
# everywhere, and nothing would be learned. QAT pretends it were 1 inside the range (straight-through
# estimator, 直通估计器):
#
# $$ \frac{\partial \hat x}{\partial x} := \begin{cases} 1 & lo \le x \le hi \\ 0 & \text{otherwise}
# \end{cases} \tag{5} $$
#
# Why such a lie works is the subject of [A gradient machine](foundations/autograd).
#
# A fair comparison needs one precaution. QAT goes on training, and a network that trains longer may be
# better for that reason alone. So there are three contestants: PTQ of the trained network; PTQ of the same
# network *trained on* in float, for as many epochs as QAT; and QAT. Each starts from the same float network,
# and all is repeated with several seeds, on the small 8 × 8 digits, where a training takes a second.

# %%
digits, SEEDS, EPOCHS = lab.digits(), range(2 if lab.quick() else 5), lab.epochs(2)
batches = digits.batches()
right = {
    (way, name): [] for way in ("PTQ", "trained on, PTQ", "QAT") for name in FORMATS
}
seconds, floats = {"PTQ": [], "QAT": []}, []


def timed(way, work, *arguments):
    started = time.perf_counter()
    result = work(*arguments)
    seconds[way].append(time.perf_counter() - started)
    return result


def train_with_quantization(start, n_bits):
    q = qat.prepare(start, config(n_bits), batches)
    digits.train(q, EPOCHS, 2e-3)
    return q


# %%
for seed in SEEDS:
    qb.manual_seed(seed)
    start = lab.digits_cnn(seed).model
    longer = copy.deepcopy(start)
    digits.train(longer, EPOCHS, 2e-3)
    floats.append(100 * digits.correct(start).mean())
    for name, n_bits in FORMATS.items():
        three = {
            "PTQ": timed("PTQ", ptq.quantize_static, start, batches, config(n_bits)),
            "trained on, PTQ": ptq.quantize_static(longer, batches, config(n_bits)),
            "QAT": timed("QAT", train_with_quantization, start, n_bits),
        }
        for way, q in three.items():
            on_integers = integer.convert(q)
            assert integer.count_differences(q, on_integers, digits.x_test[:64]) == 0
            right[way, name].append(100 * digits.correct(on_integers).mean())

# %%
ways = ("PTQ", "trained on, PTQ", "QAT")
gains = {
    n: lab.over_seeds(np.subtract(right["QAT", n], right["trained on, PTQ", n]))
    for n in FORMATS
}
lab.table(
    ("format", *(f"{way}, %" for way in ways), "QAT above trained on, PTQ"),
    [
        (n, *(f"{np.mean(right[way, n]):.1f}" for way in ways), gains[n])
        for n in FORMATS
    ],
    f"8 × 8 digits, run on integers: means of {len(SEEDS)} seeds. In float "
    f"{np.mean(floats):.1f} %. Last column: points with the 95 % interval over seeds.",
)

# %%
with plots.style():
    fig = plots.figure(900, 460)
    axes = fig.add_subplot(xlabel="bits of a weight", ylabel="accuracy, %")
    axes.set_title("Accuracy against bits")
    axes.axhline(np.mean(floats), color=plots.PALETTE["black"], ls=":", label="float32")
    for i, (way, marker) in enumerate(zip(ways, "o^s", strict=True)):
        means = [lab.over_seeds(right[way, name]) for name in FORMATS]
        reach = [(m.estimate - m.low, m.high - m.estimate) for m in means]
        x = np.arange(len(FORMATS)) + 0.08 * (i - 1)
        y = [m.estimate for m in means]
        axes.errorbar(x, y, np.transpose(reach), marker=marker, capsize=3, label=way)
    axes.set_xticks(range(len(FORMATS)), FORMATS.values())
    axes.set_ylim(None, 102)
    axes.legend(loc="lower left")
lab.show(
    fig,
    "Accuracy on the digits at 8, 4, 3, 2 and 1 bits with intervals over seeds: the curves lie together "
    "at 8 bits and part at few bits, where QAT stays above both kinds of PTQ.",
)

# %% [markdown]
# Read the picture from left to right. As long as the steps are fine there is nothing to be told, and the
# curves lie on each other. Towards few bits, PTQ falls off a cliff and QAT walks down a slope. The verdicts,
# and the bill:

# %%
lab.claim(
    "realtime/2.1.2#qat-keeps-more",
    "Quantization-aware training keeps more accuracy than quantization after equally long training.",
    lab.more_than(0, gains),
    "Points: "
    + "; ".join(f"{name}: {gain}" for name, gain in gains.items())
    + f" ({len(SEEDS)} seeds).",
)
cost = lab.median(np.divide(seconds["QAT"], seconds["PTQ"]))
lab.claim(
    "realtime/2.1.2#qat-costs-more",
    "Quantization-aware training needs more computation than quantization after training.",
    lab.more_than(1, cost),
    f"{np.median(seconds['QAT']):.2f} s against {np.median(seconds['PTQ']):.2f} s: {cost} times as long.",
)

# %% [markdown]
# "Simple to carry out" can be made testable, too. PTQ sees a few hundred images and no labels (标签); it has
# no learning rate to tune and draws no random number, so that two runs should agree to the last bit; and it
# should take less time than a single epoch of training.

# %%
qb.manual_seed(1)
twice = [
    integer.convert(ptq.quantize_static(start, batches, config(4))) for _ in range(2)
]
first, second = (model.run(digits.x_test) for model in twice)
simple = {
    "no labels": all(isinstance(batch, np.ndarray) for batch in batches),
    "repeatable": np.array_equal(first, second),
    "quicker than an epoch": np.median(seconds["PTQ"])
    < np.median(seconds["QAT"]) / EPOCHS,
}
lab.claim(
    "realtime/2.1.2#ptq-simpler",
    "Quantization after training is simple to carry out.",
    lab.facts(simple),
    f"{sum(map(len, batches))} images without labels, {np.median(seconds['PTQ']):.2f} s, "
    f"{np.count_nonzero(first != second)} outputs different in a second run; an epoch of QAT takes "
    f"{np.median(seconds['QAT']) / EPOCHS:.2f} s.",
)

# %% [markdown]
# ## What we measured

# %%
enough = [name for name, value in losses.items() if value.low > -1]
better = [name for name, gain in gains.items() if gain.low > 0]
lab.say(
    f"""
- Eight bits make the network {float_bytes / sizes["INT8"]:.1f} times smaller and change its accuracy by
  {losses["INT8"]} points. The loss is certainly below one point with: {", ".join(enough) or "none"}.
- Bytes follow the storage, not the name: INT3 takes {sizes["INT3"]:,} bytes, INT4 {sizes["INT4"]:,}.
- With 64 images the INT8 network is {faster["network, INT8 against FP32"]} times as fast as the float one;
  four bits against eight: {faster["network, INT4 against INT8"]} times.
- Training with quantization is better, by more than its interval, for: {", ".join(better) or "none"}. At two
  bits the gain is {gains["INT2"]} points. It takes {cost} times as long.
"""
)

# %% [markdown]
# A rule of thumb to test against such figures: eight bits after training; if that is too large, four bits
# after training, measured; below that, train with quantization.
#
# ## Try next
#
# - [Where accuracy goes, and how to get it back](realtime/2.3): better calibration before more training.
# - [Weights, activations, both](balance/2.1): which of the two hurts at few bits?
# - Give `config` activations of 8 bits throughout. How much of the loss at two bits remains?
#
# ## Exercises
#
# 1. By (3), how many bits keep the largest error of the layer below 0.001? Compute it by hand from the range
#    printed above, then check with `quant.params_from_range`.
# 2. Show that rounding to FP16 can be worse than INT8: for values between 999 and 1000, which bound on the
#    error is smaller, (3) with $lo = 999$, $hi = 1000$ or (4)? Which requirement forbids this range to (1)?
# 3. Give PTQ fewer images: `digits.batches(16)`. By how much does the spread over seeds grow at four bits?
# 4. Train with quantization *from scratch*, `qat.prepare(lab.digits_network(), config(2), batches,
#    batchnorm="keep")`, for 16 epochs. Is a float network to start from worth its training?
