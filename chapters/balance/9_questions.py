# %% [markdown]
# # 9 Five questions, answered with measured numbers
#
# *附录:常见问题与解答*
#
# The original closes with five questions and answers each in a sentence. We answer with a number each, and
# say where in this book it was first measured. After this chapter you will be able to
#
# - answer the five questions to somebody who asks "how much?";
# - show where a deployed network still quantizes, and what training with quantization costs;
# - know which chapter to open for the whole story.
#
# Read [One batch through training and inference](balance/2.2) and [A ruler or a table](balance/3.1)
# before. Run time: under a minute, and half a minute more the first time, to train the network.

# %%
import numpy as np

import qbref as qb
import qbref.nn.functional as F
from qbref import calibration, integer, kernels, lab, nn, optim, plots, ptq, qat, qnn

fashion = lab.fashion()
network = lab.fashion_cnn().model
batches = fashion.batches()
in_float = fashion.correct(network)
float_bytes = sum(parameter.data.nbytes for parameter in network.parameters())

# %% [markdown]
# ## 9.1 What is quantization? (什么是量化?)
#
# *The original: turning the floating-point weights and activations of a model into integers of low precision,
# to lower computation and storage.*
#
# In a formula, $q = \operatorname{round}(x / s) + z$, clipped to the integers at hand. In numbers, for the
# network that this book trains on Fashion-MNIST:

# %%
simulated = ptq.quantize_static(network, batches)
int8 = integer.convert(simulated)
assert integer.count_differences(simulated, int8, fashion.x_test[:256]) == 0
right = fashion.correct(int8)

image = fashion.x_test[:1]
times = lab.take_turns(
    {"float": lambda: lab.scores(network, image), "int8": lambda: int8.run(image)}, 0.5
)
faster = lab.times_faster(times["float"], times["int8"])
lab.table(
    ("", "float32", "int8"),
    [
        ("bytes", f"{float_bytes:,}", f"{int8.nbytes:,}"),
        ("test images right, %", lab.accuracy(in_float), lab.accuracy(right)),
        ("one image, µs", *(f"{1e6 * np.median(t):.0f}" for t in times.values())),
    ],
    "The whole network, weights and activations; float32 as this library runs it.",
)
lab.say(
    f"**{float_bytes / int8.nbytes:.1f}** times smaller, **{faster}** times as fast, and "
    f"{lab.paired(right, in_float)} points of accuracy on the same images."
)

# %% [markdown]
# From [the affine map](realtime/2.1.1), where the claims [smaller](realtime/2.1.1#smaller) and
# [faster](realtime/2.1.1#faster) have their verdicts. One thing is missing from the original's sentence:
# low precision need not mean *integers*. Sixteen-bit floats, tables of real values and single bits
# are [formats](realtime/2.1.2) in the same family.
#
# ## 9.2 Which kinds are there? (量化技术有哪些类型?)
#
# *The original: uniform quantization (均匀量化), which maps to a fixed range, and non-uniform (非均匀量化),
# which uses a lookup table (查找表).*
#
# Here are both, with four bits for each weight; and beside them a choice that the answer leaves out: one
# scale for each output channel (逐通道).

# %%
KINDS = {
    "uniform, one scale": qnn.Uniform(4, symmetric=True, narrow_range=True),
    "uniform, per channel": qnn.int_weights(4),
    "table of 16 values": qnn.Lut(4),
}
rows = []
for kind, weights in KINDS.items():
    q = ptq.quantize_static(network, batches, qnn.QuantConfig(weights=weights))
    layers = [layer for layer in q if hasattr(layer, "quantized_weight")]
    errors = [
        np.std(layer.quantized_weight().data - layer.weight.data)
        / layer.weight.data.std()
        for layer in layers
    ]
    model = integer.convert(q)
    points = lab.paired(fashion.correct(model), in_float)
    rows.append((kind, f"{model.nbytes:,}", f"{np.mean(errors):.1%}", points))
