# %% [markdown]
# # 3.1 A ruler or a table: uniform and non-uniform quantization at equal bits
#
# *核心算法原理 & 具体操作步骤*
#
# A **ruler** has evenly spaced marks, a **table** may put them anywhere. The original says that the ruler is
# simple and loses accuracy, the table keeps it and costs more. After this chapter you can
#
# - compare the two fairly, at equal bits, and predict from a histogram what a table can gain;
# - say what a table costs: to fit, to store, and for each lookup;
# - quantize a trained network in seven steps, from data to a file, and check each;
# - tell a narrow *range* from few *levels*: one may help, the other hurts.
#
# Read [the affine map](realtime/2.1) before; where the tables come from is derived in
# [4.2](balance/4.2). Run time: under a minute, and half a minute more the first time.
#
# ## 3.1 The algorithms (算法原理概述)
#
# **Uniform quantization** (均匀量化) rounds to multiples of a step. **Non-uniform quantization** (非均匀量化)
# rounds to the nearest entry of a **lookup table** (查找表) and stores the number of the entry. Our weights:
# the large dense layer of a network trained on Fashion-MNIST, which holds nearly all of its weights. What
# lies before that layer does not change, so that we compute it once for all 10,000 test images.

# %%
import tempfile
from pathlib import Path

import numpy as np

import qbref as qb
from qbref import calibration, integer, kernels, lab, plots, ptq, qnn, quant

fast, fashion = kernels.default(), lab.fashion()
network = lab.fashion_cnn().model
dense, last = network[9], network[11]
W = dense.weight.data
features = lab.scores(network[:9], fashion.x_test)
qb.manual_seed(0)


def right_answers(w):
    hidden = np.maximum(features @ w.T + dense.bias.data, 0)
    scores = hidden @ last.weight.data.T + last.bias.data
    return scores.argmax(axis=1) == fashion.y_test


def ruler(n_bits, observer=calibration.MSE, axis=None):
    observer = observer(axis=axis).observe(W)
    return quant.fake_quantize(W, observer.params(n_bits=n_bits))


def table(n_bits, method="lloyd_max", axis=None):
    book = quant.fit_codebook(W, n_bits, method, axis=axis)
    return quant.dequantize_lut(quant.quantize_lut(W, book), book)


def error(w_hat, w=W):
    return float(((w_hat - w) ** 2).mean() / (w**2).mean())


trained = right_answers(W)
share = W.size / sum(parameter.data.size for parameter in network.parameters())
lab.say(f"{W.size:,} weights, {share:.0%} of the network: {lab.accuracy(trained)} %.")

# %% [markdown]
# ### Not so fast: two things at once
#
# The original's example of a uniform quantizer has the integers [−128, 127], its example of a table
# [−7, 7]. That is 256 levels against 15: eight bits against four. Whoever compares the two examples learns
# nothing about rulers and tables, because the bits change as well. There are four cases, not two:

# %%
four = {
    ("ruler", 8): ruler(8),
    ("table", 8): table(8),
    ("ruler", 4): ruler(4),
    ("table", 4): table(4),
}
lab.table(
    ("levels", "8 bits", "4 bits"),
    [
        (kind, *(f"{error(four[kind, n_bits]):.5f}" for n_bits in (8, 4)))
        for kind in ("ruler", "table")
    ],
    caption="Squared error as a share of the weights' squares. Ruler: range of least error. "
    "Table: Lloyd–Max.",
)
fewer_bits = error(four["table", 4]) / error(four["ruler", 8])
same_bits = error(four["ruler", 4]) / error(four["table", 4])
lab.erratum(
    "balance/3.1#unequal-bits",
    "Uniform quantization maps to [−128, 127], non-uniform to [−7, 7], and the latter "
    "keeps precision better.",
    f"As exemplified the table makes {fewer_bits:.0f} times the squared error of the ruler. "
    f"At four bits each, it makes 1/{same_bits:.2f} of it.",
    "[−128, 127] and [−7, 7] say how many levels there are, not how they are spaced. "
    "Compare at equal bits.",
)

