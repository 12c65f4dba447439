"""Balance, 4.1 and 4.2: the affine map and the tables, each derived from what it must do."""

# %% [markdown]
# # 4.1 From one requirement to every formula
#
# *数学模型和公式*
#
# A quantizer (量化器) is a pair of functions: one turns real numbers into small integers, the other
# turns the integers back. Two such pairs cover nearly all of practice, a *ruler* with even marks and a
# *table* of arbitrary ones, and neither needs to be learned by heart: each follows from one sentence
# about what it has to do. After this chapter you can
#
# - test a formula for quantization in a minute, and say what is missing from one that fails;
# - derive scale (缩放因子) and zero point (零点) from the single requirement that zero stay zero, and say
#   what happens to a network when it does not;
# - explain why weights are usually quantized symmetrically, from four sums;
# - derive three tables (Lloyd–Max, equal population, powers of two), and choose among them by what each
#   one is best at.
#
# Nothing has to be read before; if you know what a weight matrix is, you are ready. The run takes about
# ten seconds once the network is trained, and half a minute more the first time.
#
# ## One layer to work on
#
# All experiments are made on one trained layer: the large dense layer of a small convolutional network
# that tells ten kinds of clothing apart (Fashion-MNIST). The layers before it are run once; what reaches
# our layer is kept in `X`. To ask what a quantizer does to the *network*, we put the altered weights in
# place, finish the last two steps, and count right answers.

# %%
import numpy as np

from qbref import calibration, integer, kernels, lab, nn, plots, ptq, quant

fashion = lab.fashion()
network = lab.fashion_cnn().model
*before, dense, _, last = network
X = lab.scores(nn.Sequential(*before), fashion.x_test)
W = dense.weight.data


def right_answers(weights):
    hidden = np.maximum(X @ weights.T + dense.bias.data, 0)
    scores = hidden @ last.weight.data.T + last.bias.data
    return scores.argmax(axis=1) == fashion.y_test


trained = right_answers(W)
lab.say(
    f"The layer has {W.size:,} weights between {W.min():.3f} and {W.max():.3f}, half of them closer to "
    f"zero than {np.median(np.abs(W)):.3f}. With them the network is right in {lab.accuracy(trained)} % "
    f"of {len(X):,} test images (95 % interval in brackets)."
)

# %% [markdown]
# ## 4.1 Mathematical models (数学模型构建)
#
# The original opens with a model of the quantization range (量化区间). With $W$ the weights and
# $[-q, q]$ the range,
#
# $$ q(W) = \mathrm{sign}(W) \cdot \max(\min(W, q), -q) \tag{1} $$
#
# The best way to read a formula is to run it on five numbers whose answers you know.


# %%
def as_written(w, q):
    return np.sign(w) * np.maximum(np.minimum(w, q), -q)


five = np.array([-0.9, -0.3, 0.0, 0.3, 0.9])
print("W            ", five)
print("(1) with q=½ ", as_written(five, 0.5))
print("|clip(W)|    ", np.abs(np.clip(five, -0.5, 0.5)))

# %% [markdown]
# Three things are wrong, and they are worth telling apart.
#
# 1. **The sign is gone.** $\max(\min(W, q), -q)$ already has the sign of $W$; multiplying by the sign
#    once more leaves no result negative. Formula (1) is $|\mathrm{clip}(W, -q, q)|$.
# 2. **Nothing is rounded.** 0.3 stays 0.3: the result is as real as the input, and needs as many bits.
# 3. **There is no scale.** Section 4.3 takes $q = 7$ for weights in $[-0.5, 0.5]$. Then no weight is
#    ever clipped, and (1) does nothing but lose the sign. A quantizer has to *stretch* the weights
#    onto the integers, and the factor appears nowhere.
#
# On the trained layer:

# %%
written = as_written(W, 7)
lost = right_answers(written)
assert np.array_equal(written, np.abs(np.clip(W, -7, 7)))
lab.say(
    f"Before: {len(np.unique(W)):,} different weights, {np.mean(W < 0):.0%} of them negative. After (1) "
    f"with q = 7: {len(np.unique(written)):,} different weights, {np.mean(written < 0):.0%} negative. "
    f"The network, right in {lab.accuracy(trained)} % before, is right in {lab.accuracy(lost)} % now: "
    f"with ten classes, guessing gets 10."
)
lab.erratum(
    "balance/4.1#loses-sign",
    "The model of the quantization range is q(W) = sign(W) · max(min(W, q), −q).",
    f"On every weight of the layer it equals |clip(W, −q, q)|. {np.mean(W < 0):.0%} of the weights lose "
    f"their sign, {len(np.unique(written)):,} different values remain real numbers, and accuracy goes "
    f"from {100 * trained.mean():.1f} % to {100 * lost.mean():.1f} %.",
    "q(W) = clip(round(W / s), −q, q) with the scale s = w_max / q, and W ≈ s · q(W): divide, round, clip.",
)

# %% [markdown]
# Put the three missing pieces back and the formula is the one that everybody uses:
#
# $$ q(W) = \mathrm{clip}\!\left(\mathrm{round}\!\left(\frac{W}{s}\right),\, -q,\, q\right),
# \qquad \hat W = s \cdot q(W), \qquad s = \frac{w_{\max}}{q} \tag{2} $$
#
# $q(W)$ is an *integer*, to be stored and multiplied; $\hat W$ is the real number that it stands for.
# Every formula of quantization has these two halves, and a text that writes one symbol for both will
# confuse them sooner or later.


# %%
def ruler(w, q, w_max):
    s = w_max / q
    integers = np.clip(np.round(w / s), -q, q)
    return integers, s * integers


x = np.linspace(-1.3, 1.3, 1001)
with plots.style():
    fig = plots.figure(900, 380)
    left, right = fig.subplots(1, 2, sharey=True)
    left.plot(x, as_written(x, 1.0))
    left.set(
        title="(1) as written: a folded clip",
        xlabel="weight",
        ylabel="what it stands for",
    )
    right.plot(x, ruler(x, 3, 1.0)[1])
    right.plot(x, x, ":", color=plots.PALETTE["black"], linewidth=1.2)
    right.set(title="(2) a ruler with seven marks", xlabel="weight")
lab.show(
    fig,
    "Left: formula 1 is V-shaped, flat beyond ±1. Right: formula 2 is a staircase of 7 steps.",
)

# %% [markdown]
# ### The second model: a table
#
# The original's second model, for non-uniform quantization (非均匀量化), is a lookup table (查找表)
# $L$:
#
# $$ q(W) = L(W) \tag{3} $$
#
# Try to program it and you get stuck at once: a table is indexed by an integer, and $W$ is real. One
# half is missing, the *encoder* that finds the index. With levels $l_0 \le l_1 \le \dots$
#
# $$ c(W) = \argmin_j |W - l_j|, \qquad \hat W = l_{c(W)} \tag{4} $$

# %%
book = quant.Codebook([-0.08, -0.01, 0.02, 0.09], n_bits=2)
try:
    book.levels[0.03]
except IndexError:
    print("a real number is no index")
codes = quant.quantize_lut([-0.5, 0.0, 0.03, 0.06], book)
print("codes ", codes)
print("levels", quant.dequantize_lut(codes, book))
lab.erratum(
    "balance/4.1#table-of-reals",
    "The table maps the real weights themselves: q(W) = L(W).",
    "NumPy refuses to look up 0.03 in a table of four entries: a position in a table is an integer.",
    "Two steps: the code c = argmin |W − l[j]|, which is stored, and the level l[c], which it stands for.",
)

# %% [markdown]
# Now the two models are seen to be relatives. **A ruler is a table whose entries follow a rule**,
# $l_j = s\,(j - z)$, so that nobody needs to store them; and whatever a ruler can do, a table can do at the
# same number of bits. On the layer, at four bits:

# %%
params = quant.params_from_range(*quant.range_of(W), n_bits=4)
marks = quant.dequantize(np.arange(params.qmin, params.qmax + 1), params)
from_ruler = quant.quantize(W, params).astype(int) - params.qmin
from_table = quant.quantize_lut(W, quant.Codebook(marks, n_bits=4))
assert np.array_equal(from_ruler, from_table)
lab.say(f"Ruler and table give the same code for all {W.size:,} weights.")

