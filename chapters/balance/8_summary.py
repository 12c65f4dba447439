"""Balance, 8: adaptive ranges, adaptive bits, the bill of the algorithms, and the hardware's say in it."""

# %% [markdown]
# # 8 What adapts, and what it costs
#
# *总结:未来发展趋势与挑战*
#
# The original ends with achievements, trends, challenges and an outlook. A summary is easily written from
# memory; here it is written from measurements. After this chapter you can
#
# - say when ranges that adapt (自适应量化) beat stored ones, and when they lose to them;
# - give each layer its own number of bits under a budget of bytes, from a table of sensitivities (敏感度);
# - state the price of a quantization algorithm in the only currency that matters, the training it follows;
# - say how much of a speed-up belongs to quantization, and how much to the processor.
#
# Read first: [Where accuracy goes, and how to get it back](realtime/2.3). The run takes about half a minute,
# and half a minute more the first time, to train the networks.
#
# ## 8.1 Achievements (研究成果总结)
#
# "Efficient compression while accuracy is kept", says the original. One row each, before and after.

# %%
import copy
import time

import numpy as np

import qbref as qb
from qbref import calibration, integer, kernels, lab, plots, ptq, qat, qnn, quant

fashion = lab.fashion()
network = lab.fashion_cnn().model
good, one = fashion.batches(256), fashion.x_test[:1]
q = ptq.quantize_static(network, good)
by_day = integer.convert(q)
assert integer.count_differences(q, by_day, fashion.x_test[:256]) == 0


def right(model, x=fashion.x_test):
    return lab.scores(model, x).argmax(axis=1) == fashion.y_test


in_float, in_8_bits = right(network), right(by_day)
float_bytes = sum(parameter.data.nbytes for parameter in network.parameters())
took = lab.take_turns(
    {"float32": lambda: lab.scores(network, one), "int8": lambda: by_day.run(one)}
)
lab.table(
    ("model", "bytes", "accuracy, %", "ms for one image"),
    [
        (
            "float32",
            f"{float_bytes:,}",
            lab.accuracy(in_float),
            f"{1e3 * np.median(took['float32']):.2f}",
        ),
        (
            "int8",
            f"{by_day.nbytes:,}",
            lab.accuracy(in_8_bits),
            f"{1e3 * np.median(took['int8']):.2f}",
        ),
    ],
    f"Eight bits after training: {lab.paired(in_8_bits, in_float)} points.",
)

# %% [markdown]
# ## 8.2 Trends (未来发展趋势)
#
# ### In the original's sense: ranges that follow the data
#
# The original wants parameters that adapt to data sets and situations. The simplest such quantizer has long
# been there. *Static* quantization (静态量化) stores the ranges of activations that calibration saw;
# *dynamic* quantization (动态量化) finds the range anew for every image that arrives. On a symmetric grid:
#
# $$ s_{\text{static}} = \frac{\max_{\text{calibration}} |x|}{127}, \qquad
#    s_{\text{dynamic}}(x) = \frac{\max |x|}{127} \tag{1} $$
#
# The camera of [chapter 2.3](realtime/2.3) is a test for both: calibrated at dusk (contrast 0.5) or by day
# (1.0), it meets another light.

# %%
black = fashion.x_test.min()


def lit(x, contrast):
    return (black + np.float32(contrast) * (x - black)).astype(np.float32)


at_dusk = integer.convert(
    ptq.quantize_static(network, [lit(batch, 0.5) for batch in good])
)
dynamic = integer.convert(ptq.quantize_dynamic(network))
glare = lit(fashion.x_test, 2.0)
by_itself = right(dynamic)
scenes = {
    "light unchanged": (by_itself, in_8_bits),
    "calibrated at dusk, seen by day": (by_itself, right(at_dusk)),
    "calibrated by day, seen in glare": (right(dynamic, glare), right(by_day, glare)),
}
adapts = {name: lab.paired(*pair) for name, pair in scenes.items()}
real = in_float, in_float, right(network, glare)
lab.table(
    ("scene", "float32, %", "dynamic, %", "static, %", "dynamic − static, points"),
    [
        (name, *(f"{100 * found.mean():.2f}" for found in (f, *pair)), adapts[name])
        for f, (name, pair) in zip(real, scenes.items(), strict=True)
    ],
    f"{len(glare):,} test images; dynamic and static: 8 bits, on integers.",
)