# %% [markdown]
# ### What can a table gain?
#
# Levels should be dense where weights are. How dense? Let $\lambda(x)$ be the density of levels around $x$,
# so that cells are $1/\lambda$ wide, and $p(x)$ that of weights. Rounding in a cell of width $\Delta$ costs
# $\Delta^2 / 12$ on average. Minimizing $\int p / (12 \lambda^2)$ with $\int \lambda = 2^n$ gives
# $\lambda \propto p^{1/3}$, and with it (Panter and Dite, 1951)
#
# $$ D \approx \frac{1}{12 \cdot 4^n} \left( \int p(x)^{1/3} dx \right)^3 \tag{1} $$
#
# The cube root says: sparser in the tails, but not nearly as sparse as the weights themselves. And one can
# estimate the best error *before* fitting a table, from a histogram. (1) assumes narrow cells, so that it
# errs at few bits. `lloyd_max` starts from levels of this density and improves them step by step.

# %%
counts, edges = np.histogram(W, bins=200)
width = edges[1] - edges[0]
p = counts / (W.size * width)
integral = (np.cbrt(p) * width).sum()
for n_bits in (2, 3, 4, 6, 8):
    predicted = integral**3 / 12 / 4**n_bits / (W**2).mean()
    print(
        f"{n_bits} bits: predicted {predicted:.5f}, Lloyd–Max {error(table(n_bits)):.5f}"
    )

# %% [markdown]
# Where do they make their errors? We add them up from the smallest weight to the largest. The curve of a
# quantizer rises where it pays: for a ruler over the whole range that is the middle, where the weights are
# and its marks are not; for a clipped ruler also the tails; a table comes closest to paying everywhere alike.

# %%
candidates = {
    "ruler, whole range": ruler(3, calibration.MinMax),
    "ruler, clipped": ruler(3),
    "table, Lloyd–Max": table(3),
}
with plots.style():
    fig = plots.figure(1000, 560)
    top, bottom = fig.subplots(2, 1, sharex=True, height_ratios=(1.2, 1))
    top.set(title="Eight levels on the density of the weights", ylabel="density")
    top.fill_between(
        edges[:-1], p, step="post", color=plots.PALETTE["sky blue"], alpha=0.5
    )
    bottom.set(xlabel="weight", ylabel="share of the error, %")
    for i, (name, w_hat) in enumerate(candidates.items()):
        levels = np.unique(w_hat)
        top.plot(
            levels, np.full(len(levels), (0.9 - 0.12 * i) * p.max()), "|", ms=16, mew=3
        )
        made, _ = np.histogram(W, bins=edges, weights=(W - w_hat) ** 2)
        label = f"{name}: error {error(w_hat):.3f}"
        bottom.plot(edges[1:], 100 * made.cumsum() / made.sum(), label=label)
    bottom.legend(loc="upper left")
lab.show(
    fig,
    alt="Above, the bell of the weights and the eight levels of three quantizers: evenly "
    "over the whole range, evenly over its middle, and, for the table, denser in the "
    "middle. Below, the share of its squared error that each makes up to a weight; the "
    "steepest curve is the ruler's over the whole range, in the middle. Errors: "
    + ", ".join(f"{name} {error(w):.3f}" for name, w in candidates.items()),
)

# %% [markdown]
# ### At equal bits
#
# Now all of them: the ruler from end to end and with the range of least error; k-means and Lloyd–Max, which
# solve the same problem from different starts; equal population, powers of two, and NF4 (quantiles of a
# normal distribution, Dettmers et al. 2023, defined for 4 bits). One ruler or table for the whole layer,
# and one for each of its 128 outputs.

# %%
BITS, GRANULARITY = (2, 3, 4, 8), {"per tensor": None, "per channel": 0}
METHODS = ("kmeans", "lloyd_max", "equal_population", "power_of_two", "nf4")
quantized = {}
for where, axis in GRANULARITY.items():
    for n_bits in BITS:
        quantized["whole range", where, n_bits] = ruler(
            n_bits, calibration.MinMax, axis
        )
        quantized["clipped", where, n_bits] = ruler(n_bits, calibration.MSE, axis)
        for method in METHODS if n_bits == 4 else METHODS[:-1]:
            quantized[method, where, n_bits] = table(n_bits, method, axis)
right = {key: right_answers(w_hat) for key, w_hat in quantized.items()}
for where in GRANULARITY:
    keys = [
        [(name, where, n) for n in BITS]
        for name in ("whole range", "clipped", *METHODS)
    ]
    lab.table(
        ("", *(f"{n} bits" for n in BITS)),
        [
            (
                row[0][0].replace("_", " "),
                *(
                    f"{error(quantized[key]):.4f} · {100 * right[key].mean():.1f} %"
                    if key in right
                    else "–"
                    for key in row
                ),
            )
            for row in keys
        ],
        caption=f"Relative squared error · accuracy, {where}. Float32: "
        f"{100 * trained.mean():.1f} %.",
    )