# %% [markdown]
# Two questions are left, and they are the whole of section 4.2: *which* ruler, and *which* table?
#
# ## 4.2 Derivations (公式推导过程)
#
# ### The most general ruler
#
# Evenly spaced marks are an affine map from integers to reals, with two free numbers:
#
# $$ \hat x = s\,q + b, \qquad q \in \{q_{\min}, \dots, q_{\max}\} \tag{5} $$
#
# If the data lie in $[lo, hi]$, it seems natural to lay the first mark on $lo$ and the last on $hi$:
#
# $$ s = \frac{hi - lo}{q_{\max} - q_{\min}}, \qquad b = lo - s\,q_{\min} \tag{6} $$
#
# That would be the end of the derivation, were it not for one number that is not like the others.
#
# ### The one requirement
#
# Zero is everywhere in a network: padding (填充) surrounds each picture with it, a ReLU puts it out for every
# negative sum, pruned (剪枝) weights *are* zero. By (6), $\hat x = 0$ would need $q = -b/s$, which is
# hardly ever an integer; so every zero becomes the nearest mark, up to half a step off. Half a step is
# no more than what other numbers suffer. But theirs goes up and down and averages out, while all zeros
# are wrong *by the same amount in the same direction*. In a sum over $N$ of them
#
# $$ \text{rounding errors} \sim \sqrt{N}\,s, \qquad \text{a wrong zero} \sim N\,s \tag{7} $$
#
# Let us see it. We set the smallest 80 % of the weights to zero, which the network hardly minds, and
# quantize what remains by (6): first with $b$ as it comes, then shifted so that a mark falls on zero.

# %%
pruned = np.where(np.abs(W) < np.quantile(np.abs(W), 0.8), 0, W).astype(np.float32)
lo, hi = quant.range_of(pruned)


def marks_at_the_ends(x, n_bits):
    s = (hi - lo) / (2**n_bits - 1)
    return np.float32(lo + s * np.round((x - lo) / s)), s


def mark_at_zero(x, n_bits):
    return quant.fake_quantize(x, quant.params_from_range(lo, hi, n_bits=n_bits))


rows, harm = [], {}
for n_bits in (3, 4, 5, 6, 8):
    at_ends, s = marks_at_the_ends(pruned, n_bits)
    a, b = right_answers(at_ends), right_answers(mark_at_zero(pruned, n_bits))
    zero_becomes = at_ends[pruned == 0][0] / s
    harm[n_bits] = lab.paired(b, a)
    rows.append(
        (
            n_bits,
            f"{zero_becomes:+.2f}",
            *(f"{100 * v.mean():.1f}" for v in (a, b)),
            harm[n_bits],
        )
    )
lab.table(
    (
        "bits",
        "0 becomes, in steps",
        "marks at the ends, %",
        "mark at zero, %",
        "difference",
    ),
    rows,
    f"Accuracy with 80 % of the weights zero ({100 * right_answers(pruned).mean():.1f} % in float). The "
    "difference in points, with its paired 95 % interval.",
)
worst = max(harm, key=lambda n_bits: harm[n_bits].estimate)
lab.say(
    f"At {worst} bits the exact zero is worth {harm[worst]} points. The steps have the same width on both "
    f"sides: all that was moved is the position of the marks, by less than half a step."
)

# %% [markdown]
# How can less than half a step do that? Look at the layer's *outputs*. What reaches it comes out of a
# ReLU and is never negative, so the wrong zeros cannot even cancel against inputs of both signs: each
# output is pushed aside by $e \sum_i x_i$, summed over its zero weights, with $e$ what zero has become.

# %%
exact = X[:2000] @ pruned.T
for name, weights in (
    ("marks at the ends", marks_at_the_ends(pruned, 4)[0]),
    ("mark at zero", mark_at_zero(pruned, 4)),
):
    error = X[:2000] @ weights.T - exact
    shift = error.mean(axis=1, keepdims=True)  # shared by all outputs of an image
    print(
        f"{name:18}  error of the outputs {np.sqrt((error**2).mean()):5.2f}, "
        f"without their common shift {np.sqrt(((error - shift) ** 2).mean()):5.2f}"
    )
print(
    f"{'for comparison':18}  the outputs themselves {np.sqrt((exact**2).mean()):5.2f}"
)