# %% [markdown]
# Adapting ranges makes the integer model faithful to the float one in every light. That is worth a lot where
# stored ranges have been left behind. It is worth nothing in unchanged light, and where the float network
# itself is out of its depth, a stored range may even have helped, by clipping the glare back to what training
# had shown. Nor is it free: ranges must be found before the product can start, and the borders of each layer
# stay in float.

# %%
took = lab.take_turns(
    {"static": lambda: by_day.run(one), "dynamic": lambda: dynamic.run(one)}
)
price = lab.times_faster(took["dynamic"], took["static"])
lab.say(
    f"One image takes the dynamic model **{price}** times as long as the static one."
)

# %% [markdown]
# ### In today's sense: bits that follow the layer
#
# Not all layers mind being rounded. Quantize the weights of one layer, leave all others in float, and look at
# how much the loss rises: its sensitivity.

# %%
WIDTHS = (2, 4, 8)  # what memory can address
weights = {
    n: qnn.QuantConfig(weights=qnn.int_weights(n, clip="mse")) for n in (*WIDTHS, 3)
}
x, y = fashion.x_train[:1000], fashion.y_train[:1000]
rises = ptq.sensitivity(network, x, y, n_bits=WIDTHS, config=weights[8])
print(rises)

# %%
with plots.style():
    fig = plots.figure(900, 420)
    left, middle = fig.subplots(1, 2)
    names = [f"{row.path} {row.layer}" for row in rises if row.n_bits == 8]
    for shift, n in enumerate(WIDTHS):
        at = np.arange(len(names)) + 0.27 * (shift - 1)
        left.bar(
            at, [row.loss for row in rises if row.n_bits == n], 0.27, label=f"{n} bits"
        )
    left.set(title="Rise of the loss")
    left.set_yscale("symlog", linthresh=1e-3)
    left.set_ylim(None, 2)
    left.legend(ncols=3, fontsize=10)
    middle.bar(
        names,
        [row.nbytes for row in rises if row.n_bits == 8],
        color=plots.PALETTE["black"],
    )
    middle.set(title="Bytes at 8 bits", yscale="log")
    left.set_xticks(range(len(names)), names)
lab.show(
    fig,
    "Left: rise of the loss when one layer alone has 2, 4 or 8 bits, on a logarithmic "
    "axis with "
    "zero in its middle. Right: bytes of each layer, of which nearly all are in the "
    "first dense one.",
)

# %% [markdown]
# A rise below zero is chance: such a layer does not mind. If layers differ in what they lose per byte saved,
# one width for all is a waste. Choose a width $b_i$ for each
# layer, so that
#
# $$ \min_{b_1, \dots, b_L} \; \sum_i \Delta\mathcal{L}_i(b_i) \quad \text{with} \quad
#    \sum_i \operatorname{bytes}_i(b_i) \le B, \tag{2} $$
#
# which supposes that rises add up. `ptq.allocate` solves (2) exactly. The rivals are uniform 3 and 4 bits.
# Three bits are given the bytes that they would take if integers could be packed without a gap, a gift that
# memory does not make.


# %%
def size(table, n_bits):
    if n_bits in WIDTHS:
        return sum(row.nbytes for row in table if row.n_bits == n_bits)
    return size(table, 8) * n_bits // 8


def on_integers(configuration):
    return integer.convert(ptq.quantize_static(network, good, configuration))