# %% [markdown]
# Squared errors are facts, accuracies have intervals. Against the *clipped* ruler, which is still a ruler:

# %%
points = {
    f"{n_bits} bits {where}": lab.paired(
        right["lloyd_max", where, n_bits], right["clipped", where, n_bits]
    )
    for where in GRANULARITY
    for n_bits in BITS
}
for method in ("equal_population", "power_of_two"):
    points[f"{method.replace('_', ' ')}, 4 bits"] = lab.paired(
        right[method, "per tensor", 4], right["clipped", "per tensor", 4]
    )
ratio = {
    (where, n_bits): error(quantized["lloyd_max", where, n_bits])
    / error(quantized["clipped", where, n_bits])
    for where in GRANULARITY
    for n_bits in BITS
}
lab.table(
    ("Lloyd–Max against the clipped ruler", "error, times", "accuracy, points"),
    [
        (f"{n} bits {where}", f"{times:.2f}", points[f"{n} bits {where}"])
        for (where, n), times in ratio.items()
    ],
    caption="Less than 1, and more than 0 points: the table is better. Paired intervals.",
)

# %% [markdown]
# A smaller error need not be more right answers: where a network hardly suffers, there is nothing to win
# back. And *non-uniform* is not a virtue by itself. A table that spends its levels by another rule than
# squared error can be worse than a ruler. The verdict has to wait for whole networks, in 3.2.
#
# ### What it costs
#
# Three bills, each at four bits. *Fitting*: a range is a search over one number, a table is an iteration over
# all weights. *Encoding*: a division and a rounding, or a search among borders. Both are paid once. The
# third is paid for every product: the kernel must turn a code into a number before it can multiply. The
# table's entries are rounded to int8 for that, so that the product stays one of integers.

# %%
book = quant.fit_codebook(W, 4, "lloyd_max")
params = calibration.MSE().observe(W).params(n_bits=4)
codes = quant.quantize_lut(W, book)
entries = np.rint(book.levels * (127 / np.abs(book.levels).max())).astype(np.int8)
packed_codes = quant.pack_int4(codes)
packed_int4 = quant.pack_int4(quant.quantize(W, params))
as_int8 = fast.pack_rhs(entries[codes].T)
rng, products, answers = qb.random.default_rng(), {}, {}
for rows in (1, 64):
    x = rng.integers(-128, 128, (rows, W.shape[1]), np.int8)
    functions = {
        "int8": lambda x=x: fast.int8_matmul(x, as_int8),
        "int4": lambda x=x: fast.int4_matmul(x, packed_int4),
        "table": lambda x=x: fast.lut_matmul(x, packed_codes, entries),
    }
    assert np.array_equal(functions["int8"](), functions["table"]())
    products[rows] = lab.take_turns(functions, seconds=0.4)
lab.table(
    ("10⁻¹² s for each weight and row", "int8", "4-bit ruler", "4-bit table"),
    [
        (
            f"{rows} × 1568 × 128",
            *(f"{1e12 * np.median(t) / rows / W.size:.0f}" for t in took.values()),
        )
        for rows, took in products.items()
    ],
    caption="Compiled kernels in turns; int8 holds the table's numbers, looked up before.",
)

# %%
once = lab.take_turns(
    {
        "fit range": lambda: calibration.MinMax().observe(W).params(n_bits=4),
        "fit clipped range": lambda: calibration.MSE().observe(W).params(n_bits=4),
        "fit table": lambda: quant.fit_codebook(W, 4, "lloyd_max"),
        "encode by ruler": lambda: quant.quantize(W, params),
        "encode by table": lambda: quant.quantize_lut(W, book),
    },
    seconds=0.4,
)
slower = {
    "fitting, against min and max": lab.times_faster(
        once["fit table"], once["fit range"]
    ),
    "fitting, against the clipped range": lab.times_faster(
        once["fit table"], once["fit clipped range"]
    ),
    "encoding": lab.times_faster(once["encode by table"], once["encode by ruler"]),
}
for rows, took in products.items():
    batch = "1 row" if rows == 1 else f"{rows} rows"
    for rival in ("int4", "int8"):
        slower[f"product with {batch}, against {rival}"] = lab.times_faster(
            took["table"], took[rival]
        )