# %% [markdown]
# So we make it a rule: **the real number 0 must be exactly representable.** It fixes everything else.
#
# There must be an integer $z$ with $s z + b = 0$. Hence $b = -s z$, and (5) becomes
#
# $$ \hat x = s\,(q - z) \tag{8} $$
#
# $z$ is the *zero point*: the integer that stands for 0. Backwards, the nearest mark to $x$ is
#
# $$ q = \mathrm{clip}\!\left(\mathrm{round}\!\left(\frac{x}{s}\right) + z,\;
# q_{\min},\, q_{\max}\right) \tag{9} $$
#
# Zero itself has to be among the marks, so the range must contain it, and the $z$ that (6) asks for is
# rounded:
#
# $$ \begin{aligned} lo &\leftarrow \min(lo, 0), \quad hi \leftarrow \max(hi, 0), \quad
# s = \frac{hi - lo}{q_{\max} - q_{\min}} \\
# z &= \mathrm{round}\!\left(q_{\min} - \frac{lo}{s}\right) \end{aligned} \tag{10} $$
#
# That is all of it, and it fits into five lines. They agree with the library on a thousand random ranges.


# %%
def scale_and_zero_point(lo, hi, qmin=-128, qmax=127):
    lo, hi = min(lo, 0.0), max(hi, 0.0)
    s = np.float32((hi - lo) / (qmax - qmin))
    z = round(qmin - lo / float(s))
    return s, z


rng = np.random.default_rng(0)
furthest = 0.0
for low, high in np.sort(rng.normal(size=(1000, 2))):
    s, z = scale_and_zero_point(low, high)
    p = quant.params_from_range(low, high)
    assert (s, z) == (p.scale, p.zero_point)
    furthest = max(
        furthest,
        abs(s * (-128 - z) - min(low, 0)) / s,
        abs(s * (127 - z) - max(high, 0)) / s,
    )
lab.say(f"Rounding z moved an end of the range by at most {furthest:.3f} steps.")

# %% [markdown]
# Not more than half a step: that is the price of the exact zero, paid at the ends of the range, where
# few values are. The other price is paid by data that stay away from zero, and it can be high:

# %%
for low, high in ((-1.0, 1.0), (0.0, 1.0), (9.0, 10.0)):
    p = quant.params_from_range(low, high)
    used = len(np.unique(quant.quantize(np.linspace(low, high, 10_000), p)))
    scale, zero = float(p.scale), int(p.zero_point)
    print(
        f"[{low:4}, {high:4}]  scale {scale:.5f}  zero point {zero:4}  {used} integers used"
    )

# %% [markdown]
# Values between 9 and 10 share a tenth of the integers, because the range had to be stretched down to 0.
# Subtract a mean first, if your data are like that.
#
# ### Symmetric: when the zero point is zero
#
# Weights lie about evenly on both sides of zero. For them one takes $[-m, m]$ with $m = \max|x|$, whose
# middle mark is zero anyway: $z = 0$, and (10) shrinks to
#
# $$ s = \frac{m}{q_{\max}}, \qquad q = \mathrm{clip}\!\left(\mathrm{round}\!\left(\frac{x}{s}\right),
# -q_{\max},\, q_{\max}\right) \tag{11} $$
#
# This is formula (2): the symmetric (对称) ruler is what the original's model wants to be. Why bother
# with it, when (10) can only fit better? Write out what a layer computes. For one output, a sum of $K$
# products,
#
# $$ \sum_k (w_k - z_w)(x_k - z_x) = \sum_k w_k x_k \;-\; z_x \sum_k w_k \;-\; z_w \sum_k x_k
# \;+\; K z_w z_x \tag{12} $$
#
# The first sum is the pure integer product. The second and fourth know nothing of the input but its zero
# point: computed once, they disappear into the bias. The third is summed *anew for every input*, and it is
# there only if $z_w \ne 0$. Symmetric weights are not a matter of accuracy but of one sum less.


# %%
def as_integers(x):
    p = quant.params_from_range(*quant.range_of(x))
    return quant.quantize(x, p), int(p.zero_point)