points, bits_gain, rows, answers = [], {}, [], {}
for n in (3, 4):
    plan = ptq.allocate(rises, size(rises, n))
    uniform, mixed = (
        right(on_integers(weights[n])),
        right(on_integers(plan.config(weights[8]))),
    )
    answers[n] = uniform, mixed, plan.nbytes
    bits_gain[f"layers, {n} bits"] = lab.paired(mixed, uniform)
    points.append((f"{n} bits PTQ", size(rises, n), *lab.accuracy(uniform)))
    points.append((f"mixed for {n}", plan.nbytes, *lab.accuracy(mixed)))
    widths = " ".join(str(b) for b in plan.bits.values())
    rows.append(
        (
            n,
            f"{size(rises, n):,}",
            widths,
            f"{plan.nbytes:,}",
            bits_gain[f"layers, {n} bits"],
        )
    )
lab.table(
    ("uniform bits", "bytes", "mixed bits", "bytes", "mixed minus uniform, points"),
    rows,
    "Weights of all layers; activations have 8 bits.",
)
lab.show(
    plots.accuracy_vs_bytes(
        points, baseline=None, title="One width, and a width for each layer"
    ),
    "Accuracy over bytes for uniform 3 and 4 bits and for the mixed models chosen "
    "within the same bytes.",
)

lab.say(
    f"The mixed model within the bytes of 3 bits takes "
    f"{answers[3][2] / size(rises, 4):.0%} of the bytes of "
    f"uniform 4 bits; between the two lie {lab.paired(answers[3][1], answers[4][0])} "
    f"points."
)

# %% [markdown]
# The same on small networks for the 8 × 8 digits, with several seeds; there the layers are closer in size.

# %%
digits, SEEDS = lab.digits(), range(2 if lab.quick() else 5)
batches, gains = digits.batches(), []
for seed in SEEDS:
    small = lab.digits_cnn(seed).model
    table = ptq.sensitivity(
        small, digits.x_train[:500], digits.y_train[:500], WIDTHS, weights[8]
    )
    plan = ptq.allocate(table, size(table, 3))
    ways = plan.config(weights[8]), weights[3]
    mixed, uniform = (
        digits.correct(ptq.quantize_static(small, batches, way)) for way in ways
    )
    gains.append(100 * (mixed.mean() - uniform.mean()))
bits_gain["layers, 3 bits, digits"] = lab.over_seeds(gains)
cases = {f"ranges, {name}": gain for name, gain in adapts.items()} | bits_gain
lab.claim(
    "balance/8.2#adaptive",
    "Quantization that adapts, in its ranges or in the bits of each layer, is more "
    "accurate.",
    lab.more_than(0, cases),
    "Points: " + "; ".join(f"{name} {gain}" for name, gain in cases.items()) + ".",
)

# %% [markdown]
# Adaptation pays where one rule for all is wrong for somebody: a range that no longer fits, a width that
# starves a small sensitive layer. Where the uniform rule is good enough, there is nothing to win.
#
# ## 8.3 Challenges (面临的挑战)
#
# ### Loss of accuracy, "especially when the range is narrow" (精度损失)
#
# The original repeats here what it says in its section 3.3, and [chapter 3.1](balance/3.1) has tested it: the
# sentence mixes up two things. A narrower *range* has finer steps; fewer *levels* have coarser ones.

# %%
W = network.state_dict()["9.weight"]
rulers = {
    "whole range, 16 levels": calibration.MinMax().observe(W).params(n_bits=4),
    "narrower range, 16 levels": calibration.MSE().observe(W).params(n_bits=4),
    "whole range, 8 levels": calibration.MinMax().observe(W).params(n_bits=3),
}
lab.table(
    ("ruler", "lowest level", "highest level", "RMS error"),
    [
        (
            name,
            *(
                f"{float(p.scale) * (end - int(p.zero_point)):.3f}"
                for end in (p.qmin, p.qmax)
            ),
            f"{np.sqrt(np.mean((quant.fake_quantize(W, p) - W) ** 2)):.5f}",
        )
        for name, p in rulers.items()
    ],
    f"{W.size:,} weights of the large dense layer.",
)

# %% [markdown]
# ### What the algorithms cost (算法复杂度)
#
# "Expensive" needs a unit. We take the float training that each algorithm follows: twelve epochs on digits.
# All make 2-bit weights and 8-bit activations of the same networks; GPTQ and AdaRound
# ([sources](balance/7)) choose for each weight whether it is rounded up or down. All times are taken in
# turn, seed by seed, beside an epoch of float training.

