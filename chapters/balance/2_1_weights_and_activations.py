"""Balance, 2.1: weights, activations, both; and why the two kinds of numbers want different rulers."""

# %% [markdown]
# # 2.1 Weights, activations, both
#
# *AI模型量化概述*
#
# The original's overview divides quantization into two steps, weight quantization (权重量化) and activation
# quantization (激活量化), and says how the first is done: with a fixed range or with a lookup table. Which of
# the two steps costs the accuracy? It sounds like a question with one answer. After this chapter you can
#
# - quantize weights, activations or both, and say which of them costs the accuracy;
# - name three ways in which activations differ from weights, each with a figure;
# - choose signed or unsigned, symmetric (对称) or asymmetric (非对称) levels for either, and say what a wrong
#   choice costs in bits;
# - say what is fixed in "a fixed range", and when non-uniform quantization needs no table.
#
# Read first: [the affine map](realtime/2.1.1). The run takes under a minute, and half a minute more the first
# time, to train the network.
#
# ## Two kinds of numbers
#
# Here are the weights of one layer of a trained network, and the numbers that meet them there: what the layer
# before puts out for 256 images.

# %%
import numpy as np

from qbref import calibration, integer, lab, nn, plots, ptq, qnn, quant

fashion = lab.fashion()
network = lab.fashion_cnn().model
folded = ptq.fold_batchnorm(network)
images = np.concatenate(fashion.batches(256))
paths = [
    i for i, layer in enumerate(folded) if isinstance(layer, (nn.Conv2d, nn.Linear))
]
weights = {i: folded[i].weight.data for i in paths}
inputs = {i: lab.scores(folded[:i], images) if i else images for i in paths}

layer = paths[2]
with plots.style():
    fig = plots.figure(1000, 360)
    left, middle = fig.subplots(1, 2)
    left.hist(weights[layer].ravel(), bins=150)
    left.set(title="weights", yscale="log", ylabel="how many", xlabel="value")
    middle.hist(inputs[layer].ravel(), bins=150, color=plots.PALETTE["vermilion"])
    middle.set(title="activations that meet them", yscale="log", xlabel="value")
lab.show(
    fig,
    "Two histograms with logarithmic counts. Weights: a bell about zero with both "
    "signs. Activations: a tall bar at zero and a long tail to the right.",
)

# %% [markdown]
# Weights are two-sided, and they are *there*: their range is known once and for all. Activations come out of
# a ReLU, which leaves nothing below zero, and each image brings its own.

# %%
rows = []
for i in paths:
    w, x = weights[i], inputs[i]
    largest = np.abs(x.reshape(len(x), -1)).max(axis=1)
    tails = [np.abs(v).max() / np.quantile(np.abs(v), 0.99) for v in (w, x)]
    rows.append(
        (
            f"{i} {type(folded[i]).__name__}",
            f"{w.min():.2f} to {w.max():.2f}",
            f"{x.min():.2f} to {x.max():.2f}",
            f"{np.mean(x == 0):.0%}",
            f"{largest.min():.1f} to {largest.max():.1f}",
            *(f"{tail:.1f}" for tail in tails),
        )
    )
lab.table(
    (
        "layer",
        "weights",
        "its inputs",
        "zero",
        "largest of one image",
        "tail of weights",
        "tail of inputs",
    ),
    rows,
    "Tail: the largest magnitude over the 99 % quantile. The inputs are those of 256 "
    "training images.",
)

# %% [markdown]
# Three differences, then, and each is a question to the quantizer:
#
# 1. the range of activations **depends on the data** (column five), so it has to be estimated;
# 2. behind the first layer they have long **tails** (last column): a few large values stretch the range;
# 3. most are **one-sided**, and a good share is exactly zero.
#
# ## Which of them costs the accuracy?
#
# Quantize the weights to $n$ bits, the activations to $n$ bits, or both. The partner stays at eight bits, so
# that everything can run on integers; what that costs we check below. Weights get a symmetric ruler for each
# output channel, with the range of the smallest squared error. For activations we try two ways to choose the
# range on the same 256 images: from the smallest to the largest value, and the smallest squared error again.

