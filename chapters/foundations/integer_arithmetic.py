"""Foundations: from a real multiplier to an integer and a shift, and what becomes of a tie."""

# %% [markdown]
# # One tie, four answers: multiplying by a real number with integers
#
# *整数运算*
#
# A quantized network is said to "run on integers". Yet every layer ends with a product by a number like
# 0.000413, and a chip without floating point (浮点) has no such number. This chapter shows how it is done
# all the same, to the last bit, and why two careful programs that do it can disagree: one of them rounds
# 0.25 to 1. After it you can
#
# - write a layer as sums of integers and *one* real factor, and say how large the sums can get;
# - turn the factor into an integer multiplier (乘数) and a shift (移位), by hand;
# - explain a difference of one between two runtimes by the rule that made it, and predict how often it
#   occurs before you have counted;
# - demand of a simulation that it equal the integer network exactly, and know what that takes.
#
# Read first: [From one requirement to every formula](balance/4.1), where scale (缩放因子) and zero point
# (零点) come from. The run takes a few seconds, and half a minute more the first time, to train the
# network.
#
# ## The one real number
#
# The values of a layer stand for real numbers, $x = s_x(q_x - z_x)$, $w = s_w q_w$ and
# $y = s_y(q_y - z_y)$. Put them into $y = \sum_k x_k w_k + b$ and solve for the integer $q_y$:
#
# $$ q_y \approx z_y + \underbrace{\frac{s_x s_w}{s_y}}_{M}
# \Bigl(\underbrace{\sum_k (q_{x,k} - z_x)\, q_{w,k} + q_b}_{\text{accumulator } a}\Bigr),
# \qquad q_b = \mathrm{round}\left(\frac{b}{s_x s_w}\right) \tag{1} $$
#
# Everything in (1) is an integer but $M$; its product is rounded. Inputs and weights have 8 bits, the
# accumulator (累加器) has 32. Here is the largest layer of a trained network, 128 outputs of 1,568 inputs
# each.

# %%
from fractions import Fraction

import numpy as np

from qbref import integer, kernels, lab, plots, ptq, qnn, quant

core = kernels.default()
fashion, network = lab.fashion(), lab.fashion_cnn().model
simulated = ptq.quantize_static(network, fashion.batches())
model = integer.convert(simulated)

images = fashion.x_test[:2000]
states = [x for _, x in model.trace(images)]  # the integers after each step
a = simulated[6].arithmetic()  # the dense layer: states[3] goes in, states[4] out
z_x, q_w = int(a.input.zero_point), np.ascontiguousarray(a.weights.q.T)
accumulator = core.int8_matmul(states[3], q_w, z_x, bias=a.bias)
M = a.scale / float(a.output.scale)

print(f"inputs {states[3].dtype}, zero point {z_x}; weights {q_w.dtype} {q_w.shape}")
print(f"accumulators from {accumulator.min():,} to {accumulator.max():,}")
print(f"M of the first three outputs: {M[0]:.9f}  {M[1]:.9f}  {M[2]:.9f}")

# %% [markdown]
# $M$ has one value for each output, because each row of weights has a scale of its own. That costs
# nothing: $s_w$ belongs to one whole sum and can be taken out of it. A scale for each *input* could not
# be, it would stand inside the sum. That is why "per channel" (逐通道) always means output channels.
#
# (The weights' zero point is 0 here. With another one, $(q_x - z_x)(q_w - z_w)$ makes four sums instead
# of two; [4.1](balance/4.1) expands them.)
#
# ## How large the sum can get
#
# With the zero point taken off, an input lies between −255 and 255, a weight between −128 and 127. $K$
# products stay within int32 if
#
# $$ K \cdot 255 \cdot 128 \le 2^{31} - 1 \quad\iff\quad K \le 65{,}793 \tag{2} $$
#
# which real layers do. And if a sum strays beyond on its way? Integers of 32 bits count modulo $2^{32}$
# and wrap around (回绕). If the *final* sum fits, it is right, whatever happened in between.