# %%
two = qnn.int_weights(2, clip="mse")


def after_training(**options):
    return lambda net: ptq.quantize_static(
        net, batches, qnn.QuantConfig(weights=two, **options)
    )


def with_training(net):
    q = qat.prepare(net, qnn.QuantConfig(weights=two), batches)
    digits.train(q, lab.epochs(2), 2e-3)
    return q


ALGORITHMS = {
    "min-max": after_training(),
    "entropy": after_training(observer=calibration.Entropy),
    "GPTQ": after_training(weight_rounding="gptq"),
    "AdaRound": after_training(weight_rounding="adaround"),
    "QAT, 2 epochs": with_training,
}
seconds, found = {name: [] for name in ALGORITHMS}, {name: [] for name in ALGORITHMS}
training = []
for seed in SEEDS:
    qb.manual_seed(seed)
    net = lab.digits_cnn(seed).model
    started = time.perf_counter()
    digits.train(copy.deepcopy(net), 1, 2e-3)
    training.append(12 * (time.perf_counter() - started))
    for name, algorithm in ALGORITHMS.items():
        started = time.perf_counter()
        quantized = algorithm(net)
        seconds[name].append(time.perf_counter() - started)
        found[name].append(100 * digits.correct(quantized).mean())

# %%
share = {
    name: lab.over_seeds(np.divide(took, training)) for name, took in seconds.items()
}
lab.table(
    (
        "algorithm",
        "seconds",
        "of the float training",
        "accuracy, %",
        "above min-max, points",
    ),
    [
        (
            name,
            f"{np.median(seconds[name]):.2f}",
            share[name],
            f"{np.mean(found[name]):.1f}",
            lab.over_seeds(np.subtract(found[name], found["min-max"]))
            if name != "min-max"
            else "–",
        )
        for name in ALGORITHMS
    ],
    f"{len(SEEDS)} seeds; twelve epochs of float training take {np.median(training):.1f} s.",
)
lab.claim(
    "balance/8.3#complexity",
    "Quantization algorithms are expensive to run: they take longer than the training "
    "they follow.",
    lab.more_than(1, share),
    "Times the float training: "
    + ", ".join(f"{n} {v}" for n, v in share.items())
    + ".",
)

# %% [markdown]
# Read the last column beside the third. An observer buys a range for the *activations*; where two bits in the
# weights are what hurts, that is no help. The algorithms that choose integers, or train, spend their time
# where the loss is. (The intervals are wide: what rounding to two bits costs differs much between networks.)
# Mind also how the bills grow: AdaRound takes a fixed number of steps for each layer,
# however large the training set; QAT takes epochs.
#
# ### What the hardware has to say (硬件依赖性)
#
# Float32 products run on vector instructions everywhere, thanks to BLAS. What they are compared with depends:
# here is the same int8 product, and the same XNOR product of packed signs, on each set of instructions that
# this processor has.

# %%
core, rng = kernels.default(), np.random.default_rng(0)
cpu = core.cpu
m, k, n = 64, 1568, 128  # a batch of 64 in the large dense layer
real = [rng.standard_normal(shape).astype(np.float32) for shape in ((m, k), (k, n))]
bytes_ = [rng.integers(-128, 128, shape, np.int8) for shape in ((m, k), (k, n))]
signs = [core.pack_bits(rng.standard_normal(shape)) for shape in ((m, k), (n, k))]
order = list(cpu.INSTRUCTION_SETS)


def held_to(kernel, variant):
    allowed = order[: order.index(variant) + 1]
    with cpu.use(*allowed):
        rhs = core.pack_rhs(bytes_[1])  # laid out for this variant

    def run():
        with cpu.use(*allowed):
            if kernel == "int8_matmul":
                return core.int8_matmul(bytes_[0], rhs)
            return core.xnor_matmul(*signs, k)

    return run