# %%
OBSERVERS = {"min-max": calibration.MinMax, "MSE": calibration.MSE}
BITS = (8, 4, 3, 2)


def config(w_bits, x_bits, observer="MSE", scheme=qnn.Uniform, **options):
    return qnn.QuantConfig(
        weights=qnn.int_weights(w_bits, clip="mse"),
        activations=scheme(x_bits, **options),
        observer=OBSERVERS[observer],
        overrides={"input": {"activations": qnn.Uniform(8)}},
    )


def outputs(configuration):
    q = ptq.quantize_static(network, [images], configuration)
    model = integer.convert(q)
    assert integer.count_differences(q, model, fashion.x_test[:64]) == 0
    return lab.scores(model, fashion.x_test)


def right(scores):
    return scores.argmax(axis=1) == fashion.y_test


def decibels(scores):
    return 10 * np.log10(np.sum(in_float**2) / np.sum((scores - in_float) ** 2))


in_float = lab.scores(network, fashion.x_test)
measured = {}
for n in BITS:
    measured["weights", "MSE", n] = outputs(config(n, 8))
    for observer in OBSERVERS:
        measured["activations", observer, n] = outputs(config(8, n, observer))
        measured["both", observer, n] = (
            outputs(config(n, n, observer))
            if n < 8
            else measured["activations", observer, 8]
        )

# %% [markdown]
# The error is that of the ten outputs of the network, as signal over noise (信噪比) in decibels; the accuracy
# is compared image by image with the float network.

# %%
loss = {
    key: lab.paired(right(scores), right(in_float)) for key, scores in measured.items()
}
kinds = {
    "weights": ("weights", "MSE"),
    "activations, min-max": ("activations", "min-max"),
    "activations, MSE": ("activations", "MSE"),
    "both, min-max": ("both", "min-max"),
    "both, MSE": ("both", "MSE"),
}
lab.table(
    ("quantized", *(f"{n} bits, dB" for n in BITS)),
    [
        (name, *(f"{decibels(measured[(*kind, n)]):.1f}" for n in BITS))
        for name, kind in kinds.items()
    ],
)
rows = []
for name, kind in kinds.items():
    losses = [loss[(*kind, n)] for n in BITS]
    rows.append(
        (name, *(f"{v.estimate:.2f} ± {v.high - v.estimate:.2f}" for v in losses))
    )
lab.table(
    ("quantized", *(f"{n} bits, points" for n in BITS)),
    rows,
    f"Against float, {lab.accuracy(right(in_float))} % of {len(in_float):,} images.",
)

# %% [markdown]
# The two tables are not always in step. Decibels count every error; accuracy counts only those that push an
# image over the edge between two classes.

# %%
with plots.style():
    fig = plots.figure(900, 440)
    axes = fig.add_subplot(xlabel="bits", ylabel="accuracy against float, points")
    axes.set_title("What n bits cost, and where")
    looks = dict(zip(kinds, ("^-", "o--", "o-", "s--", "s-"), strict=True))
    for name, kind in kinds.items():
        color = {"activations": "vermilion", "both": "blue"}.get(kind[0], "black")
        values = [loss[(*kind, n)].estimate for n in BITS]
        axes.plot(
            range(len(BITS)),
            values,
            looks[name],
            color=plots.PALETTE[color],
            label=name,
        )
    axes.set_xticks(range(len(BITS)), BITS)
    axes.legend(loc="lower left")
lab.show(
    fig,
    "Loss of accuracy over 8, 4, 3 and 2 bits for weights, activations and both; the "
    "curves of activations with min-max ranges and with ranges of least squared "
    "error part at few bits.",
)

# %% [markdown]
# Two readings. First, *are activations harder than weights?* It depends on how their range is chosen:

# %%
harder = {
    observer: {
        n: lab.paired(
            right(measured["weights", "MSE", n]),
            right(measured["activations", observer, n]),
        )
        for n in BITS
    }
    for observer in OBSERVERS
}
for observer, gaps in harder.items():
    who = {
        "activations": [n for n in BITS if gaps[n].low > 0],
        "weights": [n for n in BITS if gaps[n].high < 0],
    }
    said = "; ".join(
        f"{kind} at {', '.join(map(str, bits))} bits"
        for kind, bits in who.items()
        if bits
    )
    lab.say(
        f"Activations ranged by {observer}: harder to quantize are {said or 'neither'}."
    )

# %% [markdown]
# Activations are known for being hard, and it is their tails that make them so. A range that follows the
# largest value leaves few levels to the rest; one that lets go of the tail need not. Second, *do the two
# losses add up?*

# %%
sums = {
    n: loss["weights", "MSE", n].estimate + loss["activations", "MSE", n].estimate
    for n in BITS
}
lab.table(
    ("bits", "sum of the two losses", "loss of both"),
    [(n, f"{sums[n]:.2f}", loss["both", "MSE", n]) for n in BITS],
    "Points, activations ranged by MSE.",
)

# %% [markdown]
# Where the sum (which is as uncertain as its parts) lies far outside the interval, they do not. Rounding
# errors of one kind may cancel those of the other, or push the same images over the edge. Whoever tunes
# weights and activations one at a time should measure the pair in the end.
#
# And the partner at eight bits? Weight-only quantization (仅权重量化), as large language models use it, has
# activations in float. `qnn.in_float` switches them off in the simulation.

# %%
q = ptq.quantize_static(network, [images], config(4, 8))
with qnn.in_float(q, weights=False):
    alone = right(lab.scores(q, fashion.x_test))
partner = lab.paired(right(measured["weights", "MSE", 4]), alone)
lab.say(
    f"Four-bit weights: eight-bit against float activations make **{partner}** points."
)

# %% [markdown]
# ## Three differences, three answers
#
# ### The data decide the range, so look at enough of them
#
# A weight's range is a fact, an activation's is an estimate. [Chapter 2.3](realtime/2.3) asks how many images
# the estimate takes, and what happens when they mislead. The alternative is not to estimate at all but to
# look at run time: dynamic quantization (动态量化), of which [chapter 8](balance/8) takes the price.
#
# ### One-sided values want one-sided levels
#
# Let the values lie in $[0, T]$. A symmetric signed ruler ends at $-T$, where nothing ever is:
#
# $$ s_{\text{symmetric}} = \frac{T}{2^{n-1} - 1}, \qquad s_{\text{affine}} = \frac{T}{2^n - 1}, \qquad
#    \frac{s_{\text{symmetric}}}{s_{\text{affine}}} = \frac{2^n - 1}{2^{n-1} - 1} > 2 \tag{1} $$
#
# A wasted sign is a wasted bit. Unsigned integers from 0, or signed ones whose zero point is the lowest
# integer, are two spellings of the same affine levels. By (1), symmetric levels with one bit *more* have
# the very step of the affine ones.

# %%
spellings = {
    "affine, signed": (3, {}),
    "affine, unsigned": (3, {"signed": False}),
    "symmetric": (3, {"symmetric": True}),
    "symmetric, one bit more": (4, {"symmetric": True}),
}
one_sided = {
    name: outputs(config(8, n, **options)) for name, (n, options) in spellings.items()
}
assert np.array_equal(one_sided["affine, signed"], one_sided["affine, unsigned"])
lab.table(
    ("activations", "bits", "dB", "against float, points"),
    [
        (
            n,
            spellings[n][0],
            f"{decibels(y):.1f}",
            lab.paired(right(y), right(in_float)),
        )
        for n, y in one_sided.items()
    ],
    "Weights have 8 bits. The first two rows agree in every bit of every output.",
)