lab.table(
    ("4-bit weights", "bytes", "error of a weight", "accuracy against float32, points"),
    rows,
    "Error: standard deviation, in % of that of the weights, mean of the layers. Activations "
    f"of 8 bits; {len(in_float):,} test images, run on integers.",
)

# %% [markdown]
# Compare the order of the two columns. A smaller error makes better accuracy *likely*, not certain: the
# interval covers the choice of test images, not the luck of rounding one network. So one network is enough to
# answer "how much?", and not enough to say which kind is better.
#
# [A ruler or a table](balance/3.1) compares the two at equal bits in error and in time; [where tables come
# from](balance/4.2) derives them. And there are more questions by which to sort: *when*
# ([after training or during it](realtime/2.1.2)), *what* ([weights, activations, both](balance/2.1)), with
# ranges that are [stored or found at run time](balance/5.3), and with how many bits,
# [down to one](realtime/3.1).
#
# ## 9.3 How is it used in training and in inference? (量化技术如何应用在模型训练和推理中?)
#
# *The original: in training, weights and activations are quantized, which lowers model size and computation;
# in inference the quantized model runs directly, without any further quantization step.*
#
# The first half of each sentence is true, the second is not. First what is true. We look at one batch in both
# phases, as [one batch](balance/2.2) did in detail, at four bits.

# %%
digits = lab.digits()
x, y = digits.x_train[:64], digits.y_train[:64]
config = qnn.QuantConfig(weights=qnn.int_weights(4), activations=qnn.Uniform(4))
q = qat.prepare(lab.digits_cnn().model, config, digits.batches())
in_training = q[:2](qb.Tensor(x)).data
weights_in_training = q[1].quantized_weight().data
on_integers = integer.convert(q.eval())
in_inference = [values for _, values in on_integers.trace(x)][1]
weights_in_inference = on_integers.layers[1].weights[0].dense


def few(values):
    return len(np.unique(values)) <= 2**4


phases = {
    "training, weights": all(few(channel) for channel in weights_in_training),
    "training, activations": few(in_training),
    "inference, weights": few(weights_in_inference),
    "inference, activations": few(in_inference) and in_inference.dtype == np.int8,
}
lab.claim(
    "balance/9.3#both-phases",
    "Weights and activations are quantized in training and in inference.",
    lab.facts(phases),
    f"First layer, 4 bits: {len(np.unique(in_training))} different activations in "
    f"training ({in_training.dtype}), {len(np.unique(in_inference))} in inference "
    f"({in_inference.dtype}).",
)

# %% [markdown]
# ### What training with quantization costs
#
# Note the types in that line. In training the few values are *float32* numbers: every weight and every
# activation is rounded **in addition** to all that float training does. We time one training step of the
# same network, with and without.


# %%
def step(model):
    optimizer = optim.Adam(model.parameters(), lr=1e-3)

    def run():
        optimizer.zero_grad()
        F.cross_entropy(model(qb.Tensor(x)), y).backward()
        optimizer.step()

    return run


plain = ptq.fold_batchnorm(lab.digits_cnn().model).train()
with_quantization = qat.prepare(plain, config, digits.batches())
times = lab.take_turns(
    {"float": step(plain), "quantized": step(with_quantization)}, seconds=0.6
)
dearer = lab.times_faster(times["quantized"], times["float"])


def kept_bytes(model):
    values = [p.data for p in model.parameters()] + list(
        dict(model.named_buffers()).values()
    )
    return sum(np.asarray(value).nbytes for value in values)


lab.table(
    ("digits network", "one step, ms", "bytes of the model"),
    [
        (
            "float training",
            f"{1e3 * np.median(times['float']):.2f}",
            f"{kept_bytes(plain):,}",
        ),
        (
            "training with 4 bits",
            f"{1e3 * np.median(times['quantized']):.2f}",
            f"{kept_bytes(with_quantization):,}",
        ),
        ("deployed with 4 bits", "", f"{on_integers.nbytes:,}"),
    ],
)
lab.erratum(
    "balance/9.3#training-costs",
    "In training, quantization lowers the size of the model and the computation.",
    f"A training step with 4 bits takes {dearer} times as long as one in float, and the "
    f"model has {kept_bytes(with_quantization):,} bytes while it trains, against "
    f"{kept_bytes(plain):,}. It has {on_integers.nbytes:,} when deployed.",
    "Training with quantization costs more and keeps real latent weights; inference "
    "gets the benefit. (Training *in* low precision is another technique.)",
)