runs = {
    (kernel, variant): held_to(kernel, variant)
    for kernel in ("int8_matmul", "xnor_matmul")
    for variant in cpu.variants(kernel)
}
for kernel in ("int8_matmul", "xnor_matmul"):
    same = [run() for (name, _), run in runs.items() if name == kernel]
    assert all(np.array_equal(result, same[0]) for result in same)
took = lab.take_turns(runs | {"float32": lambda: real[0] @ real[1]}, seconds=0.7)
gain = {name: lab.times_faster(took["float32"], took[name]) for name in runs}
lab.table(
    ("product", "instructions", "µs", "times as fast as float32"),
    [("float32", "BLAS", f"{1e6 * np.median(took['float32']):.0f}", "1")]
    + [
        (*name, f"{1e6 * np.median(took[name]):.0f}", ratio)
        for name, ratio in gain.items()
    ],
    f"({m} × {k}) · ({k} × {n}) on {cpu.processor() or 'this processor'}.",
)

# %% [markdown]
# If what quantization gains depends on the hardware, the intervals of the poorest and the richest set of
# instructions must lie apart. The integers are the same in every row.

# %%
ends = {}
for kernel in ("int8_matmul", "xnor_matmul"):
    found_here = [ratio for (name, _), ratio in gain.items() if name == kernel]
    ends[kernel] = found_here[0], found_here[-1]
several = all(len(cpu.variants(kernel)) > 1 for kernel in ends)
lab.claim(
    "balance/8.3#hardware-dependent",
    "What quantization gains depends on the hardware.",
    lab.facts({kernel: poor.high < rich.low for kernel, (poor, rich) in ends.items()})
    if several
    else lab.not_testable("this processor has one set of instructions"),
    "Times as fast as float32, poorest to richest instructions: "
    + "; ".join(f"{kernel} {poor} to {rich}" for kernel, (poor, rich) in ends.items())
    + ".",
)
slower = [" on ".join(name) for name, ratio in gain.items() if ratio.high < 1]
lab.say(
    f"Slower than float32, by more than the interval: {', '.join(slower) or 'none'}."
)

# %% [markdown]
# ## 8.4 Outlook (研究展望)
#
# The original hopes for better algorithms, better hardware support and better portability. The tables above
# sort these hopes. *Algorithms*: the first table shows how much is left to win at eight bits, the bill of the
# algorithms how much at two. *Hardware*: the last table, the same integers at different speeds.
# *Portability*: between the instruction sets of a processor it need not be hoped for; the assertion above
# would have failed at the first bit.
#
# ## What we measured

# %%
lab.say(
    f"""
- Dynamic minus static: {"; ".join(f"{name} {gain}" for name, gain in adapts.items())}
  points, at
  {price} times the time.
- A width for each layer against one width, at no more bytes:
  {"; ".join(f"{name} {gain}" for name, gain in bits_gain.items())} points.
- Shares of the float training:
  {", ".join(f"{name} {value.estimate:.2f}" for name, value in share.items())}.
- int8 against float32: {ends["int8_matmul"][0]} to {ends["int8_matmul"][1]} times as
  fast, by instructions.
"""
)

# %% [markdown]
# ## Try next
#
# - [A budget of bytes, a budget of milliseconds](balance/6) chooses among models by both.
# - [Five questions](balance/9) answers the original's appendix with the figures of the whole book.
#
# ## Exercises
#
# 1. Combine both kinds of adaptation: a dynamic model whose layers have the widths of `plan`. Does
#    `ptq.quantize_dynamic(network, plan.config(weights[8]))` keep the gain of each?
# 2. Equation (2) supposes that rises add up. Compute the sum for uniform 2 bits from `rises`, and measure the
#    rise of the whole network. Which is larger, and what does that mean for `allocate`?
# 3. Give AdaRound 50, 150, 500 and 1,500 iterations (`ptq.adaround(q, batches, iterations=…)`). From which
#    number on does more time buy nothing?
# 4. Is there a batch size at which the int8 product is not faster than float32 on your processor? Vary `m`.