# %%
there_and_back = np.array([2_000_000_000, 2_000_000_000, -2_000_000_000], np.int32)
print(
    "running sums, wrapping:",
    *(f"{v:,}" for v in np.cumsum(there_and_back, dtype=np.int32)),
)

# %% [markdown]
# Stopping at the border (饱和, saturation) has no such luck. The x86 instruction `vpmaddubsw` multiplies
# bytes and adds the products in pairs, into 16 bits, *saturating*. Two products of 255 · 127 are 64,770;
# what it returns is 32,767.


# %%
def in_saturating_pairs(x, w):
    pairs = (x * w).reshape(*x.shape[:-1], -1, 2).sum(axis=-1)
    return np.clip(pairs, -32768, 32767).sum(axis=-1)


x, w = np.full(64, 255), np.full(64, 127)
print(
    f"64 terms of 255 · 127: {(x * w).sum():,}; in saturating pairs: "
    f"{in_saturating_pairs(x, w):,}"
)
u, rows = states[3][:20].astype(int) - z_x, q_w.T.astype(int)
hurt = sum((in_saturating_pairs(u, row) != u @ row).sum() for row in rows)
lab.say(
    f"In the trained layer {hurt} of {len(u) * len(rows):,} accumulators suffer from "
    "it. Trained weights are mostly small; nothing but luck guarantees that. "
    "Programs that use the instruction allow activations or weights only 7 bits, so "
    "that no pair can reach the border."
)

# %% [markdown]
# The kernels of this library sum in int32 throughout, and refuse a $K$ beyond (2). So $a$ is exact. All
# rounding is still to come.
#
# ## A real number as an integer and a shift
#
# Any positive $M$ is a number between ½ and 1 times a power of two. Write the number with 31 binary
# digits:
#
# $$ M \approx m \cdot 2^{\,n - 31}, \qquad 2^{30} \le m < 2^{31} \tag{3} $$
#
# $m$ is the multiplier, $n$ the shift (positive means left). To multiply by $M$ is now to multiply by the
# integer $m$ and to drop $31 - n$ binary digits. Finding $m$ and $n$ takes two lines.


# %%
def multiplier_and_shift(real):
    fraction, n = np.frexp(real)  # real = fraction · 2ⁿ with ½ ≤ fraction < 1
    return int(np.floor(fraction * 2**31 + 0.5)), int(n)


m, n = multiplier_and_shift(M[0])
assert (m, n) == quant.quantize_multiplier(M[0])
print(f"M = {M[0]:.12f}")
print(
    f"m = {m:,}, n = {n}:  m · 2^({n} − 31) = "
    f"{float(quant.dequantize_multiplier(m, n)):.12f}"
)
first = int(accumulator[0, 0])
print(
    f"a = {first:,}:  M·a = {M[0] * first:.6f},  (m·a) >> {31 - n} = "
    f"{(m * first) >> (31 - n)}"
)

# %% [markdown]
# A shift to the right rounds down, so half is added before:
#
# $$ \mathrm{round}(M a) \approx \left( m\,a + 2^{30-n} \right) \gg (31 - n) \tag{4} $$
#
# The product needs 63 bits with its sign, which an int64 has. Are 31 digits of $m$ necessary? We count the
# outputs of the layer that fewer digits would change.

# %%
fraction, exponents = np.frexp(M)
wide = accumulator[:500].astype(np.int64)
exact = np.floor(wide * M + 0.5)
digits = np.arange(4, 32)
changed = []
for d in digits:
    m = np.floor(fraction * 2.0**d + 0.5).astype(np.int64)
    shift = d - exponents
    changed.append(np.mean(((wide * m + (1 << (shift - 1))) >> shift) != exact))

