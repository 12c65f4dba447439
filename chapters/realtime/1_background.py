"""Real time, 1: the same classifier in float32, int8 and one bit."""

# %% [markdown]
# # 1 One network, three ways to write its numbers
#
# *实时推理的量化与二值化背景介绍*
#
# A neural network is a few arrays of numbers and a few lines of arithmetic. This book asks one question
# about it: *how few bits can those numbers have?* Writing them as small integers is called quantization
# (量化), writing them as nothing but signs is called binarization (二值化). The original, a survey, promises
# that both make networks smaller, faster and more frugal, at hardly any loss. We will build everything that
# it mentions, and measure whether the promises hold.
#
# If you know NumPy you can read this book; no framework hides anything, and every measured figure was
# printed by its cell when the page was built. After this chapter you can
#
# - say what float32, int8 and binary mean for one and the same classifier,
# - measure bytes, latency and accuracy so that the comparison is fair,
# - tell what is a measurement, what is an estimate, and what only a promise.
#
# Nothing has to be read before. The run takes about a quarter of a minute, and a minute more the first
# time, to train the two networks; trainings are kept.
#
# **How to run it.** Each chapter is a Python script that also opens as a notebook (VS Code, PyCharm, Spyder,
# Jupyter). In a checkout, `python chapters/realtime/1_background.py` runs this one in the terminal and
# `python -m chapters realtime/1` builds its page; `QBREF_QUICK=1` before either cuts all trainings short,
# to see that everything works.
#
# **How to read it.** Sentences of the original that can be tested stand in *claim boxes*. A box ends in a
# verdict: *holds*, *refuted*, *qualified* (it depends, and the box says on what), *undecided* (the difference
# is within its own uncertainty) or *not testable here*. Nobody types a verdict. It is computed from
# measurements, which have 95 % intervals: 0.5 [0.2, 0.8] means that 0.5 was measured, by a method whose
# brackets enclose the true value 95 times in 100. So a verdict may come out differently on your machine.
# Where the original is wrong, an *erratum* says so and shows it.
#
# ## The network
#
# Pictures of clothing, 28 × 28 pixels, ten kinds (Fashion-MNIST). `lab` is the book's workbench: it holds
# the data and keeps what was trained.

# %%
import numpy as np

from qbref import data, integer, kernels, lab, plots, ptq

fashion = lab.fashion()
trained = lab.fashion_cnn().model
network = ptq.fold_batchnorm(trained)
for path, array in network.state_dict().items():
    print(f"{path:10} {array.dtype}  {' × '.join(map(str, array.shape))}")

# %% [markdown]
# That is all of it: two convolutions (卷积) and two dense layers. (During training it also had batch
# normalization, 批归一化; afterwards that is a factor and an offset for each channel, and `fold_batchnorm`
# multiplies them into the weights.) What do we do with these arrays? A convolution lays each 3 × 3
# neighbourhood out as a row and multiplies by a matrix. In plain NumPy, with the channels last, the whole
# network is this:

# %%
w1, b1, w2, b2, w3, b3, w4, b4 = network.state_dict().values()
w3 = w3.reshape(128, 32, 7, 7)  # its inputs are 7 × 7 places with 32 channels
w1, w2, w3 = (w.transpose(2, 3, 1, 0).reshape(-1, len(w)) for w in (w1, w2, w3))


def convolve(x, w, b):
    n, height, width, channels = x.shape
    padded = np.zeros((n, height + 2, width + 2, channels), np.float32)
    padded[:, 1:-1, 1:-1] = x
    taps = [
        padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)
    ]
    rows = np.concatenate(taps, axis=-1).reshape(-1, 9 * channels)
    return np.maximum(rows @ w + b, 0).reshape(n, height, width, -1)


def halve(x):  # the largest of every 2 × 2 pixels
    x = np.maximum(x[:, ::2], x[:, 1::2])
    return np.maximum(x[:, :, ::2], x[:, :, 1::2])