# %% [markdown]
# [After training or during it](realtime/2.1.2) has the bill of whole trainings.
#
# ### Where inference still quantizes
#
# The weights are integers for good. The activations cannot be: they did not exist before the image arrived.
# So the integer model begins with a step of that name, and *every* product ends with another. Here is the
# reason, in the largest layer of the Fashion network. Its inputs are int8, and what comes out of the
# product?

# %%
traced = {layer.path: values for layer, values in int8.trace(fashion.x_test[:256])}
inputs = next(v for v in traced.values() if v.ndim == 2)  # flattened
dense = next(m for m in simulated if isinstance(m, qnn.Linear)).arithmetic()
z = int(dense.input.zero_point)
product = kernels.default().int8_matmul(inputs, dense.weights.q.T, lhs_zero_point=z)
sums = product + dense.bias
outside = 100 * np.mean((sums < -128) | (sums > 127))
lab.say(
    f"Sums from **{sums.min():,}** to **{sums.max():,}**; {outside:.1f} % of them do not "
    "fit into the int8 that the next layer takes."
)

# %% [markdown]
# They have to be brought back to eight bits: rescaled, rounded, clipped. That *is* quantization (here
# **requantization**, 重量化). With *stored* scales it is one multiplication and a shift per number, which
# [integer arithmetic](foundations/integer_arithmetic) takes apart. *Dynamic* quantization
# ([the project](balance/5.3)) even has to find each scale first. How many numbers is that, for one image?

# %%
steps = [
    (layer, values.size)
    for layer, values in int8.trace(image)
    if type(layer).__name__ == "Quantize" or getattr(layer, "finish", None) is not None
]
at_run_time = sum(size for layer, size in steps[:-1])
dynamic = integer.convert(ptq.quantize_dynamic(network))
scales = [
    layer for layer in dynamic.layers if type(layer).__name__.startswith("Dynamic")
]
lab.table(
    ("step", "quantized for one image"),
    [
        (f"{layer.path}: {type(layer).__name__}", f"{size:,}")
        for layer, size in steps[:-1]
    ],
    "Stored scales. Convolutions with the pooling that follows them; the last layer "
    "hands its sums out.",
)
lab.erratum(
    "balance/9.3#no-further-step",
    "In inference the quantized model runs without any further quantization step.",
    f"For each image at least {at_run_time:,} activations are quantized, in "
    f"{len(steps) - 1} steps with stored scales; dynamically, {len(scales)} scales have to "
    f"be found first. Without that, {outside:.1f} % of the sums of the largest layer would "
    "not fit into int8.",
    "Weights need no further step. Activations are quantized at run time, with stored "
    "scales or with scales found there and then.",
)

# %% [markdown]
# ## 9.4 Does it cost accuracy? (量化技术会导致模型精度损失吗?)
#
# *The original: it may, especially when the quantization range is narrow. Choosing algorithm and range well
# keeps the loss as small as possible.*
#
# How small? We quantize weights and activations (the input keeps 8 bits), with ever more care:
#
# - **careless**: one scale for a layer, from the smallest to the largest value;
# - **range chosen**: one scale per channel, and ranges that make the squared error least, even if they clip
#   ([calibration](realtime/2.3.1));
# - **algorithm chosen**: the same, and at four and three bits each weight rounded so that the *output of its
#   layer* stays closest (GPTQ, Frantar et al. 2022, arXiv:2210.17323); at two, a short training with
#   quantization.


# %%
def chosen(n_bits, weight_rounding="nearest"):
    return qnn.QuantConfig(
        weights=qnn.int_weights(n_bits, clip="mse"),
        activations=qnn.Uniform(n_bits),
        observer=calibration.MSE,
        weight_rounding=weight_rounding,
        overrides={"input": {"activations": qnn.Uniform(8)}},
    )


