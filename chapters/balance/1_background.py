"""Balance, 1: bytes, operations and time, layer by layer, and a roofline."""

# %% [markdown]
# # 1 Where the bytes and the time go
#
# *背景介绍*
#
# "The growing size of models takes a lot of computation", says the original, and quantization (量化) is to
# lower "the complexity of computation and the need for storage". But a network is a chain of layers, and
# they are not alike. Before making something cheaper one should know what costs how much. After this
# chapter you can
#
# - count the bytes and the operations of each layer, and time them,
# - say what quantization reduces, what it leaves as it was, and why the time follows neither,
# - read a roofline (屋顶线模型): which product waits for arithmetic, and which for memory.
#
# Read [One network, three ways to write its numbers](realtime/1) before. The run takes about a quarter of a
# minute, and half a minute more the first time, to train the network.
#
# ## The network in four parts
#
# The classifier of Fashion-MNIST again. Each part is a product with what follows it (ReLU, pooling).
# Calibration (校准) and `convert` make integer layers of them.

# %%
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from qbref import integer, kernels, lab, plots, ptq

fashion = lab.fashion()
network = ptq.fold_batchnorm(lab.fashion_cnn().model)
names = ["convolution 1", "convolution 2", "dense 1", "dense 2"]
float_parts = [network[0:4], network[4:8], network[8:11], network[11:12]]

simulated = ptq.quantize_static(network, fashion.batches())
model = integer.convert(simulated)
assert integer.count_differences(simulated, model, fashion.x_test[:256]) == 0
to_int8, conv1, conv2, flatten, dense1, dense2, to_real = model.layers
int8_parts = [(conv1,), (conv2,), (flatten, dense1), (dense2,)]

# %% [markdown]
# ## What there is to count
#
# A layer stores weights (权重), writes activations (激活值), and multiplies and adds. How often? Each weight
# of a convolution is used at every place of the image, a weight of a dense layer once:
#
# $$ \text{multiply-adds} = \text{weights} \times \text{places} \tag{1} $$
#
# We let 64 images pass and keep what enters each part, in float and in integers.


# %%
def run_int8(part, x):
    for layer in part:
        x = layer.run(x, kernels.default())
    return x


BATCH = 64
float_values = [fashion.x_test[:BATCH]]
int8_values = [to_int8.run(float_values[0], kernels.default())]
for in_float, in_int8 in zip(float_parts, int8_parts, strict=True):
    float_values.append(lab.scores(in_float, float_values[-1]))
    int8_values.append(run_int8(in_int8, int8_values[-1]))