(w, z_w), (x, z_x) = as_integers(W), as_integers(X[:64])
wide_w, wide_x = w.astype(np.int64), x.astype(np.int64)
terms = (
    wide_x @ wide_w.T,
    -z_x * wide_w.sum(axis=1),
    -z_w * wide_x.sum(axis=1, keepdims=True),
    W.shape[1] * z_w * z_x,
)
accumulator = kernels.int8_matmul(x, np.ascontiguousarray(w.T), z_x, z_w)
assert np.array_equal(sum(terms), accumulator)
lab.say(
    f"Zero points: {z_w} for the weights, {z_x} for the inputs. The four terms of (12) add up to the "
    f"integer product in all {accumulator.size:,} outputs, difference 0. Their typical sizes: "
    f"{', '.join(f'{np.abs(t).mean():,.0f}' for t in terms)}."
)

# %% [markdown]
# By their sizes, none of the four may be left out as a small correction. So the library quantizes weights by
# (11), unless told otherwise, and activations by (10). Does an integer program compute what the formulas
# say? The whole network, quantized so:

# %%
simulated = ptq.quantize_static(network, fashion.batches())
on_integers = integer.convert(simulated)
images = fashion.x_test[:2000]
different = np.count_nonzero(
    lab.scores(simulated, images) != lab.scores(on_integers, images)
)
assert different == 0
lab.say(
    f"Simulated by the formulas in float, and run by compiled integer kernels: {different} of "
    f"{10 * len(images):,} outputs differ."
)

# %% [markdown]
# ### How large is the error?
#
# Inside the range, the nearest of marks that are $s$ apart is at most $s/2$ away. If the values are
# spread evenly between two marks, the error $e$ is uniform on $[-s/2, s/2]$ and
#
# $$ |x - \hat x| \le \frac{s}{2}, \qquad
# \operatorname{E}[e^2] = \frac{1}{s}\int_{-s/2}^{s/2} e^2\,de = \frac{s^2}{12} \tag{13} $$
#
# A bit more halves $s$ (nearly): the squared error falls to a quarter, by 6.02 decibels. The bound is a
# theorem, the twelfth rests on an assumption. So we measure both.

# %%
rows, largest = [], {}
for n_bits in range(2, 11):
    p = quant.params_from_range(
        -np.abs(W).max(), np.abs(W).max(), n_bits, symmetric=True, narrow_range=True
    )
    s, error = float(p.scale), W - quant.fake_quantize(W, p)
    largest[n_bits] = np.abs(error).max() / s
    mse = (error.astype(float) ** 2).mean()
    rows.append(
        (n_bits, f"{s:.5f}", f"{largest[n_bits]:.4f}", f"{mse / (s**2 / 12):.3f}")
    )
lab.table(
    ("bits", "step s", "largest error / s", "mean squared error / (s²/12)"),
    rows,
    "The trained layer on symmetric rulers over its whole range.",
)
assert max(largest.values()) < 0.5 + 1e-4

# %% [markdown]
# With many bits the twelfth is as good as exact. At two bits it is far off, for a good reason: nearly all
# weights are so small that they fall to the one mark at zero, and their error is their own size, not a
# uniform one. Remember that when a formula for "quantization noise" is quoted at two bits.
#
# ### What min and max are not
#
# The original explains (1) by saying that $\min(W, q)$ and $\max(W, -q)$ are the smallest and the largest
# value of $W$ in the range. It is worth a line of code, because the two readings of "min" are one letter
# apart in NumPy as well:

# %%
capped, smallest = np.minimum(W, 0.05), W.min()
print(
    "np.minimum(W, 0.05):", capped.shape, f"{len(np.unique(capped)):,} different values"
)
print("W.min():            ", smallest.shape, smallest)
lab.erratum(
    "balance/4.2#min-and-max",
    "min(W, q) and max(W, −q) are the smallest and the largest value of W within the range.",
    f"min(W, 0.05) is a whole matrix with {len(np.unique(capped)):,} different values; the smallest weight "
    f"is one number, {smallest:.3f}, and does not depend on q.",
    "Element by element they put a cap at q and a floor at −q: together, clip(W, −q, q). The smallest and "
    "the largest weight have their place elsewhere, in the scale, where the original has none.",
)