# %% [markdown]
# ### Two-sided values want symmetric levels
#
# Why not the same for weights? Because a zero point costs. With $z_w = 0$ the integer product is
#
# $$ \sum_k q_w\,(q_x - z_x) = \sum_k q_w q_x - z_x \sum_k q_w, \tag{2} $$
#
# and the second sum is a constant, known before any image arrives. A zero point of the *weights* would bring
# in $\sum_k q_x$, to be summed anew for every image ([four sums](balance/4.1)). What would it gain, where
# weights are nearly symmetric already?

# %%
gains = {}
for i in paths:
    w = weights[i]
    errors = []
    for options in ({"symmetric": True, "narrow_range": True}, {}):
        params = quant.params_from_range(
            *quant.range_of(w, axis=0), n_bits=4, axis=0, **options
        )
        errors.append(np.mean((quant.fake_quantize(w, params) - w) ** 2))
    gains[f"layer {i}"] = 10 * np.log10(errors[0] / errors[1])
lab.say(
    "Affine levels in place of symmetric ones, four bits per channel, make the "
    "weights more precise by "
    + ", ".join(f"{gain:.1f} dB ({name})" for name, gain in gains.items())
    + ". One more bit would make about 6."
)

# %% [markdown]
# ## What is fixed in a fixed range? (固定的量化区间)
#
# "Uniform quantization (均匀量化) maps weights to a fixed range." There are two ranges in (1) of
# [chapter 2.1](realtime/2.1), that of the *integers* and that of the *real numbers* they stand for. Which of
# them is the same in every layer and channel?

# %%
q = ptq.quantize_static(network, [images])
products = [layer for layer in q if hasattr(layer, "levels")]
levels = [layer.levels() for layer in products]
used = {(int(level.q.min()), int(level.q.max())) for level in levels}
scales = np.concatenate([np.ravel(level.scale) for level in levels])
print("integers used, by layer:", sorted(used))
print(
    f"{len(scales)} scales, one for each channel, from {scales.min():.5f} to "
    f"{scales.max():.5f}"
)
lab.claim(
    "balance/2.1#uniform-fixed-range",
    "Uniform quantization maps weights to a fixed range.",
    lab.facts(
        {"of integers": len(used) == 1, "of real numbers": len(np.unique(scales)) == 1}
    ),
    f"All {len(products)} layers use the integers {sorted(used)}; their {len(scales)} "
    f"channels have {len(np.unique(scales))} different scales, the largest "
    f"{scales.max() / scales.min():.0f} times the smallest.",
)

# %% [markdown]
# The integers are fixed by the number of bits; what they *mean* is chosen anew for each channel. So a range
# like [−128, 127] says nothing about precision until the scale stands beside it.
#
# ## Is non-uniform quantization a lookup table? (非均匀量化,查找表)
#
# A table holds levels that follow no rule. But levels may be uneven and *have* a rule, and then they can be
# computed. Three kinds, four bits each, on the weights of one layer:
#
# - k-means levels, fitted to the weights;
# - powers of two, $\pm 2^e$: an exponent and a shift;
# - a tiny float: two exponent bits, one fraction bit (FP4), as recent hardware has it.
#
# For the last two we compute the nearest level without a table, and compare with the table.

# %%
W = weights[layer]
books = {
    "k-means": quant.fit_codebook(W, 4, "kmeans"),
    "powers of two": quant.fit_codebook(W, 4, "power_of_two"),
}
tables = {
    name: quant.dequantize_lut(quant.quantize_lut(W, book), book)
    for name, book in books.items()
}
highest = int(np.log2(books["powers of two"].levels.max()))


def power_of_two(w):
    """The nearest of 0 and ±2^e, e from highest - 6 to highest: by exponents alone."""
    fraction, exponent = np.frexp(np.abs(w))  # fraction in [1/2, 1)
    exponent = np.clip(exponent - (fraction < 0.75), highest - 6, highest)
    return np.where(np.abs(w) < 2.0 ** (highest - 7), 0, np.sign(w) * np.exp2(exponent))