# %%
with plots.style():
    fig = plots.figure(800, 400)
    axes = fig.add_subplot(xlabel="binary digits of m", ylabel="outputs changed")
    axes.set_yscale("symlog", linthresh=1e-6)
    axes.plot(digits, changed, "o-", markersize=5)
    axes.set_ylim(0, 1.5)
    axes.set_title("How many digits a multiplier needs")
lab.show(
    fig,
    "The share of outputs that differ falls by half with each binary digit, down to "
    "zero.",
)
lab.say(
    f"With 8 digits {changed[4]:.0%} of {wide.size:,} outputs change, with 16 digits "
    f"{changed[12]:.3%}, with 31 digits {int(changed[-1] * wide.size)}."
)

# %% [markdown]
# Each digit halves the error of $m$ and with it the chance that a product lands on the wrong side of a
# half. From some twenty digits on the multiplier is not worth a thought. What remains is the *rounding*.
#
# ## One tie, four answers
#
# Let $M$ be a quarter, $m = 2^{30}$ and $n = -1$, without any error. Six small sums, and five ways in
# which real systems finish them:

# %%
sums = np.array([1, 2, 3, -1, -2, -3], np.int32)
MODES = {
    "single": "TFLite, if built for it",
    "double": "TFLite reference convolution",
    "half_up_twice": "TFLite optimized",
    "float32": "ONNX Runtime, XNNPACK",
    "float64": "TFLite reference dense layer",
}
answers = {
    mode: kernels.requantize(sums, 2**30, -1, 0, -128, 127, mode) for mode in MODES
}
different_rows = {tuple(row) for row in answers.values()}

# %%
lab.table(
    ("mode", *(f"{v / 4:+.2f}" for v in sums)),
    [(mode, *row) for mode, row in answers.items()],
    "The sums a = 1, 2, 3, −1, −2, −3 times M = ¼. Used by: "
    + "; ".join(f"{mode}: {system}" for mode, system in MODES.items()),
)
lab.say(
    f"{len(different_rows)} different rows from {len(MODES)} rules. On the tie −0.5 "
    f"the rules say {', '.join(f'{row[4]}' for row in answers.values())}; and where "
    f"there is no tie at all, two of them turn **0.25 into {answers['double'][0]}**."
)

# %% [markdown]
# Three of the rules round once, by different tie rules: half up ("single"), half to even in float32, half
# away from zero in float64. Apart from the precision of the product, they can differ on exact halves only.
# The other two round *twice*, because ARM processors have an instruction for the first step, the high half
# of a doubled product:
#
# $$ h = \mathrm{round}\!\left(\frac{a\,m}{2^{31}}\right), \qquad q = \mathrm{round}\!\left(\frac{h}{2^{-n}}
# \right) \tag{5} $$
#
# Follow the sum 1 through it:

# %%
h = quant.saturating_rounding_doubling_high_mul(1, 2**30)
q = quant.rounding_divide_by_power_of_two(np.int32(h), 1)
print(f"first  1 · 2³⁰ / 2³¹ = {2**30 / 2**31}, rounded: {h}")
print(f"then   {h} / 2 = {h / 2}, rounded: {q}")

# %% [markdown]
# A quarter becomes a half, a half becomes one. Nothing was computed wrongly; 0.25 met two ties that it
# never had. Drawn for a smaller $M = 2^{-3}$:

# %%
line = np.arange(-16, 17, dtype=np.int32)
with plots.style():
    fig = plots.figure(900, 420)
    axes = fig.add_subplot(xlabel="M · a", ylabel="result")
    axes.plot(
        line / 8,
        line / 8,
        ":",
        color=plots.PALETTE["black"],
        linewidth=1,
        label="M · a",
    )
    for i, mode in enumerate(("single", "double", "half_up_twice")):
        y = kernels.requantize(line, 2**30, -2, 0, -128, 127, mode)
        axes.plot(
            line / 8, y + 0.09 * (1 - i), drawstyle="steps-mid", marker=".", label=mode
        )
    axes.legend(loc="upper left")
    axes.set_title("Where each rule jumps (curves set apart a little)")