def in_float(x):
    x = halve(convolve(x.transpose(0, 2, 3, 1), w1, b1))
    x = halve(convolve(x, w2, b2))
    x = np.maximum(x.reshape(len(x), -1) @ w3 + b3, 0)
    return x @ w4.T + b4


# %% [markdown]
# Before anything is compared, we check that these lines compute what was trained.

# %%
x, shown = fashion.x_test[:256], fashion.images.x_test[:8]
assert np.allclose(in_float(x), lab.scores(trained, x), atol=1e-4)
answers = in_float(x).argmax(axis=1)

with plots.style():
    fig = plots.figure(1000, 190)
    for i, axes in enumerate(fig.subplots(1, 8)):
        axes.imshow(shown[i], cmap="gray_r")
        axes.set_title(data.FASHION_NAMES[answers[i]], fontsize=10, fontweight="normal")
        axes.axis("off")
lab.show(
    fig, "Eight small pictures of clothing, each with the network's answer above it."
)

# %% [markdown]
# ## Three ways to write a number
#
# **float32** (浮点数) spends 32 bits on each number: a sign, an exponent, a fraction. **int8** spends 8. All
# numbers of a kind share one real factor, the scale (缩放因子) $s$, and each is stored as the whole number
# of scales nearest to it:
#
# $$ q = \mathrm{round}\left(\frac{w}{s}\right), \qquad \hat w = s\,q \tag{1} $$
#
# Here are five weights. ([2.1](realtime/2.1) turns (1) into a method.)

# %%
w = w3[600:605, 0]
s = np.abs(w3[:, 0]).max() / 127
q = np.round(w / s).astype(np.int8)
print("float32  ", *(f"{v:+.5f}" for v in w))
print("int8     ", *(f"{v:8}" for v in q))
print("means    ", *(f"{v:+.5f}" for v in s * q))
print("sign     ", *(f"{v:8}" for v in np.where(w < 0, -1, 1)))

# %% [markdown]
# **Binary** spends one bit: the sign, and nothing else. The int8 numbers still look like the weights; the
# signs do not, and a network trained in float does not survive having its weights replaced by them. So the
# binary network is *trained* as one ([3.1](realtime/3.1) shows how): the same layers, the activations
# (激活值) between them reduced to signs, too. As is usual, the first and the last layer keep 8 bits.
#
# `quantize_static` finds the scales from a few hundred training images (calibration, 校准). `convert` makes
# models that hold only integers between their first layer and their last, and run on compiled kernels.

# %%
as_trained = {"int8": trained, "binary": lab.fashion_binary().model}
models = {}
for name, model in as_trained.items():
    simulated = ptq.quantize_static(model, fashion.batches())
    models[name] = integer.convert(simulated)
    assert integer.count_differences(simulated, models[name], x) == 0
run = {"float32": in_float} | {name: model.run for name, model in models.items()}

# %% [markdown]
# "Limits weights and activations to between −1 and 1" is how the original describes binarization. We look
# at a layer of the binary network, as it runs and as it was trained.

# %%
activations = lab.scores(as_trained["binary"][:4], x)  # what enters layer 4
convolution = as_trained["binary"][4]
latent, used = convolution.weight.data, convolution.quantized_weight().data
used = used / np.abs(used).max(axis=(1, 2, 3), keepdims=True)  # a scale for each filter
found = {"weights": np.unique(used), "activations": np.unique(activations)}
assert all(np.array_equal(v, [-1, 1]) for v in found.values())
lab.erratum(
    "realtime/1#between",
    "Binarization limits weights and activations to between −1 and 1.",
    f"{used.size:,} weights and {activations.size:,} activations of a binary layer "
    "take two values each, −1 and +1, the weights times a scale for each filter. "
    "Behind the weights are real numbers, whose signs they are: "
    f"{len(np.unique(latent)):,} different ones, from {latent.min():.2f} to "
    f"{latent.max():.2f}.",
    "Binary values are exactly −1 or +1, nothing between. The real numbers exist only "
    "while the network is trained (latent weights).",
)

