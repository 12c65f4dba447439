"""Real time, 2.2: one tensor under four tools' rules; one network from training to a file."""

# %% [markdown]
# # 2.2 Four tools, four sets of integers; and one network from training to a file
#
# *量化技术的实践应用*
#
# Two questions of practice. You have chosen a tool: which of your decisions has it just made for you? And
# you have a trained network: in which order do the steps come that turn it into a file of integers? The
# original answers the first with a list of names and the second with an order that does not work. After
# this chapter you can
#
# - name the rules by which ONNX, PyTorch, TensorFlow Lite and TensorRT part, and tell the harmless ones
#   from those that cost precision;
# - find the smallest input on which two of them differ, instead of staring at millions of outputs;
# - take a network through training, pruning (剪枝), fusion (融合), calibration (校准), conversion (转换) and
#   deployment (部署), in that order, and say why in that order;
# - prove that what runs in another process is the same network, bit for bit.
#
# Read first: [The affine map](realtime/2.1) and [One tie, four answers](foundations/integer_arithmetic).
# The run takes less than a minute.
#
# ## 2.2.1 Frameworks and tools (常见的量化框架和工具)
#
# None of the tools is installed here. `qbref.conventions` holds the arithmetic of their operators, each in
# a few lines, under the operators' own names; their outputs were compared with the tools' own, bit for
# bit, on millions of inputs (TensorRT's is written from its documentation). So what runs below is their
# arithmetic without their engines.
#
# ### Nineteen copies of one half
#
# Let us begin with a surprise. Nineteen times the same number, 0.5, scale 1, zero point 0, in TensorFlow
# Lite's optimized kernel for x86:

# %%
import copy
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import qbref
from qbref import (
    calibration,
    conventions,
    integer,
    kernels,
    lab,
    nn,
    plots,
    ptq,
    qnn,
    quant,
)
from qbref.conventions import onnx, tensorrt, tflite, torch

halves = np.full(19, 0.5, np.float32)
print(tflite.quantize(halves, scale=1.0, zero_point=0, kernels="opt"))

# %% [markdown]
# Sixteen 0s and three 1s. A vector instruction takes eight numbers at once and rounds ties to even, so
# 0.5 becomes 0. Two such blocks make sixteen; the three numbers left over go through ordinary code, which
# rounds ties away from zero. The result depends on the *position*. Nobody decided that; it happened.
#
# What do the others make of a tie (平局)? Scale 1, zero point 1:


# %%
def pytorch_2_13(x, scale, zero_point):
    return torch.quantize_per_tensor(
        x, scale, zero_point, "qint8", zero_point_before_rounding=True
    )


TOOLS = {
    "ONNX": lambda x, s, z: onnx.quantize_linear(x, np.float32(s), np.int8(z)),
    "PyTorch": lambda x, s, z: torch.quantize_per_tensor(x, s, z, "qint8"),
    "PyTorch 2.13.0": pytorch_2_13,
    "TFLite reference": lambda x, s, z: tflite.quantize(x, s, z, kernels="ref"),
    "TFLite optimized": lambda x, s, z: tflite.quantize(x, s, z, kernels="opt"),
    "TFLite XNNPACK": lambda x, s, z: tflite.quantize(x, s, z, kernels="xnnpack"),
}
ties = np.float32([-1.5, -0.5, 0.5, 1.5, 2.5])
rows = [(name, *quantize(ties, 1.0, 1)) for name, quantize in TOOLS.items()]

# %%
lab.table(("", *ties), rows, "Five ties, scale 1, zero point 1.")

# %% [markdown]
# Three rules are visible. *Half to even* (四舍六入五成双): −0.5 and 0.5 go to 0, then 1 is added. *Half away
# from zero*: they go to ∓1 first. And one version of PyTorch adds the zero point *before* rounding: an odd
# one makes even results of odd ones. (Five numbers make no block, so the optimized kernel treats all of
# them as a rest. TensorRT has no zero point; its rule is the first.)
#
# ### How often does it matter?
#
# Ties look like a curiosity: what are the odds that a measured number ends in exactly ½? Let us count, on
# the activations of a trained network for a hundred images, quantized by their own range.