lab.show(
    fig,
    "Three staircases. Single jumps at each half; double jumps earlier on both "
    "sides, away from zero; half up twice jumps earlier everywhere, upwards.",
)

# %% [markdown]
# ## How often: a prediction
#
# The picture shows what two roundings do: they move the jump. In (5), $h$ counts in units of $2^{n}$
# results. All sums within *half* a unit below the jump are rounded up to it, and then over it. So for
# $n < 0$ the jump lies not at ½ but at
#
# $$ \frac{1}{2} - \frac{2^{n}}{2} \tag{6} $$
#
# For $n = -1$ that is ¼, as we saw. If the fractional parts of $M a$ are spread evenly, a share of
#
# $$ P(\text{differs}) = 2^{\,n-1} \tag{7} $$
#
# of all results must differ from those rounded once, for either rule of two roundings. We have not looked
# at a network yet. Let us: all layers that requantize (再量化), of the network with 8 bits and of the same
# network with 4 bits, where $M$ is larger. Channels with the same shift go together, and a channel's sum
# counts once, however often it occurs: black background gives the same sum a thousand times.


# %%
def accumulators(layer, x):
    arithmetic = layer.arithmetic()
    weights, z_x = arithmetic.weights.q, int(arithmetic.input.zero_point)
    if weights.ndim == 4:
        x = core.im2col(x, layer.kernel_size, padding=layer.padding, pad_value=z_x)
        weights = weights.transpose(0, 2, 3, 1).reshape(len(weights), -1)
    weights = np.ascontiguousarray(weights.T)
    return core.int8_matmul(x, weights, z_x, bias=arithmetic.bias)


def rounded(sums, finish, channel, mode):
    m, n = finish.multiplier[channel], finish.shift[channel]
    return core.requantize(sums, m, n, 0, -(2**31), 2**31 - 1, mode)


few_bits = qnn.QuantConfig(qnn.int_weights(4), qnn.Uniform(4))
counted, often = {mode: {} for mode in MODES}, {}
for q in (simulated, ptq.quantize_static(network, fashion.batches(), few_bits)):
    inputs = [x for _, x in integer.convert(q).trace(images[:100])]
    # the two convolutions and the first dense layer
    for layer, x in ((q[1], inputs[0]), (q[3], inputs[1]), (q[6], inputs[3])):
        finish = layer.arithmetic().finish
        for channel, column in enumerate(accumulators(layer, x).T):
            sums, times = np.unique(column, return_counts=True)
            once = rounded(sums, finish, channel, "single")
            n = int(finish.shift[channel])
            for mode, found in counted.items():
                apart = rounded(sums, finish, channel, mode) != once
                found.setdefault(n, []).append(apart)
                if mode == "double":
                    often.setdefault(n, []).append(np.repeat(apart, times))
counted = {
    mode: {n: np.concatenate(v) for n, v in by.items()} for mode, by in counted.items()
}
often = {n: np.concatenate(v) for n, v in often.items()}
# the shifts for which (7) expects more than five differences
shifts = sorted(n for n, v in counted["double"].items() if len(v) * 2.0 ** (n - 1) > 5)

# %%
with plots.style():
    fig = plots.figure(850, 460)
    axes = fig.add_subplot(
        xlabel="shift n", ylabel="share that differs, %", yscale="log"
    )
    axes.plot(
        shifts,
        [100 * 2.0 ** (n - 1) for n in shifts],
        color=plots.PALETTE["black"],
        label="(7)",
    )
    for mode, marker, aside in (("double", "o", -0.08), ("half_up_twice", "s", 0.08)):
        found = [lab.accuracy(counted[mode][n]) for n in shifts]
        reach = [(v.estimate - v.low, v.high - v.estimate) for v in found]
        y, x = [v.estimate for v in found], np.array(shifts) + aside
        axes.errorbar(
            x, y, np.transpose(reach), fmt=marker, capsize=3, markersize=6, label=mode
        )
    axes.legend(loc="upper left")
    axes.set_title("Rounding twice: predicted and counted")