# %% [markdown]
# ## Smaller?
#
# We count all that has to be stored: weights, biases, scales, thresholds.

# %%
nbytes = {"float32": sum(a.nbytes for a in network.state_dict().values())}
nbytes |= {name: model.nbytes for name, model in models.items()}
times_less = {name: nbytes["float32"] / nbytes[name] for name in models}
lab.claim(
    "realtime/1#smaller",
    "Quantization and binarization make a model smaller.",
    lab.facts({name: ratio > 1 for name, ratio in times_less.items()}),
    f"Bytes: float32 {nbytes['float32']:,}; "
    + "; ".join(f"{n} {nbytes[n]:,}, 1/{r:.2f}" for n, r in times_less.items()),
)

# %% [markdown]
# Not quite 4 and not at all 32: scales and biases stay wide, and two layers of the binary network are not
# binary.
#
# ## Accurate?
#
# Each network answers for all test images. Two networks are compared image by image, so that only the
# images on which they *disagree* count (a paired interval, 配对区间): this takes out what is hard for both.
# And since accuracy (精度) "in balance" is not a number, we choose one before looking: a loss of less than
# one percentage point.


# %%
def right_answers(answer):
    parts = [answer(part) for part in np.array_split(fashion.x_test, 100)]
    return np.concatenate(parts).argmax(axis=1) == fashion.y_test


correct = {name: right_answers(answer) for name, answer in run.items()}
points = {name: lab.paired(correct[name], correct["float32"]) for name in models}
lab.claim(
    "realtime/1#accuracy-in-balance",
    "They keep accuracy in balance: less than one point is lost.",
    lab.more_than(-1, points),
    f"float32 {lab.accuracy(correct['float32'])} % of {len(fashion.y_test):,} images; "
    "against it, points: " + "; ".join(f"{name}: {v}" for name, v in points.items()),
)

# %% [markdown]
# The interval covers the choice of test images. For int8 that is all that chance had a part in; the binary
# network is a training of its own, and another one would differ a little.
#
# ## Faster?
#
# Latency (延迟) is the time from one image to its answer; for throughput (吞吐量), which matters to a server,
# many images come at once. Three rules for a fair race: everyone runs on one thread; the float side is the
# *best* float program we have, which may be our function above or the library's own layers; the programs
# take turns, so that a busy moment of the machine hits all of them.

# %%
run["float32, library"] = lambda x: lab.scores(network, x)
times = {}
for n in (1, 64):
    some = fashion.x_test[:n]
    # x=some, f=f: each function keeps the values of this turn of the loop
    turns = {name: (lambda f=f, x=some: f(x)) for name, f in run.items()}
    times[n] = lab.take_turns(turns, seconds=0.7 if n == 1 else 1.5)
rows = []
for name in run:
    ends = (1e6 * np.percentile(times[n][name], (50, 99)) / n for n in times)
    rows.append((name, *(f"{t:,.0f}" for pair in ends for t in pair)))
lab.table(
    ("µs an image", "alone: median", "99 % below", "among 64: median", "99 % below"),
    rows,
    "The same images through each network, one thread.",
)

# %% [markdown]
# Compare the first figure of a row with the third: what an image costs alone, and in company. Where they
# differ, it is hardly for arithmetic. It is Python, which calls a function for each layer and checks its
# arguments (our float function checks nothing). The network is tiny: a model that is behind with one image
# and ahead with 64 was held up by these calls. So we also time *one product of the size that large networks
# have*, where calls do not matter: a vector of signs times a square matrix of signs. Signs fit into all
# three formats, and give the same sums in each. As in a model, the matrix is laid out for its kernel
# beforehand (`pack`), the vector when it comes.