lab.claim(
    "balance/3.1#table-costs-more",
    "A table costs more computation than a ruler.",
    lab.more_than(1, slower),
    "Times as long: "
    + "; ".join(f"{name} {times}" for name, times in slower.items())
    + ".",
)

# %% [markdown]
# The products deserve a second look: against int8 both 4-bit forms pay for *unpacking*. What the table adds
# to that is the difference between its column and the middle one. On processors with vectors there is
# little to add: sixteen entries of one byte fit into a register, and one shuffle instruction looks up many
# codes at a time. (With eight bits a table has 256 entries, and no shuffle reaches that far; the kernels stop
# at four.)
#
# A table has bytes, too. For a channel of $K$ weights, $2^n$ entries of float32 come on top of $n K$ bits:

# %%
lab.table(
    ("weights of a channel", *(f"{n} bits" for n in BITS)),
    [
        (f"{k:,} ({what})", *(f"{n + 32 * 2**n / k:.1f}" for n in BITS))
        for what, k in {
            "first convolution": network[0].weight.data[0].size,
            "second convolution": network[4].weight.data[0].size,
            "dense layer": W.shape[1],
        }.items()
    ],
    caption="Bits for each weight with one table of float32 for each channel. A ruler "
    "adds only 32 bits to the channel.",
)

# %% [markdown]
# A table for nine weights is longer than the nine weights. Where it is as long as the data it reproduces
# them perfectly and compresses nothing.
#
# ## 3.2 Seven steps (算法步骤详解)
#
# The original lists seven steps, from data to deployment. Here they are, in one script, on the whole network.
# Three remarks. The activations of step 5 need ranges, and ranges need images: those of the training set, so
# that the test images of step 6 stay unseen. Steps 4 and 5 are one call, because a layer's integers depend
# on both. And step 7 has a check of its own: what was validated must be what runs.

# %%
# 1. Data: to train and calibrate with, and apart from that to validate with.
images, labels = fashion.x_test, fashion.y_test
calibration_set = fashion.batches(512)
# 2. Train in float.
model = lab.fashion_cnn().model
in_float = fashion.correct(model)
# 3. Analyse: how far do weights and activations reach beyond their bulk?
for i in (0, 4, 9, 11):
    w = model[i].weight.data
    a = np.concatenate([lab.scores(model[:i], x) for x in calibration_set])
    print(
        f"layer {i:2}: largest weight {np.abs(w).max() / w.std():.1f} deviations, "
        f"largest input {np.abs(a).max() / a.std():.1f}"
    )
configs = {"rulers, 8 bits": qnn.int_weights(8)}
for n in (4, 2):
    one = qnn.Uniform(n, symmetric=True, narrow_range=True, clip="mse")
    configs[f"rulers, {n} bits"] = qnn.int_weights(n, clip="mse")
    configs[f"one ruler, {n} bits"] = one
    configs[f"Lloyd–Max, {n} bits"] = qnn.Lut(n, "lloyd_max")
    configs[f"k-means, {n} bits"] = qnn.Lut(n, "kmeans")
deployed, steps, correct = {}, [], {}
with tempfile.TemporaryDirectory() as folder:
    for name, weights in configs.items():
        # 4. and 5. Quantize weights and activations.
        q = ptq.quantize_static(
            model, calibration_set, qnn.QuantConfig(weights=weights)
        )
        # 6. Validate.
        converted = integer.convert(q)
        correct[name] = fashion.correct(converted)
        # 7. Deploy: a file of integers, read back and run.
        path = Path(folder) / "model.npz"
        converted.save(path)
        deployed[name] = integer.load(path)
        assert integer.count_differences(q, deployed[name], images[:500]) == 0
        latent, in_use = q.state_dict(), qnn.quantized_weights(q)
        errors = [error(w_hat, latent[path]) for path, w_hat in in_use.items()]
        size, loss = deployed[name].nbytes, lab.paired(correct[name], in_float)
        steps.append((name, f"{size:,}", f"{errors[0]:.4f}", f"{errors[2]:.4f}", loss))
lab.table(
    (
        "weights",
        "bytes",
        "error, first layer",
        "error, dense layer",
        "accuracy, points",
    ),
    steps,
    caption=f"The whole network on integers, against float32 ({100 * in_float.mean():.1f} %). "
    "Rulers: one for each channel. Relative squared errors. Activations: 8 bits.",
)