def careless(n_bits):
    return qnn.QuantConfig(
        weights=qnn.Uniform(n_bits, symmetric=True, narrow_range=True),
        activations=qnn.Uniform(n_bits),
        overrides={"input": {"activations": qnn.Uniform(8)}},
    )


def change(q):
    model = integer.convert(q)
    assert integer.count_differences(q, model, fashion.x_test[:64]) == 0
    return lab.paired(fashion.correct(model), in_float)


BITS = (8, 3, 2) if lab.quick() else (8, 4, 3, 2)
ROUNDING = {8: "nearest", 4: "gptq", 3: "gptq"}
changes = {"careless": {}, "range chosen": {}, "algorithm chosen": {}}
for n_bits in BITS:
    careless_one = ptq.quantize_static(network, batches, careless(n_bits))
    with_range = ptq.quantize_static(network, batches, chosen(n_bits))
    if n_bits == 2:
        best = lab.trained(
            lambda: qat.prepare(network, chosen(2), batches),
            lambda q: fashion.train(q, lab.epochs(2), 1e-3),
        ).model
    else:
        best = ptq.quantize_static(network, batches, chosen(n_bits, ROUNDING[n_bits]))
    models = (careless_one, with_range, best)
    for choice, q in zip(changes, models, strict=True):
        changes[choice][n_bits] = change(q)

# %%
with plots.style():
    fig = plots.figure(820, 400)
    axes = fig.add_subplot(xlabel="bits", ylabel="change of accuracy, points")
    axes.axhline(-1, color="black", linewidth=1, linestyle=":")
    for (choice, values), marker in zip(changes.items(), "vos", strict=True):
        line = [values[n_bits].estimate for n_bits in BITS]
        axes.plot([str(n_bits) for n_bits in BITS], line, marker=marker, label=choice)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_yticks([-100, -10, -1, 0], ["−100", "−10", "−1", "0"])
    axes.legend(loc="lower left")
lab.show(
    fig,
    alt="Change of accuracy against bits, 8 to 2, for careless, range chosen and algorithm "
    "chosen; a dotted line at −1 point. The curves start together at 8 bits and fan "
    "out towards 2.",
)
lab.table(
    ("bits", *changes),
    [(n_bits, *(values[n_bits] for values in changes.values())) for n_bits in BITS],
    "Points against float32, paired 95 % intervals.",
)
best_choice = {f"{n} bits": changes["algorithm chosen"][n] for n in BITS}
lab.claim(
    "balance/9.4#choice-limits-loss",
    "With range and algorithm chosen well, the loss of accuracy stays below one point.",
    lab.more_than(-1, best_choice),
    "Points: "
    + ", ".join(
        f"{n} bits {changes['algorithm chosen'][n]} (careless {changes['careless'][n]})"
        for n in BITS
    )
    + ".",
)

# %% [markdown]
# And the narrow range, of which the original warns here and in [3.3](balance/3.3)? The ranges that were
# *chosen* are the narrow ones:

# %%
three_bits = ptq.quantize_static(network, batches, chosen(3))
worse = ", ".join(
    str(n) for n in BITS if changes["range chosen"][n].high < changes["careless"][n].low
)
shares = np.concatenate(
    [
        m.weight_quantizer.share.ravel()
        for m in three_bits
        if hasattr(m, "weight_quantizer")
    ]
)
lab.say(
    f"At three bits the chosen ranges cover on average **{100 * shares.mean():.0f} %** of "
    "that from the smallest to the largest weight. Together with a scale for each "
    f"channel they turn {changes['careless'][3]} points into "
    f"{changes['range chosen'][3]}."
    + (f" At {worse} bits they alone do worse than the careless ones." if worse else "")
)