weights = np.array([network[i].weight.data.size for i in (0, 4, 9, 11)])
places = np.array([28 * 28, 14 * 14, 1, 1])
written = np.array([v.size // BATCH for v in float_values[1:]])
counts = np.stack([weights, written, weights * places])
share = counts / counts.sum(axis=1, keepdims=True)
rows = []
for name, ns, parts in zip(names, counts.T, share.T, strict=True):
    rows.append((name, *(f"{n:,} ({p:.0%})" for n, p in zip(ns, parts, strict=True))))
header = ("layer", "weights", "activations written", "multiply-adds")
lab.table(header, rows, "For one image; activations after pooling.")

# %% [markdown]
# Three columns, three different layers in the lead. A convolution uses few weights many times, a dense
# layer many weights once. Compress the weights of the convolutions, and hardly a byte is saved; spare the
# multiplications of the dense layers, and most of the work is still there. So what is there to gain, and
# where?
#
# ## Storage
#
# All constants of the model have to be stored for as long as it exists, and each activation until the next
# layer has read it. We count the bytes of all arrays: biases and scales are included.

# %%
float_constants = [
    sum(p.data.nbytes for p in part.parameters()) for part in float_parts
]
int8_constants = [sum(layer.nbytes for layer in part) for part in int8_parts]
float_moved = [v.nbytes / BATCH for v in float_values[1:]]
int8_moved = [v.nbytes / BATCH for v in int8_values[1:]]
stored = {
    "constants": (sum(float_constants), model.nbytes),
    "activations of an image": (sum(float_moved), sum(int8_moved)),
}
lab.claim(
    "balance/1#less-storage",
    "Quantization reduces storage.",
    lab.facts({what: after < before for what, (before, after) in stored.items()}),
    "Bytes in float32 and in int8: "
    + "; ".join(
        f"{what} {b:,.0f} and {a:,.0f}, 1/{b / a:.2f}"
        for what, (b, a) in stored.items()
    ),
)

# %%
(c, a), (c8, a8) = zip(*stored.values(), strict=True)
lab.say(f"""
Which of the two matters depends on how many images pass at once: from a batch of
**{np.ceil(c / a):.0f}** in float32 ({np.ceil(c8 / a8):.0f} in int8) the layers write
more bytes of activations than there are constants. Quantizing the weights alone helps
the device that sees one image at a time more than the server.
""")

# %% [markdown]
# ## Computation
#
# Does quantization compute less? By (1) the number of multiply-adds depends on shapes alone, and the shapes
# are the same. What shrinks is each operand, from 32 bits to 8. A multiplier of $n$-bit numbers adds up
# about $n^2$ bits, so that its circuit shrinks with the *square* (of a float32, 24 bits are multiplied: its
# fraction and the one before it); and a register of 256 bits that holds 8 floats holds 32 bytes. Whether
# that saves *time* has to be measured: part by part, in float and in int8, in turns. The float parts are
# the library's own. (With one image at a time, mostly their calls from Python would be timed.)

# %%
turns = {}
for i, name in enumerate(names):
    turns["float32", name] = lambda i=i: lab.scores(float_parts[i], float_values[i])
    turns["int8", name] = lambda i=i: run_int8(int8_parts[i], int8_values[i])
turns["int8", "image to int8"] = lambda: to_int8.run(float_values[0], kernels.default())
times = lab.take_turns(turns, seconds=1.2)
faster = {n: lab.times_faster(times["float32", n], times["int8", n]) for n in names}
ms = {key: 1e3 * np.median(t) for key, t in times.items()}
lab.table(
    ("layer", "float32, ms", "int8, ms", "times as fast"),
    [(n, f"{ms['float32', n]:.3f}", f"{ms['int8', n]:.3f}", faster[n]) for n in names]
    + [("image to int8", "", f"{ms['int8', 'image to int8']:.3f}", "")],
    f"{BATCH} images, one thread.",
)

# %% [markdown]
# Reduced, for the claim, means less by more than one per cent: the same number of operations is not less.

# %%
exactly = {
    "operations": 1.0,
    "bits of an operand": 32 / 8,
    "bits to add up": 24**2 / 8**2,
}
reduced = {what: lab.Interval(r, r, r) for what, r in exactly.items()}
reduced |= {f"time of {name}": ratio for name, ratio in faster.items()}
lab.claim(
    "balance/1#less-computation",
    "Quantization reduces computation, by more than one per cent.",
    lab.more_than(1.01, reduced),
    f"{counts[2].sum():,} multiply-adds an image, in float32 and in int8. Times less: "
    + "; ".join(f"{what}: {r}" for what, r in reduced.items()),
)

# %% [markdown]
# ## One picture
#
# What a layer costs depends on what is counted. Each panel shows one cost, in float32 and in int8.

# %%
panels = {
    "Constants, kB": np.divide([float_constants, int8_constants], 1e3),
    "Activations, kB": np.divide([float_moved, int8_moved], 1e3),
    "Multiply-adds, 10⁶": np.stack([counts[2], counts[2]]) / 1e6,
    f"Time, ms for {BATCH}": [
        [ms[kind, n] for n in names] for kind in ("float32", "int8")
    ],
}
with plots.style():
    fig = plots.figure(1000, 300)
    row = np.arange(4)
    for axes, (title, (before, after)) in zip(
        fig.subplots(1, 4, sharey=True), panels.items(), strict=True
    ):
        axes.barh(
            row - 0.2, before, 0.38, color=plots.PALETTE["black"], label="float32"
        )
        axes.barh(row + 0.2, after, 0.38, color=plots.PALETTE["blue"], label="int8")
        axes.set_title(title, fontsize=11)
        axes.set_yticks(row, names)
    axes.invert_yaxis()
    axes.legend(loc="lower right", fontsize=10)
lab.show(
    fig,
    "Pairs of bars for four layers in four panels. Constants: nearly all in the first "
    "dense layer, a quarter in int8. Activations: mostly in the first convolution, a "
    "quarter. Multiply-adds: mostly in the second convolution, equal. Time: see above.",
)

# %% [markdown]
# Bytes, operations and time are three different things:

# %%
part = {n: ms["int8", n] / sum(ms["int8", m] for m in names) for n in names}
lab.say(f"""
The first dense layer holds {share[0, 2]:.0%} of the weights and takes
**{part["dense 1"]:.0%}** of the time. The second convolution makes
{counts[2, 1] / counts[2, 0]:.0f} times as many multiply-adds as the first and takes
**{part["convolution 2"] / part["convolution 1"]:.1f}** times as long.
""")

# %% [markdown]
# ### What a layer can contribute
#
# If a part that takes the share $p$ of the time becomes $k$ times as fast, the whole becomes (Amdahl's law,
# 阿姆达尔定律)
#
# $$ \text{times as fast} = \frac{1}{(1 - p) + p / k} \;\le\; \frac{1}{1 - p} \tag{2} $$

# %%
all_float = sum(ms["float32", n] for n in names)
limit = {n: all_float / (all_float - ms["float32", n]) for n in names}
whole = lab.take_turns(
    {
        "float32": lambda: lab.scores(network, float_values[0]),
        "int8": lambda: model.run(float_values[0]),
    },
    seconds=0.6,
)
together = lab.times_faster(whole["float32"], whole["int8"])
lab.say(
    "If a single layer took no time at all, the network would be "
    + ", ".join(f"{limit[n]:.2f} ({n})" for n in names)
    + f" times as fast. With all of them in int8 it is **{together}** times as fast."
)

# %% [markdown]
# ## Why the time follows neither: the roofline
#
# A product must be computed *and* its numbers must be fetched. Let $I$ be its intensity (计算强度), the
# operations that it makes for each byte it moves (a multiply-add is two; int8 reads bytes, and writes its
# sums with 32 bits). Then its speed is bounded by two roofs,
#
# $$ \text{speed} \le \min(\text{peak},\; I \cdot \text{bandwidth}) \tag{3} $$
#
# `qbref bench` measures both limits on this processor, and the bare product of each layer. A convolution of
# 64 images is the product of a matrix with a row for each place by one with a column for each filter.

# %%
depth = 9, 9 * 16, 1568, 128  # how many products each sum has
shapes = {}
for name, m, k, w in zip(names, places, depth, weights, strict=True):
    shapes[name] = f"{BATCH * m}x{k}x{w // k}"
with tempfile.TemporaryDirectory() as folder:
    results = Path(folder) / "bench.json"
    what = ["--quick", "--kernels", "int8", "--shapes", ",".join(shapes.values())]
    command = [sys.executable, "-m", "qbref", "bench", *what, "--json", results]
    subprocess.run(command, check=True, capture_output=True)
    bench = json.loads(results.read_text())
peaks = {kind: max(bench["limits"][kind].values()) for kind in ("float32", "int8")}
print("peaks, 10⁹ operations a second:", *(f"{k} {v:.0f}" for k, v in peaks.items()))
for n, rate in bench["read_bandwidth"].items():
    print(f"reading {int(n) // 1024:7,} KiB again and again: {rate:4.0f} GB/s")

# %% [markdown]
# Of each kind we keep the fastest kernel.

# %%
best, points = {}, []
for name, shape in shapes.items():
    for kind in peaks:
        rows = [
            row
            for row in bench["products"]
            if row["kind"] == kind and "x".join(map(str, row["shape"])) == shape
        ]
        best[name, kind] = row = max(rows, key=lambda row: row["gops"])
        points.append((kind, kind, row["operations_per_byte"], row["gops"], name))
reading = {  # outside of the nearest caches, for what 64 images take
    f"{int(n) // 2**20} MiB": rate
    for n, rate in bench["read_bandwidth"].items()
    if int(n) >= 2**20
}
fig = plots.roofline(points, peaks, reading, "The products of the four layers")
lab.show(fig, fig.get_label())

# %% [markdown]
# To the left of a roof's bend the lower limit is memory, to the right of it arithmetic. Fewer bytes move
# int8 to the right, to where its roof is high. But the first convolution stays far to the left: it sums nine
# terms only, there is little to compute on what has been fetched, and a faster multiplier is of little use.
# A point far below both roofs loses its time to what (3) does not count: with few terms or few columns
# a kernel is busy with beginning and ending, and of the last layer mostly the call is timed.

# %%
rows = []
for n in names:
    cells = []
    for kind, peak in peaks.items():
        row = best[n, kind]
        cells += [f"{row['operations_per_byte']:.1f}", f"{row['gops'] / peak:.0%}"]
    rows.append((n, *cells))
header = ("layer", "float32: I", "of its peak", "int8: I", "of its peak")
lab.table(
    header, rows, "Intensity, operations a byte, and the share of the peak reached."
)

# %% [markdown]
# ## What we measured

# %%
most = [f"{names[row.argmax()]} ({row.max():.0%})" for row in share]
slowest = max(names, key=lambda n: ms["int8", n])
lab.say(f"""
- Most weights are in {most[0]}, most activations come from {most[1]}, most
  multiply-adds are in {most[2]}; most of the time in int8 goes to {slowest}.
- int8 takes 1/{c / c8:.2f} of the bytes for constants, 1/{a / a8:.2f} for activations,
  and makes exactly as many multiply-adds, with operands of a quarter of the bits.
- The layers become {", ".join(f"{faster[n].estimate:.2f}" for n in names)} times as
  fast, the network {together.estimate:.2f} times.
""")

# %% [markdown]
# ## Try next
#
# [From one requirement to every formula](balance/4.1) derives what `quantize_static` did;
# [weights, activations, both](balance/2.1) asks what quantizing each of them costs in accuracy.
#
# ## Exercises
#
# 1. The second convolution gets 64 filters in place of 32. Compute the three columns of the first table by
#    hand, then check with an untrained network. Which layer's weights grow, too?
# 2. Set `BATCH = 1` and run the roofline again. Which products move to the left, which stay, and why?
# 3. By (3), from how many terms $K$ on is an int8 product of very many rows and 32 columns bounded by
#    arithmetic, if its numbers are read at the speed of 16 MiB? Use your own processor's limits.