# %%
fashion, network = lab.fashion(), lab.fashion_cnn().model
activations = lab.scores(network[:3], fashion.x_test[:100]).ravel()
scale = float(activations.max()) / 255


def differing(x, scale, zero_point):
    q = {name: quantize(x, scale, zero_point) for name, quantize in TOOLS.items()}
    return {name: int((found != q["ONNX"]).sum()) for name, found in q.items()}


on_activations = differing(activations, scale, -128)

# %% [markdown]
# And now on a picture, as it leaves the camera: bytes from 0 to 255, to be halved to 7 bits because the
# processor's [instructions saturate](foundations/integer_arithmetic) otherwise. Scale 2; the zero point
# is odd.

# %%
picture = fashion.images.x_test[19].astype(np.float32)
on_picture = differing(picture, 2.0, -63)
lab.table(
    (
        "differs from ONNX in",
        f"of {activations.size:,} activations",
        f"of {picture.size} pixels",
    ),
    [(name, on_activations[name], on_picture[name]) for name in TOOLS],
)

# %%
with plots.style():
    fig = plots.figure(900, 340)
    axes = fig.subplots(1, 3)
    axes[0].imshow(picture, cmap="gray")
    axes[0].set_title("the picture")
    for ax, name in zip(axes[1:], ("PyTorch 2.13.0", "TFLite reference"), strict=True):
        step = TOOLS[name](picture, 2.0, -63) - TOOLS["ONNX"](picture, 2.0, -63)
        ax.imshow(step, cmap="RdBu", vmin=-1, vmax=1)
        ax.set_title(f"{name} − ONNX")
    for ax in axes:
        ax.set_axis_off()
lab.show(
    fig,
    "A piece of clothing in grey, and where two tools differ from ONNX: by one up (blue) "
    "or down (red), all over the piece, hardly ever in the black background.",
)

# %% [markdown]
# Among numbers that nobody chose, ties are rare. Among numbers that people chose, pixels, counts, round
# scales, they are everywhere: every odd pixel is one here. (The optimized kernel agrees on this picture only
# because 28 · 28 is a multiple of eight.)
#
# ### Finding the smallest difference
#
# Testing random inputs is a poor way to find such rules. `conventions.atlas` searches systematically: the
# simplest scale, then the smallest number, on which two systems part, and the property which, carried over
# from one to the other, removes the difference.

# %%
found = conventions.atlas("quantize")
groups = conventions.differences.agreeing(found)
from_onnx = [row for row in found if row.a == "ONNX" and row.x is not None]

# %%
lab.table(
    ("ONNX and", "scale, zero point, x", "ONNX", "other", "rule"),
    [
        (
            row.b,
            ", ".join(str(v) for v in (*row.setting, row.x)),
            row.a_result,
            row.b_result,
            "; ".join(f"{a}, not {b}" for _, a, b in row.cause),
        )
        for row in from_onnx
    ],
    f"{len({name for row in found for name in (row.a, row.b)})} rules for one operator, "
    f"in {len(groups)} groups. The rule: what ONNX does, not what the other does.",
)

# %% [markdown]
# A rule that did not show before: ONNX divides by the scale, others multiply by its reciprocal (倒数), and
# $1/0.1$, rounded to float32, is not quite the inverse of $0.1$.
#
# ### The larger decision: the scale
#
# All that moved integers by *one*. But which scale? Ask each tool for its
# default, on the activations of a layer behind a ReLU.

# %%
hidden = lab.scores(network[:11], fashion.x_train[:512])
histogram, extremes = torch.HistogramObserver(), torch.MinMaxObserver()
for batch in np.array_split(hidden, 8):
    histogram(batch)
    extremes(batch)
defaults = {
    "ONNX DynamicQuantizeLinear": onnx.dynamic_quantize_linear(hidden)[1:],
    "PyTorch MinMaxObserver": extremes.calculate_qparams(),
    "PyTorch HistogramObserver": histogram.calculate_qparams(),
    "TFLite": tflite.choose_quantization_params(hidden.min(), hidden.max()),
    "TensorRT entropy": (tensorrt.entropy_params([hidden]).scale, 0),
}
rows = []
for name, (scale, zero_point) in defaults.items():
    qmin, qmax = (-128, 127) if name.startswith("TensorRT") else (0, 255)
    p = quant.QuantParams(
        float(np.squeeze(scale)), int(np.squeeze(zero_point)), qmin, qmax
    )
    error = np.sqrt(np.mean((quant.fake_quantize(hidden, p) - hidden) ** 2))
    levels = len(np.unique(quant.quantize(hidden, p)))
    rows.append(
        (name, f"{p.scale:.5f}", f"{float(p.scale) * qmax:.2f}", levels, f"{error:.4f}")
    )