# %%
core = kernels.default()  # the compiled kernels
size = 1024 if lab.quick() else 4096
signs = np.random.default_rng(1).choice(np.float32([-1, 1]), (size + 1, size))
a, b = signs[:1], signs[1:]  # the vector, and the matrix, transposed
rhs = {
    "float32": np.ascontiguousarray(b.T),
    "int8": core.pack_rhs(b.T.astype(np.int8)),
    "binary": core.pack_bits(b),
}
products = {
    "float32": lambda: a @ rhs["float32"],
    "int8": lambda: core.int8_matmul(a.astype(np.int8), rhs["int8"]),
    "binary": lambda: core.xnor_matmul(core.pack_bits(a), rhs["binary"], size),
}
assert all(np.array_equal(product(), a @ b.T) for product in products.values())
large = lab.take_turns(products, seconds=1.0)
lab.table(
    (f"product, 1 × {size} × {size}", "bytes of the matrix", "microseconds, median"),
    [(n, f"{rhs[n].nbytes:,}", f"{1e6 * np.median(large[n]):,.0f}") for n in products],
)

# %% [markdown]
# Each number of the matrix is read once and used once. With so little to compute, reading is much of the
# work, and fewer bytes are read in less time. All comparisons together:

# %%
faster = {}
for name in models:
    for n in times:
        best = min(times[n]["float32"], times[n]["float32, library"], key=np.median)
        faster[f"{name} with batch {n}"] = lab.times_faster(best, times[n][name])
    faster[f"{name} in a large layer"] = lab.times_faster(large["float32"], large[name])
lab.claim(
    "realtime/1#faster",
    "Quantization and binarization make inference faster.",
    lab.more_than(1, faster),
    "Times as fast as the best float32 program: "
    + "; ".join(f"{name}: {ratio}" for name, ratio in faster.items()),
)

# %% [markdown]
# ## One picture

# %%
names = ["float32", *models]
one = np.transpose([1e3 * np.percentile(times[1][n], (50, 99)) for n in names])
scores = np.transpose([lab.accuracy(correct[n]) for n in names])
with plots.style():
    fig = plots.figure(1000, 270)
    left, middle, right = fig.subplots(1, 3, sharey=True)
    left.barh(names, [nbytes[n] / 1e3 for n in names])
    left.set(title="Size", xlabel="kB")
    middle.barh(names, one[0], xerr=[[0] * 3, one[1] - one[0]])
    middle.set(title="Latency", xlabel="ms for one image; line: 99 % below")
    ends = scores[0] - scores[1], scores[2] - scores[0]
    right.errorbar(scores[0], names, xerr=ends, fmt="o")
    right.set(title="Accuracy", xlabel="% right; line: 95 % interval")
    right.invert_yaxis()
lab.show(
    fig,
    "Three panels for float32, int8 and binary: size, which shrinks from each to the "
    "next; latency for one image; accuracy. The tables have the figures.",
)

# %% [markdown]
# ## And energy?
#
# For energy (能耗) there is no meter here, so what follows is **an estimate and not a measurement**: we count
# what has to be done for one image and multiply by published prices. Horowitz gave them for a 45 nm chip
# ("Computing's energy problem", ISSCC 2014), in picojoules: multiplying and adding float32 3.7 and 0.9, int8
# 0.2 and (sums have 32 bits) 0.1; reading 64 bits from a 1 MB cache 100, from DRAM 1,300 to 2,600. His table
# has no XNOR; we let each of the three steps for 64 signs (xor, count, add) cost two 32-bit additions.
#
# $$ E = \text{products} \cdot e_{\text{product}} + \text{bytes} \cdot e_{\text{byte}} \tag{2} $$