lab.show(
    fig,
    "Counted shares of both double roundings with their intervals, near the line of "
    "(7).",
)

# %%
lab.table(
    (
        "shift",
        "sums",
        "(7), %",
        "double, %",
        "half up twice, %",
        "float32",
        "float64",
        "double, all, %",
    ),
    [
        (
            n,
            f"{len(counted['double'][n]):,}",
            f"{100 * 2.0 ** (n - 1):.3f}",
            *(
                f"{100 * counted[mode][n].mean():.3f}"
                for mode in ("double", "half_up_twice")
            ),
            *(counted[mode][n].sum() for mode in ("float32", "float64")),
            f"{100 * often[n].mean():.3f}",
        )
        for n in shifts
    ],
    "Sums that end differently from rounding once: shares for the rules that round "
    "twice, counts for the others. Last column: each sum as often as it occurs.",
)

# %% [markdown]
# No parameter was fitted. The last column shows where the assumption behind (7) ends: in a network sums are
# *not* spread evenly, they repeat themselves and crowd around zero, far from any jump. The prediction gives
# the size, the network the details.
#
# The rules that round once hardly ever part, since exact halves are rare: a trained $M$ is no power of two.
# But "hardly ever" is not "never", and float32 has a way of its own to get there.
#
# ## A tie where there was none
#
# A float32 has 24 binary digits. A product that is *almost* a half is rounded to a half, and then, as a
# tie, to even. Python's fractions know better:

# %%
m, n, a_sum = 1_527_099_520, -6, 585
product = Fraction(m) * a_sum * Fraction(2) ** (n - 31)
in_float32 = np.float32(a_sum) * np.float32(quant.dequantize_multiplier(m, n))
print(f"exact product  6.5 + {float(product - Fraction(13, 2)):.1e}")
print(f"float32        {in_float32}")
one = np.array([a_sum], np.int32)
for mode in ("single", "double", "float64", "float32"):
    print(f"{mode:13}  {kernels.requantize(one, m, n, 0, -128, 127, mode)[0]}")

# %% [markdown]
# The other weakness of float32: from $2^{24}$ on it cannot hold every integer, hence not every sum.
#
# ## What it does to a network
#
# An output that is off by one is no catastrophe by itself; here is the bill for the whole network, with
# everything downstream of a difference included.

# %%
asked, labels = fashion.x_test[:3000], fashion.y_test[:3000]
scores = {"single": lab.scores(model, asked)}
for mode in list(MODES)[1:]:
    config = qnn.QuantConfig(requantize_mode=mode)
    q = ptq.quantize_static(network, fashion.batches(), config)
    assert integer.count_differences(q, integer.convert(q), images[:50]) == 0
    scores[mode] = lab.scores(integer.convert(q), asked)

classes = {mode: found.argmax(axis=1) for mode, found in scores.items()}
right = {mode: found == labels for mode, found in classes.items()}
moved = {
    mode: int((found != classes["single"]).sum()) for mode, found in classes.items()
}
gains = {mode: lab.paired(found, right["single"]) for mode, found in right.items()}
farthest = max(max(abs(gain.low), abs(gain.high)) for gain in gains.values())
changed_scores = max(np.mean(found != scores["single"]) for found in scores.values())