# %% [markdown]
# ### Which table? First answer: the smallest error
#
# The ruler has two free numbers, a table of $n$ bits has $2^n$. To choose them one must say what a good
# table is. The obvious wish is a small mean squared error,
#
# $$ D = \sum_j \; \sum_{x \in C_j} (x - l_j)^2, \tag{14} $$
#
# where $C_j$ is the cell of level $j$: the values that are coded as $j$. Levels and cells are both free.
# Minimizing over both is hard; over one at a time it is a line each.
#
# - *Levels given*: each value goes to its nearest level, so the border of two cells lies halfway.
# - *Cells given*: $\partial D / \partial l_j = -2 \sum_{C_j} (x - l_j) = 0$, so the level is the
#   mean of its cell.
#
# $$ b_j = \frac{l_j + l_{j+1}}{2}, \qquad l_j = \operatorname{mean}(C_j) \tag{15} $$
#
# Do the one, then the other, then the one again. Neither step can raise $D$, so it settles. This is
# Lloyd's method (Bell Labs, 1957), found once more by Max in 1960, and by everybody who runs k-means
# (K均值聚类) on a line.


# %%
def lloyd_step(x, levels):
    borders = (levels[1:] + levels[:-1]) / 2
    cell = np.searchsorted(borders, x)
    sums = np.bincount(cell, x, minlength=len(levels))
    counts = np.bincount(cell, minlength=len(levels))
    means = np.divide(sums, counts, out=levels.copy(), where=counts > 0)
    return means, ((x - levels[cell]) ** 2).mean()


weights = W.ravel().astype(float)
levels, distortions = np.linspace(weights.min(), weights.max(), 16), []
for _ in range(60):
    levels, distortion = lloyd_step(weights, levels)
    distortions.append(distortion)
assert (np.diff(distortions) <= 1e-15).all()
print("mean squared error after 0, 1, 3, 10, 30, 59 steps, in millionths:")
print(*(f"{1e6 * distortions[i]:.2f}" for i in (0, 1, 3, 10, 30, 59)))
book = quant.fit_codebook(W, 4, "lloyd_max")
settled = quant.dequantize_lut(quant.quantize_lut(W, book), book)
print(f"settled, from a better start: {1e6 * ((W - settled) ** 2).mean():.2f}")

# %% [markdown]
# The first figure is a ruler over the whole range. From there it only goes down, ever more slowly: the
# outermost levels have few weights to tell them where to go. The library starts from levels that are dense
# where the data are (as the cube root of their density) and stops when none of them moves any more.
#
# ### Second answer: every code equally often
#
# The original has another wish: the table should make the quantized weights *uniformly distributed*
# (均匀分布). Take it seriously: with $p_j$ the share of code $j$, the information in a code is its entropy
#
# $$ H = -\sum_j p_j \log_2 p_j \le n, \tag{16} $$
#
# with equality exactly if all $p_j = 2^{-n}$. A table that uses all its codes equally often wastes no
# part of a bit. To build it, sort the values, cut them into $2^n$ parts of equal count, and let each
# part's median stand for it: the levels are quantiles (分位数),
#
# $$ l_j = Q\!\left(\frac{j + 1/2}{2^n}\right) \tag{17} $$
#
# ### Third answer: cheap products
#
# A third wish is about hardware. If every level is $\pm 2^e$, multiplying by a weight is a *shift*
# (移位):

# %%
powers = np.unique(quant.fit_codebook(W, 4, "power_of_two").levels)
positive = powers[powers > 0]
for level in positive:
    shift = int(np.log2(level / positive[0]))
    assert np.array_equal(wide_x << shift, wide_x * level / positive[0])
print("positive levels:", *(f"2^{e:.0f}" for e in np.log2(positive)))

# %% [markdown]
# Between neighbours $2^e$ and $2^{e+1}$ the worst place is halfway, $1.5 \cdot 2^e$, where the error is
# $0.5 \cdot 2^e$:
#
# $$ \frac{|x - \hat x|}{|x|} \le \frac{0.5 \cdot 2^e}{1.5 \cdot 2^e} = \frac{1}{3} \tag{18} $$
#
# A third of the value, large or small, *and more bits do not change it*: new levels are only ever added
# around zero.
#
# ### Side by side, at equal bits