# %%
lab.table(
    ("default of", "scale", "range ends at", "integers used", "RMS error"),
    rows,
    f"The same {hidden.size:,} activations, from {hidden.min():.2f} to "
    f"{hidden.max():.2f}.",
)

# %% [markdown]
# TensorRT's symmetric (对称) grid spends half of its integers on negative numbers, which a ReLU never
# produces. Weights have a fork of their own: is the largest one 127 steps, or 127.5?

# %%
W = network[9].weight.data
symmetric = torch.MinMaxObserver(dtype="qint8", qscheme="per_tensor_symmetric")
symmetric(W)
by_127_5 = symmetric.calculate_qparams()[0].item()
by_127 = tensorrt.params_from_amax(np.abs(W).max())
moved = TOOLS["PyTorch"](W, by_127_5, 0) != tensorrt.quantize(W, by_127)
lab.say(
    f"TensorRT: {by_127.scale:.8f}, PyTorch: {by_127_5:.8f}. Of {W.size:,} weights of "
    f"the same layer {moved.mean():.1%} become another integer."
)

# %% [markdown]
# So is it simple? Two calls with all defaults make an integer network. Whether they leave nothing open is
# another matter.

# %%
simulated = ptq.quantize_static(network, fashion.batches())
model = integer.convert(simulated)

in_float, in_integers = fashion.correct(network), fashion.correct(model)
cost = lab.paired(in_integers, in_float)
pairs = sum(row.x is not None for row in found)

# %%
lab.claim(
    "realtime/2.2.1#tools-simplify",
    "Tools make quantization a matter of a few convenient calls, and leave nothing "
    "to decide.",
    lab.facts(
        {
            "two calls lose less than a point": cost.low > -1,
            "every tool makes the same integers": pairs == 0,
        }
    ),
    f"Two calls with defaults: {cost} points. Of {len(found)} pairs of rules for "
    f"quantizing one tensor {pairs} differ, from the same scale; scales differ too, "
    f"and move {moved.mean():.0%} of the weights.",
)

# %% [markdown]
# ## 2.2.2 A case: quantizing a model step by step (案例分析:如何对模型进行量化)
#
# The original's order is: train, convert, quantize (after training, or with training), then prune and fuse,
# deploy. Two of these steps cannot stand where they do. Before we go our way, let us see why.
#
# ### Why fusion comes first
#
# A convolution, its batch normalization (批归一化) and its ReLU are three layers in training. At inference
# they are one: the normalization is a factor and a summand per channel, which fold into the weights,
#
# $$ w' = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}\, w, \qquad
# b' = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}}\,(b - \mu) + \beta \tag{1} $$
#
# and the ReLU is a clip. Quantize *before* fusing, and you choose scales for values which will not exist,
# and round three times instead of once. Weights of 8 bits, one scale per channel, activations of 8, 4 and
# 3 bits, scores in float:


# %%
def rounded(x, n_bits, axis=None):
    lo, hi = quant.range_of(x, axis)
    return quant.fake_quantize(x, quant.params_from_range(lo, hi, n_bits, axis=axis))


def run(layers, x, weight_bits, activation_bits, round_after):
    for i, layer in enumerate(layers, 1):
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer = copy.deepcopy(layer)
            layer.weight.data = rounded(layer.weight.data, weight_bits, axis=0)
        x = lab.scores(layer, x)
        if isinstance(layer, round_after) and i < len(layers):
            x = rounded(x, activation_bits)
    return x


folded = ptq.fold_batchnorm(network)
some, labels = fashion.x_test[:1000], fashion.y_test[:1000]
each = nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.ReLU
gain, orders = {}, {}
for n_bits in (8, 4, 3):
    late = run(network, some, 8, n_bits, each).argmax(1) == labels
    first = run(folded, some, 8, n_bits, nn.ReLU).argmax(1) == labels
    gain[n_bits] = lab.paired(first, late)
    orders[n_bits] = 100 * late.mean(), 100 * first.mean()