# %%
lab.table(
    ("mode", "scores that differ, %", "other class", "accuracy against single, points"),
    [
        (
            mode,
            f"{100 * np.mean(found != scores['single']):.2f}",
            moved[mode],
            gains[mode],
        )
        for mode, found in scores.items()
    ],
    f"{len(labels):,} test images; paired 95 % intervals.",
)
lab.say(
    f"No rule moves accuracy by more than {farthest:.2f} points, or more than "
    f"{max(moved.values())} of {len(labels):,} images to another class. But up to "
    f"{changed_scores:.0%} of the scores become other numbers. Whoever classifies need not "
    "care about the rule; whoever compares two programs must."
)

# %% [markdown]
# (The two rules that round twice have the same line. They part on negative results only, and a ReLU follows
# every layer here that requantizes.)
#
# ## Equal to its simulation
#
# This is why people who train a quantized network in float and run it on a chip find small
# differences that nobody can explain. The usual simulation multiplies fake-quantized (伪量化) *floats* and
# rounds at the end. For our layer:

# %%
x_hat, w_hat = (
    quant.dequantize(states[3], a.input),
    (q_w * a.weights.scale).astype(np.float32),
)
y = x_hat @ w_hat + network[9].bias.data
by_floats = quant.quantize(np.maximum(y, 0), a.output)
off = np.count_nonzero(by_floats != states[4])
lab.say(
    f"Simulated in floats, {off} of {y.size:,} outputs of this layer differ from the "
    f"integer program, by {np.abs(by_floats.astype(int) - states[4]).max()}: float32 "
    "sums round, the bias is no integer, and products near a half fall to either "
    "side."
)

# %% [markdown]
# Such a difference cannot be told from a bug. So in this library the simulation (`simulated`, a network of
# float tensors that one can evaluate and inspect) sums the *integers*, in float64, where every sum below
# $2^{53}$ is exact, and ends with the very rule, (4) or (5), that the integer program uses. Then equality
# is not a matter of tolerance:

# %%
compared = images[:1000]
different = integer.count_differences(simulated, model, compared)
in_numpy = integer.count_differences(simulated, model, compared[:100], kernels=kernels)
assert different == in_numpy == 0
lab.say(
    f"{different} of {10 * len(compared):,} outputs differ with compiled kernels, "
    f"{in_numpy} of {10 * len(compared[:100]):,} with those written in NumPy."
)

# %% [markdown]
# ## What we measured

# %%
largest = max(shifts)
double, half_up = (
    lab.accuracy(counted[m][largest]) for m in ("double", "half_up_twice")
)
lab.say(
    f"""
- {len(MODES)} rules gave {len(different_rows)} different answers to the same six sums;
  two of them round 0.25 to 1.
- Rounding twice moves the jump by $2^{{n-1}}$ of a step. For shift {largest} the
  prediction is {100 * 2.0 ** (largest - 1):.2f} %; counted: {double} % (double) and
  {half_up} % (half up twice).
- In the network with 8 bits a rule moves at most {max(moved.values())} of
  {len(labels):,} images to another class, and up to {changed_scores:.0%} of the scores.
- With the same rule on both sides {different} outputs differ between simulation and
  integer program; a simulation in floats is off in {off} of {y.size:,} outputs of a layer.
"""
)

# %% [markdown]
# ## Try next
#
# - [Four tools, four sets of integers](realtime/2.2): the same question for whole systems.
# - [The affine map](realtime/2.1), if you skipped it: where $s_x$, $s_w$ and $s_y$ are chosen.
#
# ## Exercises
#
# 1. Compute $m$ and $n$ for $M = 0.3$ and for $M = 3$ by hand, then by `quant.quantize_multiplier`.
# 2. By (6), which is the smallest positive sum on which "double" and "single" differ for $M = 2^{-4}$?
#    Follow it through (5), then check with `kernels.requantize`.
# 3. For which $M$ does "double" agree with "single" on every positive sum? Prove it by (5).
# 4. "double" leans away from zero, "half_up_twice" upwards. Measure the mean of result minus $M a$ of both
#    on `accumulator`, for positive and negative sums apart. Which rule would you rather have before a sum
#    over many results?