# %%
TABLES = {
    "Lloyd–Max": "lloyd_max",
    "equal population": "equal_population",
    "powers of two": "power_of_two",
}


def quantizers(n_bits):
    whole_range, part_of_it = calibration.MinMax(), calibration.MSE()
    for name, observer in (("min to max", whole_range), ("clipped", part_of_it)):
        observer.observe(W)
        yield f"ruler, {name}", quant.fake_quantize(W, observer.params(n_bits=n_bits))
    for name, method in TABLES.items():
        book = quant.fit_codebook(W, n_bits, method)
        yield name, quant.dequantize_lut(quant.quantize_lut(W, book), book)


def entropy(values):
    shares = np.unique(values, return_counts=True)[1] / values.size
    return -(shares * np.log2(shares)).sum()


measured = {}
for n_bits in (2, 3, 4, 5, 6):
    for name, w_hat in quantizers(n_bits):
        mse, top = ((W - w_hat) ** 2).mean(), np.abs(W - w_hat).max()
        measured[name, n_bits] = mse, top, entropy(w_hat), right_answers(w_hat)
names = list(dict.fromkeys(name for name, _ in measured))

# %%
rows = []
for name in names:
    mse, top, bits, right = measured[name, 4]
    decibels = 10 * np.log10((W**2).mean() / mse)
    points = lab.paired(right, trained)
    rows.append(
        (
            name,
            f"{decibels:.1f}",
            f"{top:.3f}",
            f"{bits:.2f}",
            f"{100 * right.mean():.1f}",
            points,
        )
    )
lab.table(
    (
        "four bits",
        "signal/error, dB",
        "largest error",
        "bits of information",
        "accuracy, %",
        "against float",
    ),
    rows,
    "The dense layer in four bits. Last column: percentage points with their paired 95 % interval.",
)
best = {
    "smallest squared error": min(names, key=lambda n: measured[n, 4][0]),
    "smallest largest error": min(names, key=lambda n: measured[n, 4][1]),
    "most information per code": max(names, key=lambda n: measured[n, 4][2]),
}
lab.say("; ".join(f"{what}: **{name}**" for what, name in best.items()) + ".")
below = [n for n in names if lab.paired(measured[n, 4][3], trained).high < 0]
lab.say(
    f"Accuracy below float by more than its interval: {', '.join(below) or 'none of them'}."
)

# %% [markdown]
# Each wish is fulfilled by the quantizer that was made for it. And mind the last column: an interval that
# contains 0 decides nothing. One layer in four bits is not much of a burden for this network, and squared
# errors several times apart need not move its accuracy. The squared error is a convenient stand-in for
# what we want, not the thing itself.
#
# The picture shows where the levels are, under the histogram of the weights. (Of the sixteen powers of two
# only fifteen are different: a sign and a magnitude can write zero in two ways.)

# %%
with plots.style():
    fig = plots.figure(900, 520)
    top, bottom = fig.subplots(2, 1, sharex=True, height_ratios=(2, 1.4))
    top.hist(W.ravel(), bins=150, color=plots.PALETTE["sky blue"])
    top.set(title="Sixteen levels, five ways to place them", ylabel="weights")
    for row, (_, w_hat) in enumerate(quantizers(4)):
        levels = np.unique(w_hat)
        bottom.plot(levels, np.full(len(levels), -row), "|", ms=18, mew=2)
    bottom.set(xlabel="weight", ylim=(-row - 0.6, 0.6))
    bottom.set_yticks(-np.arange(len(names)), names)
    bottom.grid(axis="y", visible=False)
lab.show(
    fig,
    "Histogram of the weights, a narrow bell, and below it the levels: evenly spaced over the whole "
    "range, evenly over a part of it, denser near zero (Lloyd-Max), very dense near zero and none in the "
    "tails (equal population), doubling from level to level (powers of two).",
)

# %% [markdown]
# Equal population sends its levels where the *values* are. The few large weights, far out, share the
# outermost levels with many that are much smaller. Lloyd–Max goes out to meet them, because an error counts
# with its square. (Look at zero, too: nothing makes these two tables put a level there. What the ruler was
# built around, a table does only if told to.) With that another statement of the original can be judged.