# %% [markdown]
# Every row went through a file, and what came back gave the simulation's answers to the last bit. Compare
# *one ruler* with the two tables of the same bits. k-means and Lloyd–Max minimize the same error, and in the
# dense layer they find about the same; in the first layer, with 144 weights, they need not. Both go downhill
# and stop in the first hollow; which one that is depends on where they start: with levels spread evenly, or
# as dense as the cube root of (1). And a loss of the first layer is passed on to all others.

# %%
for n in (4, 2):
    for method in ("Lloyd–Max", "k-means"):
        points[f"whole network, {method}, {n} bits"] = lab.paired(
            correct[f"{method}, {n} bits"], correct[f"one ruler, {n} bits"]
        )
lab.claim(
    "balance/3.1#table-keeps-precision",
    "At equal bits a table keeps accuracy better than a ruler.",
    lab.more_than(0, points),
    "Points above the clipped ruler (dense layer alone, Lloyd–Max unless named; whole network): "
    + "; ".join(f"{name} {value}" for name, value in points.items()),
)

rivals = {
    n: lab.paired(correct[f"k-means, {n} bits"], correct[f"rulers, {n} bits"])
    for n in (4, 2)
}
lab.say(
    "One table for a whole layer against a ruler for each channel, at about equal bytes: "
    + ", ".join(f"**{value}** points at {n} bits" for n, value in rivals.items())
    + "."
)

# %% [markdown]
# That last comparison is the one that matters in practice. Letting each channel have its own scale is another
# way to put levels where weights are. It costs at most a number a channel, none where the integer model keeps
# a multiplier for each channel anyway, and no kernel notices.
#
# ## 3.3 For and against (算法优缺点)
#
# ### For: cheaper
#
# The original's case for quantization is lower cost in computation and in storage. Float32 against the
# integer models, one image and 64 at a time. (This library's float network is written to be read, so the
# comparison flatters the integers; [2.1.1](realtime/2.1.1) has the bare product against BLAS.)

# %%
rivals = {name: deployed[name] for name in ("rulers, 8 bits", "k-means, 4 bits")}
float_bytes = sum(parameter.data.nbytes for parameter in model.parameters())
cheaper = {}
for name, rival in rivals.items():
    less = float_bytes / rival.nbytes
    cheaper[f"storage, {name}"] = lab.Interval(less, less, less)
for batch in (1, 64):
    x = images[:batch]
    functions = {"float32": lambda x=x: lab.scores(model, x)}
    functions |= {name: lambda x=x, m=m: m.run(x) for name, m in rivals.items()}
    took = lab.take_turns(functions, seconds=0.4)
    for name in rivals:
        gain = lab.times_faster(took["float32"], took[name])
        cheaper[f"time, {name}, batch {batch}"] = gain
lab.claim(
    "balance/3.3#cheaper",
    "Quantization lowers the cost in computation and storage.",
    lab.more_than(1, cheaper),
    "Times less than this library's float32: "
    + "; ".join(f"{name} {gain}" for name, gain in cheaper.items())
    + ".",
)

# %% [markdown]
# ### Against: accuracy, "especially when the range is narrow"
#
# Which range? A ruler has two properties that the word could mean: how far it *reaches*, and how many marks
# it *has*. With step $s$ and reach $r$ the squared error has two parts,
#
# $$ D(r) \approx \underbrace{\frac{s^2}{12}}_{\text{rounding}}
# + \underbrace{\operatorname{mean}\left[ \max(|w| - r, 0)^2 \right]}_{\text{clipping}},
# \qquad s = \frac{2 r}{2^n - 2} \tag{2} $$
#
# Shortening the reach shrinks the first and lets the second grow. At the full reach the second is zero
# and so is its slope: there a little less reach can only help. We slide the end of the ruler (narrow
# *range*) for several numbers of marks (few *levels*).

# %%
reaches = np.linspace(0.1, 1, 37)
peak = np.abs(W).max()


def at_reach(n_bits, reach):
    end = float(reach * peak)
    p = quant.params_from_range(
        -end, end, n_bits=n_bits, symmetric=True, narrow_range=True
    )
    return quant.fake_quantize(W, p)