# %%
FLOAT, INT8, SIGN = 3.7 + 0.9, 0.2 + 0.1, 3 * 0.2 / 64  # pJ for a product and its sum
CACHE, DRAM = 100 / 8, (1300 + 2600) / 2 / 8  # pJ for a byte
used = 28 * 28, 14 * 14, 1, 1  # how often each layer uses its weights
layers = np.array([w.size * n for w, n in zip((w1, w2, w3, w4), used, strict=True)])
inputs = np.array([28 * 28, 14 * 14 * 16, 7 * 7 * 32, 128])  # that each layer reads
counted = {
    "float32": (FLOAT * layers.sum(), 4 * inputs.sum()),
    "int8": (INT8 * layers.sum(), inputs.sum()),
    "binary": (layers @ [INT8, SIGN, SIGN, INT8], inputs @ [1, 1 / 8, 1 / 8, 1]),
}
energy = {}  # microjoules: arithmetic; all, weights in the cache; all, weights in DRAM
for name, (arithmetic, moved) in counted.items():
    moving = 2 * moved * CACHE  # written once and read once
    all_of_it = [arithmetic + moving + nbytes[name] * price for price in (CACHE, DRAM)]
    energy[name] = np.array([arithmetic, *all_of_it]) / 1e6
lab.table(
    (
        "microjoules (estimate)",
        "arithmetic",
        "all, weights cached",
        "all, weights in DRAM",
    ),
    [(name, *(f"{v:.2f}" for v in values)) for name, values in energy.items()],
    f"One image: {layers.sum():,} products, each weight fetched once.",
)
saved = {n: energy["float32"] / energy[n] for n in models}
lab.claim(
    "realtime/1#energy",
    "They save energy, by this estimate.",
    lab.facts({name: all(ratio > 1) for name, ratio in saved.items()}),
    "Estimated from counts, not measured. Times less than float32, with weights from "
    "the cache and from DRAM: "
    + "; ".join(f"{n} {r[1]:.1f} and {r[2]:.1f}" for n, r in saved.items()),
)

# %% [markdown]
# How far to trust it? The *order* does not hang on the prices: each network does as many products as the one
# before, on a cheaper circuit, and moves fewer bytes. The *factors* do. And (2) leaves out what a general
# processor spends on fetching and decoding each instruction: 70 pJ in the same source, as much as fifteen
# float products with their sums. A program that mostly waits for Python, as ours with one image, saves
# little of what (2) promises. Note also where the energy goes: into moving bytes more than into arithmetic.
#
# ## What we measured


# %%
def thrice(name):
    return ", ".join(f"{v.estimate:.2f}" for k, v in faster.items() if name in k)


lab.say(f"""
- **Size**: {nbytes["float32"]:,} bytes become {nbytes["int8"]:,} (int8) and
  {nbytes["binary"]:,} (binary).
- **Accuracy**: {lab.accuracy(correct["float32"])} %; int8 differs by
  {points["int8"]} points, binary by {points["binary"]}.
- **Speed** depends on what is timed. Times as fast as float32 with batch 1, with
  batch 64, in a large layer: int8 {thrice("int8")}; binary {thrice("binary")}.
- **Energy**, estimated: {energy["float32"][2]:.0f} microjoules an image become
  {energy["int8"][2]:.0f} and {energy["binary"][2]:.0f} with weights from DRAM.
""")

# %% [markdown]
# ## Try next
#
# [Where the bytes and the time go](balance/1) looks into the network, layer by layer. Then
# [the affine map](realtime/2.1) quantizes its first tensor. If gradients are new to you, begin with
# [a gradient machine in one sitting](foundations/autograd).
#
# ## Exercises
#
# 1. Replace `w3` by `np.sign(w3) * np.abs(w3).mean(axis=0)` and count right answers again. Then do the same
#    with `w2`. Which layer bears it better, and how many points does each cost?
# 2. Let `n` run through 1, 2, 4, …, 256 and plot the time of `in_float` and of the int8 model. Is
#    $t(n) = a + n\,b$ a good model? From which batch on is int8 faster on your machine?
# 3. How many products must one instruction do for the 70 pJ to weigh less than its int8 products? Processors
#    with 256-bit registers multiply 16 or 32 bytes at once: what does that do to the estimate?