# %%
ratio = {
    n: measured["equal population", n][0] / measured["Lloyd–Max", n][0]
    for n in (2, 3, 4, 5, 6)
}
versus = lab.paired(measured["Lloyd–Max", 4][3], measured["equal population", 4][3])
lab.table(
    ("bits", *ratio),
    [("squared error", *(f"{r:.1f} ×" for r in ratio.values()))],
    "Squared error of the equal-population table, as a multiple of that of Lloyd–Max.",
)
lab.erratum(
    "balance/4.2#equal-population",
    "The table is obtained from statistics of the training data such that the quantized weights are "
    "uniformly distributed in the range.",
    f"That table uses its codes most evenly ({measured['equal population', 4][2]:.2f} of 4 bits of "
    f"information), but at 4 bits its squared error is {ratio[4]:.1f} times that of Lloyd–Max, which gets "
    f"{versus} points more of the test images right.",
    "Uniform use of the codes maximizes their entropy. Least squared error needs (15): borders halfway, "
    "levels at the mean of their cell. And a table for weights is fitted to the weights; training data are "
    "needed for activations.",
)

# %% [markdown]
# One line of the table deserves a second look: the *clipped* ruler. Much of what a table gains over the
# ruler from end to end is gained by letting go of the few largest weights, and a ruler can do that, too.
# [Chapter 3.1](balance/3.1) weighs the two at equal bits. And powers of two, as (18) says, stop improving:

# %%
with plots.style():
    fig = plots.figure(900, 460)
    axes = fig.add_subplot(
        xlabel="bits", ylabel="mean squared error", yscale="log", xticks=(2, 3, 4, 5, 6)
    )
    axes.set_title("One more bit, and what it buys")
    for name, marker in zip(names, "osD^v", strict=True):
        axes.plot(
            (2, 3, 4, 5, 6),
            [measured[name, n][0] for n in (2, 3, 4, 5, 6)],
            marker,
            ls="-",
            label=name,
        )
    axes.legend()
lab.show(
    fig,
    "Squared error against bits. All curves fall, that of powers of two is flat from 4 bits on.",
)

# %% [markdown]
# ## What we measured

# %%
lab.say(
    f"""
- The original's formula (1) equals |clip(W, −q, q)|: the network drops from {100 * trained.mean():.1f} %
  to {100 * lost.mean():.1f} %.
- From "0 must be exact" follow the zero point, the extended range and x̂ = s (q − z). With 80 % of the
  weights zero and {worst} bits, the exact zero is worth {harm[worst]} points.
- The error stays within half a step ({max(largest.values()):.4f} steps at most), and integers computed
  what the formulas say, in all outputs.
- At four bits the squared errors are {", ".join(f"{n}: {1e6 * measured[n, 4][0]:.1f}" for n in names)} (in
  millionths). No table is best in every respect: {"; ".join(f"{k}, {v}" for k, v in best.items())}.
"""
)

# %% [markdown]
# ## Try next
#
# - [What is q(0.3)?](balance/4.3) takes the original's worked case through these formulas.
# - [One tie, four answers](foundations/integer_arithmetic): what `round` in (9) does with 0.5, and how
#   the real number $s$ is multiplied by with integers alone.
# - In the cell with the pruned weights, replace 0.8 by 0.0. Does the exact zero still matter? Why?
#
# ## Exercises
#
# 1. Derive (10) for unsigned integers, $q_{\min} = 0$, $q_{\max} = 255$, and the range $[-1, 3]$. Check
#    with `quant.params_from_range(-1.0, 3.0, signed=False)`: the zero point is 64.
# 2. Show that for ReLU outputs, $lo = 0$, formulas (6) and (10) are the same, and no zero is ever wrong.
#    Two arrays that pass through the network above are no ReLU outputs: which?
# 3. Change `lloyd_step` so that it minimizes the mean *absolute* error. Which statistic replaces the mean?
#    Start from the levels of (17) at 1 bit and say why one step changes nothing if the weights are symmetric.
# 4. Prove the bound (18), and find the value between two *neighbouring* levels of
#    `quant.fit_codebook(W, 4, "power_of_two")` where it is reached. Where does it not apply?