# %%
lab.table(
    ("bits", "quantized layer by layer, %", "fused first, %", "gain, points"),
    [(b, *(f"{v:.1f}" for v in orders[b]), gain[b]) for b in gain],
    f"Accuracy on {len(some):,} test images, paired 95 % intervals.",
)
lab.erratum(
    "realtime/2.2.2#order",
    "Convert the trained model, quantize it with or without training, and then merge "
    "operations and prune.",
    f"Fusing before quantizing instead of after gains {gain[4]} points at 4 bits and "
    f"{gain[3]} at 3. And what conversion returns, {type(model).__name__}, has "
    f"{'parameters' if hasattr(model, 'parameters') else 'no parameters'} to train.",
    "Train, prune and train on, fuse, calibrate and quantize (or train with "
    "quantization), convert, deploy.",
)

# %% [markdown]
# ### INT8, INT16: of what?
#
# The original has parameters converted to INT8 or INT16. A scheme with 16 bits exists (16×8), but there it
# is the *activations* that get them: weights are read from memory and pay for every bit, activations come
# and go.

# %%
reference = lab.scores(network, some[:400])
size = sum(
    layer.weight.data.size
    for layer in folded
    if isinstance(layer, (nn.Conv2d, nn.Linear))
)
rows, rms = [], {}
for bits in ((8, 8), (8, 16), (16, 8), (16, 16)):
    error = run(folded, some[:400], *bits, nn.ReLU) - reference
    rms[bits] = np.sqrt(np.mean(error**2)) / reference.std()
    rows.append((*bits, f"{size * bits[0] // 8:,}", f"{rms[bits]:.2e}"))

# %%
lab.table(
    ("weights, bits", "activations, bits", "bytes of weights", "error of the scores"),
    rows,
    "Error: RMS, relative to the spread of the float scores; weights with one scale "
    "per channel.",
)
lab.erratum(
    "realtime/2.2.2#int16-parameters",
    "Quantization turns a model's parameters into INT8 or INT16.",
    f"16-bit weights take {2 * size:,} bytes instead of {size:,}. Relative errors of "
    "the scores, activations × weights: "
    + ", ".join(f"{a}×{w} {error:.1e}" for (w, a), error in rms.items())
    + ".",
    "In the scheme called 16×8 activations have 16 bits and weights 8, with one "
    "scale per channel; sums and biases grow to 64 bits. Plain INT8 has 8-bit "
    "weights and activations, and 32-bit biases.",
)

# %% [markdown]
# ### "Gradient correction"
#
# One more gap to fill before the case. If the network is trained with quantization, the original says,
# simulated errors come with a "corresponding gradient correction" (梯度校正), and leaves it at that. Here is
# what it must be. Rounding is a staircase, and its slope is 0 wherever it has one. But look at it from
# further away, over several steps:


# %%
p = quant.QuantParams(0.25, 0, -4, 4)


def slope(x, h):
    return (quant.fake_quantize(x + h, p) - quant.fake_quantize(x - h, p)) / (2 * h)


x = np.float32([-1.6, -0.8, -0.1, 0.3, 0.9, 1.6])
tensor = qbref.Tensor(x, requires_grad=True)
qnn.fake_quantize(tensor, p).sum().backward()
print("x                 ", x)
print("slope over ±0.001 ", slope(x, np.float32(0.001)))
print("slope over ±0.5   ", slope(x, np.float32(0.5)).round(2))
print("gradient in use   ", tensor.grad)

# %% [markdown]
# From there the slope is about 1 inside the range, about 0 outside of it, and in between near the ends. That
# is the correction, the straight-through estimator (直通估计器) with its *mask* (掩码):
#
# $$ \frac{\partial \hat x}{\partial x} := [\, q_{\min} \le \mathrm{round}(x/s) + z \le q_{\max} \,]
# \tag{2} $$
#
# A value that is clipped gets no gradient, because moving it a little changes nothing.