fp4 = np.unique(quant.bits_to_float(np.arange(16, dtype=np.uint8), "fp4_e2m1"))
unit = np.exp2(np.ceil(np.log2(np.abs(W).max() / 6)))  # 6 is the largest of FP4
book = quant.Codebook(np.append(fp4, fp4[-1]) * unit, n_bits=4)  # −0 is 0: 15 levels
tables["FP4"] = quant.dequantize_lut(quant.quantize_lut(W, book), book)
computed = {
    "powers of two": power_of_two(W).astype(np.float32),
    "FP4": quant.cast_float(W / unit, "fp4_e2m1") * unit,
}
without = {name: np.mean(computed[name] == tables[name]) for name in computed}
lab.table(
    ("levels", "RMS error", "equal when computed"),
    [
        (
            n,
            f"{np.sqrt(np.mean((t - W) ** 2)):.5f}",
            f"{without[n]:.2%}" if n in without else "no rule to compute",
        )
        for n, t in tables.items()
    ],
    f"{W.size:,} weights, four bits each.",
)
other = quant.fit_codebook(weights[paths[1]], 4, "kmeans").levels
shapes = [levels / levels[-1] for levels in (books["k-means"].levels, other)]
apart = np.abs(shapes[0] - shapes[1]).max()
lab.claim(
    "balance/2.1#nonuniform-lookup",
    "Non-uniform quantization takes a lookup table.",
    lab.facts({"k-means": apart > 0.01} | {n: without[n] < 1 for n in without}),
    "The k-means levels of two layers, in units of the largest, differ by up to "
    f"{apart:.2f}: no rule but the weights themselves makes them. "
    + " ".join(
        f"{n}: {share:.0%} of the weights come out the same without a table."
        for n, share in without.items()
    ),
)

# %% [markdown]
# So a table is one way to be non-uniform, the one that can follow the data. Which of the two pays, the ruler
# or the table, is decided at equal bits in [chapter 3.1](balance/3.1).
#
# ## What we measured

# %%
few = BITS[-2]
lab.say(
    f"""
- At {few} bits: weights {loss["weights", "MSE", few]} points, activations
  {loss["activations", "min-max", few]} with min-max ranges and
  {loss["activations", "MSE", few]} with ranges of least squared error, both
  {loss["both", "MSE", few]}.
- One-sided activations on symmetric levels: {decibels(one_sided["symmetric"]):.1f} dB;
  affine levels of the same bits: {decibels(one_sided["affine, signed"]):.1f} dB;
  symmetric with one bit more: {decibels(one_sided["symmetric, one bit more"]):.1f} dB.
- A zero point for weights would gain between {min(gains.values()):.1f} and
  {max(gains.values()):.1f} dB.
- The integers of a fixed range are fixed; their meaning differs by up to
  {scales.max() / scales.min():.0f} times from channel to channel.
"""
)

# %% [markdown]
# ## Try next
#
# - [One batch through training and inference](balance/2.2): where in both phases the two kinds are rounded.
# - [Three applications](balance/3.4): what long tails do to a Transformer, and what helps.
#
# ## Exercises
#
# 1. Derive the ratio (1) for $n = 2, 3, 4, 8$. For which $n$ is a wasted sign worst? Check it with
#    `quant.params_from_range(0.0, 1.0, n_bits=n, symmetric=True).scale`.
# 2. If the activation function were tanh in place of ReLU: for which of the three differences would the
#    answer change, and how?
# 3. Add a third observer that cuts off the largest 0.1 %, `lambda: calibration.Percentile(99.9)`. At which
#    numbers of bits does it differ from MSE by more than the paired interval?
# 4. Find the layer whose activations lose most at two bits: use `overrides` to leave all others at eight.