# %% [markdown]
# Few *levels* cost accuracy. A narrower *range* spends the same levels on the values that are frequent: the
# squared error falls, and accuracy often, not always, follows.
#
# ## 9.5 What is it good for? (量化技术适用于哪些场景?)
#
# *The original: for many scenarios, mobile devices (移动设备), edge devices (边缘设备) and cloud computing
# (云计算) among them.*
#
# A phone or a camera answers one image at a time and has little memory; a data centre answers many at
# once. This processor can play all three parts, though not their power supply, of which [the first
# chapter](realtime/1#energy) makes an estimate. As a third case we take the network of [the
# project](balance/5), with 191 parameters, as a sensor might hold it (untrained: the time does not
# depend on the weights).

# %%
tiny = nn.Sequential(nn.Conv2d(1, 10, 3), nn.Conv2d(10, 1, 3)).eval()
tiny_int8 = integer.convert(ptq.quantize_dynamic(tiny))


def times_as_fast(model, on_integers, x):
    times = lab.take_turns(
        {"float": lambda: lab.scores(model, x), "int8": lambda: on_integers.run(x)},
        seconds=0.4,
    )
    return lab.times_faster(times["float"], times["int8"])


def times_smaller(model, on_integers):
    return sum(p.data.nbytes for p in model.parameters()) / on_integers.nbytes


many = fashion.x_test[:256]
faster = {
    "one image, as on mobile and edge": times_as_fast(network, int8, image),
    "256 images, as in the cloud": times_as_fast(network, int8, many),
    "a tiny network, one image": times_as_fast(tiny, tiny_int8, image),
}
smaller = {
    "size": times_smaller(network, int8),
    "size of the tiny network": times_smaller(tiny, tiny_int8),
}
exact = {name: lab.Interval(ratio, ratio, ratio) for name, ratio in smaller.items()}
lab.claim(
    "balance/9.5#scenarios",
    "In each scenario the 8-bit network is smaller and faster than this library's float network.",
    lab.more_than(1, faster | exact),
    "Times as fast as float32: "
    + "; ".join(f"{name} {ratio}" for name, ratio in faster.items())
    + ". Times smaller: "
    + "; ".join(f"{name} {ratio:.1f}" for name, ratio in smaller.items())
    + ". One processor, one thread.",
)

# %% [markdown]
# Bytes are the same on every device. Speed has to be measured on the one at hand: it depends on its
# instructions ([2.3.2](realtime/2.3.2)), on the network's shape ([5.3](balance/5.3)), and on the float
# program that one compares with: [scenarios](balance/6) takes one written for a single image, which may
# change the verdict, and picks a configuration for a given budget.
#
# ## What we measured

# %%
at_four_bits = "; ".join(f"{kind} {points} points" for kind, _, _, points in rows)
lab.say(f"""
- 9.1 What is it? Integers for real numbers: {float_bytes / int8.nbytes:.1f} times smaller,
  {lab.paired(right, in_float)} points.
- 9.2 Which kinds? With weights of four bits: {at_four_bits}.
- 9.3 In training and inference? A training step takes **{dearer}** times as long; in inference
  **{at_run_time:,}** activations of each image are still quantized.
- 9.4 Does it cost accuracy? At three bits {changes["careless"][3]} points carelessly, and
  **{changes["algorithm chosen"][3]}** with care.
- 9.5 What for? Times as fast: {"; ".join(f"{name} **{ratio}**" for name, ratio in faster.items())}.
""")

# %% [markdown]
# ## Try next
#
# All verdicts stand together in [the ledger](claims), all mistakes of the originals in [the errata](errata).
# For a sixth question, look among [the units of the course](course).
#
# ## Exercises
#
# 1. Answer question 9.4 for a network of yours: give `careless` and `chosen` to `ptq.quantize_static`, and
#    find the fewest bits with a loss below one point.
# 2. In 9.3, how many of the activations that are quantized at run time would a *weight-only* quantized
#    network quantize? What does it gain, then, and where?
# 3. Repeat the table of 9.2 with `lab.fashion_cnn(seed=1)`. Does the order of the last column survive? How
#    many seeds would you want before you wrote a sentence about it?