# %%
lab.erratum(
    "realtime/2.2.2#gradient-correction",
    "Training with quantization simulates its error, with a corresponding gradient "
    "correction (left open).",
    f"The true slope is {np.abs(slope(x, np.float32(0.001))).max():.0f} at all of "
    f"{len(x)} points: nothing would be learned. The gradient in use is "
    f"{', '.join(f'{g:.0f}' for g in tensor.grad)}, for x = "
    f"{', '.join(f'{v:.1f}' for v in x)} and a range from −1 to 1.",
    "Rounding passes the gradient unchanged where the value lies in the range, and 0 "
    "where it is clipped: the straight-through estimator with the mask (2).",
)

# %% [markdown]
# Now the case, in the right order. **Step 1, train:** `network`, from above.
#
# ### Step 2: prune, and train on
#
# Two ways. *Single weights*: the 60 % of smallest magnitude become zero. *Channels*: half of each layer's
# outputs go, with everything attached to them; a smaller, dense network remains, and is trained on for
# a few epochs.

# %%
sparse = ptq.prune(network, 0.6, scope="global")
slim = lab.trained(
    lambda: ptq.prune_channels(network, 0.5),
    lambda m: fashion.train(m, lab.epochs(4), 1e-3),
).model
pruned = {"single weights": sparse, "channels": slim}
on_integers, right = {"not pruned": model}, {"not pruned": in_integers}
for name, start in pruned.items():
    q = ptq.quantize_static(start, fashion.batches())
    on_integers[name] = integer.convert(q)
    right[name] = fashion.correct(on_integers[name])

stored = [
    layer.weights
    for layer in on_integers["single weights"].layers
    if layer.weight_bytes
]
arrays = [part.dense for weights in stored for part in np.atleast_1d(weights)]
bytes_of = {name: m.nbytes for name, m in on_integers.items()}
bytes_of["single weights"] += sum(ptq.sparse_bytes(w, 8) - w.size for w in arrays)

one, many = fashion.x_test[:1], fashion.x_test[:64]
SECONDS = 0.2 if lab.quick() else 1.5
times = lab.take_turns(
    {
        (name, len(x)): lambda m=m, x=x: m.run(x)
        for name, m in on_integers.items()
        for x in (one, many)
    },
    SECONDS,
)


# %%
def exactly(ratio):
    return lab.Interval(ratio, ratio, ratio)


pays = {}
for name in pruned:
    pays[f"size ({name})"] = exactly(bytes_of["not pruned"] / bytes_of[name])
    for n in (1, 64):
        pays[f"time of {n} ({name})"] = lab.times_faster(
            times["not pruned", n], times[name, n]
        )

# %%
lab.table(
    (
        "pruned",
        "bytes",
        "ms, 1 image",
        "ms, 64 images",
        "accuracy, %",
        "against not pruned",
    ),
    [
        (
            name,
            f"{bytes_of[name]:,}",
            *(f"{1e3 * np.median(times[name, n]):.2f}" for n in (1, 64)),
            f"{100 * right[name].mean():.2f}",
            lab.paired(right[name], right["not pruned"]),
        )
        for name in on_integers
    ],
    "All three in 8-bit integers. Single weights: stored as nonzeros and the "
    "distances between them.",
)
lab.claim(
    "realtime/2.2.2#pruning-pays",
    "Pruning reduces size and time further.",
    lab.more_than(1, pays),
    "Times smaller or faster: "
    + "; ".join(f"{name} {ratio}" for name, ratio in pays.items())
    + ". Points: "
    + ", ".join(
        f"{name} {lab.paired(right[name], right['not pruned'])}" for name in pruned
    )
    + ".",
)

# %% [markdown]
# Zeros scattered about a matrix are multiplied like any other number, by these kernels as by most; they
# make the *file* smaller, not the work. Missing channels shrink both, though one image alone may hardly show
# it: a call costs something by itself. We go on with the slim network.
#
# ### Step 3: fuse
#
# By (1), in float; and in integers the multiplication, the bias and the requantization (再量化) of a product
# are one pass over its outputs, so that 32-bit sums never travel to memory and back.