curves = {n: [error(at_reach(n, reach)) for reach in reaches] for n in (2, 3, 4, 8)}
best = {n: reaches[np.argmin(curve)] for n, curve in curves.items()}
with plots.style():
    fig = plots.figure(900, 440)
    axes = fig.add_subplot(
        yscale="log", xlabel="reach / largest weight", ylabel="relative squared error"
    )
    axes.set_title("A narrower range helps, fewer levels hurt")
    for n, curve in curves.items():
        (line,) = axes.plot(reaches, curve, label=f"{n} bits")
        axes.plot(best[n], min(curve), "o", color=line.get_color())
    axes.legend(loc="lower left", ncols=4)
    axes.set_ylim(min(map(min, curves.values())) / 4, None)
lab.show(
    fig,
    alt="Squared error over the reach of the ruler for 2, 3, 4 and 8 bits. Each curve has "
    "its minimum below the full reach: at "
    + ", ".join(f"{best[n]:.2f} ({n} bits)" for n in best),
)

# %%
narrower = {
    f"{n} bits": lab.paired(
        right_answers(at_reach(n, best[n])), right_answers(at_reach(n, 1))
    )
    for n in curves
}
levels_lost = {
    f"{n} bits": lab.paired(
        right_answers(at_reach(n, best[8])), right_answers(at_reach(8, best[8]))
    )
    for n in (4, 3, 2)
}
lab.table(
    (
        "bits",
        "best reach",
        "error there / at full reach",
        "accuracy gained by the narrower range, points",
    ),
    [
        (
            n,
            f"{best[n]:.2f}",
            f"{min(curves[n]) / curves[n][-1]:.2f}",
            narrower[f"{n} bits"],
        )
        for n in curves
    ],
    caption="The same number of levels, spread over less.",
)
lab.erratum(
    "balance/3.3#narrow-range",
    "Quantization can lose accuracy, especially where the quantization range is narrow.",
    "Narrowing the range to that of least error changes accuracy by "
    + ", ".join(f"{points} ({n})" for n, points in narrower.items())
    + " points, one ruler for the layer. Fewer levels over an unchanged range: "
    + ", ".join(f"{points} ({n} in place of 8)" for n, points in levels_lost.items()),
    "What loses accuracy is too few levels. A narrower range makes finer steps of the same "
    "levels: the squared error falls until what is cut off costs more than they save.",
)

# %% [markdown]
# The fewer the levels, the more of the range is best given away. A clipped ruler with few marks and a table
# are two answers to one question, where to put the few levels that one has.
#
# ## What we measured

# %%
wins = [name for name, value in points.items() if value.low > 0]
lab.say(f"""
- At equal bits the table's squared error is {ratio["per tensor", 2]:.2f} (2 bits),
  {ratio["per tensor", 3]:.2f} (3), {ratio["per tensor", 4]:.2f} (4) and
  {ratio["per tensor", 8]:.2f} (8) times that of the clipped ruler. It gives more
  right answers, by more than the interval, with: {", ".join(wins) or "none"}.
- A product with a table takes {slower["product with 1 row, against int4"]} times as long
  as with 4-bit integers at one row, {slower["product with 64 rows, against int4"]} at 64;
  fitting a table {slower["fitting, against the clipped range"]} times as long as a range.
- The best reach of a ruler is {best[2]:.2f} of the largest weight at 2 bits,
  {best[3]:.2f} at 3, {best[4]:.2f} at 4, {best[8]:.2f} at 8.
""")

# %% [markdown]
# ## Try next
#
# - [Three applications](balance/3.4): the same choice for images, language and recommendation.
# - [Weights, activations, both](balance/2.1): which of steps 4 and 5 costs the accuracy?
#
# ## Exercises
#
# 1. Derive $\lambda \propto p^{1/3}$: minimize $\int p / \lambda^2$ under $\int \lambda = 2^n$ with a
#    Lagrange multiplier. What does (1) become for a uniform density, and what does a table gain there?
# 2. Predict with (2) the best reach at 3 bits from a histogram, without quantizing anything. How far is it
#    from the minimum of the curve, and why does the formula fail at 2 bits?
# 3. Compare `lloyd_max` with `kmeans` in the tables above, at each number of bits, and both with (1). Which
#    start is the better one, where, and which bits are worth a table at all?
# 4. Fit one table to every 64 weights of a channel (`axis=1, block_size=64`). Weigh the bytes, with the
#    table's own, against the error, at 2 and at 4 bits.