# %%
fused = ptq.fold_batchnorm(slim)
core = kernels.default()
layer = on_integers["not pruned"].layers[2]
x = core.im2col(
    list(model.trace(many[:16]))[1][1], (3, 3), padding=1, pad_value=layer.zero_point
)
w = core.pack_rhs(np.ascontiguousarray(layer.weights[0].dense.T))
constants = layer.finish.constants


def in_one_pass():
    return core.int8_matmul(
        x, w, layer.zero_point, bias=layer.bias, requantization=constants
    )


def in_two():
    return core.requantize(
        core.int8_matmul(x, w, layer.zero_point, bias=layer.bias), *constants
    )


assert np.array_equal(in_one_pass(), in_two())
times = lab.take_turns(
    {
        "float, layer by layer": lambda: lab.scores(slim, one),
        "float, folded": lambda: lab.scores(fused, one),
        "integer product, two passes": in_two,
        "integer product, one pass": in_one_pass,
    },
    SECONDS,
)
before, after = (sum(v.nbytes for v in m.state_dict().values()) for m in (slim, fused))
pays = {
    "size (folding)": exactly(before / after),
    "time (folding)": lab.times_faster(
        times["float, layer by layer"], times["float, folded"]
    ),
    "time (one pass)": lab.times_faster(*list(times.values())[2:]),
}
change = np.abs(lab.scores(fused, many) - lab.scores(slim, many)).max()

# %%
lab.claim(
    "realtime/2.2.2#fusion-pays",
    "Fusing layers reduces size and time further.",
    lab.more_than(1, pays),
    f"Bytes {before:,} → {after:,}; times smaller or faster: "
    + "; ".join(
        f"{name} {ratio.estimate:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"
        for name, ratio in pays.items()
    )
    + f". Scores change by at most {change:.1e}.",
)

# %% [markdown]
# ### Step 4: calibrate and quantize
#
# "Calibration finds the best parameters, with the least loss." Each observer finds the best by *its own*
# criterion: the extremes, a percentile (百分位数), the least squared error, the least relative entropy
# (相对熵); Histogram is PyTorch's default, a search for the least squared error. They cannot all have the
# least loss. On the fused network, with 4 bits, where it matters:

# %%
observers = {
    "MinMax": calibration.MinMax,
    "Percentile 99.9": lambda: calibration.Percentile(99.9),
    "MSE": calibration.MSE,
    "Entropy": calibration.Entropy,
    "Histogram": calibration.Histogram,
}
asked = slice(1000, 2000)  # training images that the calibration does not see


def loss(m, x, y):
    return nn.functional.cross_entropy(qbref.Tensor(lab.scores(m, x)), y).item()


losses, correct = {}, {}
for name, observer in observers.items():
    config = qnn.QuantConfig(
        weights=qnn.int_weights(4, clip="mse"),
        activations=qnn.Uniform(4),
        observer=observer,
        overrides={"input": {"activations": qnn.Uniform(8)}},
    )
    m = integer.convert(ptq.quantize_static(fused, fashion.batches(), config))
    losses[name] = loss(m, fashion.x_train[asked], fashion.y_train[asked])
    correct[name] = fashion.correct(m)
best = min(losses, key=losses.get)
behind = {
    name: lab.paired(correct[best], correct[name]) for name in observers if name != best
}

# %%
lab.table(
    ("observer", "loss on training images", "accuracy, %", f"behind {best}, points"),
    [
        (
            name,
            f"{losses[name]:.4f}",
            f"{100 * correct[name].mean():.2f}",
            behind.get(name, ""),
        )
        for name in observers
    ],
    f"4 bits, the input 8; the winner is chosen on training images, the intervals are those of "
    f"{len(fashion.y_test):,} test images.",
)
lab.claim(
    "realtime/2.2.2#calibration-least-loss",
    "Calibration finds the parameters with the least loss: the other observers' "
    f"networks are as good as that of {best}.",
    lab.facts({name: lost.low <= 0 for name, lost in behind.items()}),
    f"Points behind {best}: "
    + ", ".join(f"{name} {lost}" for name, lost in behind.items())
    + ".",
)

# %% [markdown]
# Calibration finds *a* range from data without labels. What it minimizes is a stand-in for the loss; which
# stand-in serves is an experiment. We deploy 8 bits, where the question hardly arises, with the default.
# (If 8 bits after training are not good enough, [training with quantization](realtime/2.1.2) takes the place
# of this step.)
#
# ### Steps 5 and 6: convert, save, and run where nobody trained
#
# Two calls and a file. What is saved are plain integer arrays; what loads them is a new process, which
# knows nothing of this one.

# %%
quantized = ptq.quantize_static(fused, fashion.batches())
deployed = integer.convert(quantized)
assert integer.count_differences(quantized, deployed, fashion.x_test[:500]) == 0

program = """
import hashlib, sys
import numpy as np
from qbref import integer
model = integer.load(sys.argv[1])
scores = model.run(np.load(sys.argv[2]))
print(hashlib.sha256(scores.tobytes()).hexdigest())
"""
here = os.environ | {"PYTHONPATH": str(Path(qbref.__file__).parents[1])}
with tempfile.TemporaryDirectory() as folder:
    file, images = Path(folder, "model.npz"), Path(folder, "images.npy")
    deployed.save(file)
    np.save(images, fashion.x_test[:500])
    command = [sys.executable, "-c", program, str(file), str(images)]
    there = subprocess.run(
        command, env=here, capture_output=True, text=True, check=True
    )
    file_bytes = file.stat().st_size
expected = hashlib.sha256(deployed.run(fashion.x_test[:500]).tobytes()).hexdigest()
assert there.stdout.strip() == expected
print(deployed.summary())
print("scores here: ", expected[:32])
print("scores there:", there.stdout[:32])

# %% [markdown]
# Not "close": the same bits. The whole way at a glance:

# %%
float_bytes = sum(v.nbytes for v in network.state_dict().values())
stages = {
    "trained": (network, float_bytes),
    "pruned, trained on": (slim, before),
    "fused": (fused, after),
    "integers": (deployed, deployed.nbytes),
}
accuracies = {name: fashion.correct(m) for name, (m, _) in stages.items()}
times = lab.take_turns(
    {name: lambda m=m: lab.scores(m, one) for name, (m, _) in stages.items()}, SECONDS
)

# %%
lab.table(
    ("after step", "bytes", "ms, 1 image", "accuracy, %", "against trained, points"),
    [
        (
            name,
            f"{size:,}",
            f"{1e3 * np.median(times[name]):.2f}",
            f"{100 * accuracies[name].mean():.2f}",
            lab.paired(accuracies[name], accuracies["trained"]),
        )
        for name, (_, size) in stages.items()
    ],
    f"The file has {file_bytes:,} bytes: the constants and their description.",
)

# %% [markdown]
# ## What we measured

# %%
final = lab.paired(accuracies["integers"], accuracies["trained"])
faster = lab.times_faster(times["trained"], times["integers"])
lost = max(points.estimate for points in behind.values())
lab.say(
    f"""
- {len(groups)} groups of rules for one operator. On trained activations they differ in
  at most {max(on_activations.values())} of {activations.size:,} integers, on a picture
  of bytes in up to {max(on_picture.values())} of {picture.size}.
- The choice of 127 or 127.5 moves {moved.mean():.0%} of a layer's weights; the choice of
  an observer costs up to {lost:.1f} points of accuracy at 4 bits.
- Fusing before quantizing is worth {gain[4]} points at 4 bits.
- From {float_bytes:,} bytes to {deployed.nbytes:,},
  {float_bytes / deployed.nbytes:.1f} times smaller; {faster} times as fast for one
  image, and {final} points. Another process computes the same bits.
"""
)

# %% [markdown]
# ## Try next
#
# - `qbref atlas` prints all families of operators: requantization, addition, softmax, the sign of zero.
# - [Where accuracy goes](realtime/2.3): how many images calibration needs, and which.
#
# ## Exercises
#
# 1. With scale 0.24 and zero point 0, on which pixels from 0 to 255 do ONNX and PyTorch differ, and why
#    there?
# 2. How many of nineteen copies of 2.5 become 2 in TensorFlow Lite's optimized kernel? And of 1.5?
# 3. Prune single weights by 90 % and look at the file: from which share on is the sparse form smaller than
#    a dense one of 4 bits? Compare with `ptq.dense_bytes`.
# 4. Change one byte of `model.npz` and load it. What happens, and why is that better than a wrong class?
