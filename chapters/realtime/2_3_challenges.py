"""Real time, 2.3: what takes accuracy away, what gives it back, and what deployment adds to both."""

# %% [markdown]
# # 2.3 Where accuracy goes, and how to get it back
#
# *量化过程中的挑战与解决策略*
#
# The original names one problem, loss of accuracy (精度损失), with three remedies, and then three habits of
# good deployment. All six can be measured. Most turn out to be right *if*, and the *if* is what one has to
# know. After this chapter you can
#
# - tell which of three remedies a failing model needs, instead of applying all of them;
# - choose calibration data (校准数据) and a clip threshold (截断阈值), and say what each can ruin;
# - rescue a depthwise network that 8 bits destroy, without training;
# - watch a deployed model, and know when *not* to recalibrate it.
#
# Read first: [the affine map and the two ways to quantize](realtime/2.1). The run takes about half a
# minute, and half a minute more the first time, to train the networks.
#
# ## 2.3.1 Loss of accuracy (精度损失问题)
#
# We need a patient. A camera is installed in the evening, somebody calibrates the model with the dark
# pictures at hand, and because memory is scarce everything gets four bits. `lit` changes the contrast of
# prepared images; black stays black.

# %%
import copy

import numpy as np

import qbref as qb
from qbref import calibration, integer, kernels, lab, nn, plots, ptq, qat, qnn, quant

fashion = lab.fashion()
network = lab.fashion_cnn().model
x_test, y_test = fashion.x_test, fashion.y_test
black = x_test.min()


def lit(x, contrast):
    return (black + np.float32(contrast) * (x - black)).astype(np.float32)


def config(n_bits, observer=calibration.MinMax):
    return qnn.QuantConfig(
        weights=qnn.int_weights(n_bits, clip="mse"),
        activations=qnn.Uniform(n_bits),
        observer=observer,
        overrides={"input": {"activations": qnn.Uniform(8)}},
    )


def right(model, x=x_test):
    return lab.scores(model, x).argmax(axis=1) == y_test[: len(x)]


good = fashion.batches(256)
dark = [lit(batch, 0.3) for batch in good]
few = x_test[:1000]

features, rest = network[:8], network[8:]
X = lab.scores(features, x_test)  # what enters the dense layers; needed again below
in_float = right(rest, X)

# %% [markdown]
# Three remedies, each alone and then together: more bits (更高比特), quantization-aware training
# (量化感知训练, QAT: training that rounds in every forward pass; one epoch here) and better calibration data.
# Each row runs on integers.


# %%
def integers(n_bits, batches, train=False):
    if train:
        qb.manual_seed(0)
        q = qat.prepare(network, config(n_bits), batches)
        fashion.train(q, 1, 5e-4)
    else:
        q = ptq.quantize_static(network, batches, config(n_bits))
    model = integer.convert(q)
    assert integer.count_differences(q, model, x_test[:64]) == 0
    return model


models = {
    "the patient: 4 bits, dark images": integers(4, dark),
    "more bits: 8": integers(8, dark),
    "QAT": integers(4, dark, train=True),
    "good data": integers(4, good),
    "good data and QAT": integers(4, good, train=True),
    "good data and 8 bits": integers(8, good),
}
answers = {name: right(model) for name, model in models.items()}
patient, *treated = answers
lab.table(
    ("treatment", "accuracy, %", "against float, points", "against the patient"),
    [
        (
            name,
            f"{100 * a.mean():.2f}",
            lab.paired(a, in_float),
            lab.paired(a, answers[patient]),
        )
        for name, a in answers.items()
    ],
    f"Fashion-MNIST, {len(y_test):,} test images, paired 95 % intervals. Float: "
    f"{lab.accuracy(in_float)} %.",
)
alone = {name: lab.paired(answers[name], answers[patient]) for name in treated[:3]}
lab.say(
    f"Alone, **{max(alone, key=lambda n: alone[n].estimate)}** helps most, and "
    f"**{min(alone, key=lambda n: alone[n].estimate)}** least."
)

# %% [markdown]
# A remedy works against its own disease. More bits make the *steps* finer; dark calibration has cut the
# *range* short, and the finest steps do not bring back what lies beyond the last one. QAT can bend weights
# around a bad range, but a better range costs less. First find out which disease it is; here that takes
# a look at one number, the share of input pixels that sit on the largest integer:


# %%
def at_the_end(model, x):
    """Share of values on the largest integer, behind each layer."""
    return {
        f"{layer.path} {type(layer).__name__}": np.mean(out == 127)
        for layer, out in model.trace(x)
        if out.dtype == np.int8
    }


for name in ("more bits: 8", "good data and 8 bits"):
    pixels = next(iter(at_the_end(models[name], few).values()))
    print(f"{name}: {pixels:.1%} of the pixels at the end of the range")

# %% [markdown]
# ### More bits (更高比特的量化)
#
# With good data the remedy can show what it is worth. One obstacle: with 16 bits for weights *and*
# activations the sums no longer fit the 32-bit accumulator (累加器), and the library refuses.

# %%
try:
    lab.scores(ptq.quantize_static(network, good, config(16)), few)
except ValueError as error:
    print(error)

# %% [markdown]
# So 16 bits are simulated in float32. (A model that `qat.prepare` returns is in training mode, where it
# rounds to the same levels and sums in float.) This is also why real "INT16" formats pair 16-bit activations
# with 8-bit weights.

# %%
sixteen = right(qat.prepare(network, config(16), good))
widths = {16: sixteen, 8: answers["good data and 8 bits"], 4: answers["good data"]}
gains = {
    f"{a} bits over {b}": lab.paired(widths[a], widths[b]) for a, b in ((16, 4), (8, 4))
}
lab.say(f"16 bits against 8: {lab.paired(sixteen, widths[8])} points.")
lab.claim(
    "realtime/2.3.1#more-bits",
    "16 and 8 bits are more accurate than 4.",
    lab.more_than(0, gains),
    "Points: " + "; ".join(f"{name}: {gain}" for name, gain in gains.items()) + ".",
)

# %% [markdown]
# ### How many calibration images, and which?
#
# "Representative" (具有代表性) is easily said. How many images does it take? For each number, three random
# choices; four bits, min to max, scored on a thousand images so that it goes quickly.

# %%
rng, sizes = np.random.default_rng(0), (1, 16, 256)
spread = {}
for n in sizes:
    picks = [
        fashion.x_train[rng.choice(len(fashion.x_train), n, replace=False)]
        for _ in range(3)
    ]
    drawn = [
        integer.convert(ptq.quantize_static(network, [pick], config(4)))
        for pick in picks
    ]
    spread[n] = [100 * right(model, few).mean() for model in drawn]

lab.table(
    ("images", "mean accuracy, %", "lowest", "highest"),
    [(n, *(f"{f(a):.1f}" for f in (np.mean, min, max))) for n, a in spread.items()],
    "Four bits, three choices for each number; float: "
    f"{100 * in_float[:1000].mean():.1f} %.",
)

# %% [markdown]
# Calibration estimates a handful of *ranges*, not a distribution of classes, and one picture alone offers
# thousands of activations. If the mean hardly rises down the table, this is why. So much for how
# many; and which? We calibrate with sets that are *not* representative, each in a way of its own, noise
# without any picture among them.

# %%
y_train = fashion.y_train
biased = {
    "one image": fashion.x_train[:1],
    "bags only": fashion.x_train[y_train == 8][:256],
    "white noise": rng.standard_normal((256, 1, 28, 28)).astype(np.float32),
    "dark images": np.concatenate(dark),
}
biased_answers = {"dark images": answers["more bits: 8"]}
for name, images in biased.items():
    if name not in biased_answers:
        biased_answers[name] = right(integers(8, [images]))
better = {n: lab.paired(widths[8], biased_answers[n]) for n in biased}
lab.claim(
    "realtime/2.3.1#representative",
    "Calibration with representative data is better than with other data (8 bits, "
    "min to max).",
    lab.more_than(0, better),
    "Points gained: "
    + "; ".join(f"{name}: {gain}" for name, gain in better.items())
    + ".",
)

# %% [markdown]
# What calibration data must represent is the *range* of each activation. Where an interval above contains 0,
# the set had that range, whatever its pictures showed. Classes matter only as far as they change it;
# brightness changes it for certain.
#
# ### Must it cover the whole range? (覆盖全部激活范围)
#
# The dark images say yes. But now let one of 256 calibration images be a glitch of the sensor, sixteen times
# as bright as it should be. Here are the activations that enter the first dense layer, and the ranges that
# four observers choose: from the smallest to the largest value; without the largest 0.1 %; with the least
# squared error; and with the histogram that is least changed by quantization (entropy, 相对熵).

# %%
with_glitch = np.concatenate(good)
with_glitch[7] = lit(with_glitch[7], 16)
A = lab.scores(features, with_glitch)

observers = {
    "min-max": calibration.MinMax(),
    "percentile 99.9": calibration.Percentile(99.9),
    "MSE": calibration.MSE(),
    "entropy": calibration.Entropy(),
}
choices = calibration.compare(A, 4, observers, signed=False)
lab.show(
    plots.calibration_thresholds(
        A, choices, "One glitch in 256 images, and what each observer keeps"
    ),
    "Histogram of the activations, nearly all below a tenth of the largest; below it "
    "the ranges that min-max, percentile, MSE and entropy keep.",
)

# %% [markdown]
# Range or resolution: with a clip threshold $T$ and $n$ bits, the mean squared error of values $x \ge 0$ has
# two parts that pull in opposite directions,
#
# $$ D(T) \;\approx\; \frac{1}{N} \sum_{x > T} (x - T)^2 \;+\;
#    \frac{1}{12} \left(\frac{T}{2^n - 1}\right)^2 \tag{1} $$
#
# the first from clipping, the second from rounding. Let $T$ slide from left to right, across the tail and on
# to the outlier (离群值). The error is that of the calibration data; the accuracy is that of the network with
# this one activation in four bits, on clean test images.

# %%
slid = np.geomspace(0.5, A.max(), 19)
error, share = [], []
for T in slid:
    params = quant.params_from_range(0.0, T, n_bits=4, signed=False)
    error.append(np.mean((quant.fake_quantize(A, params) - A) ** 2))
    share.append(100 * right(rest, quant.fake_quantize(X[:2000], params)).mean())
clipping = [np.mean(np.maximum(A - T, 0) ** 2) for T in slid]
rounding = (slid / 15) ** 2 / 12

with plots.style():
    fig = plots.figure(900, 560)
    top, bottom = fig.subplots(2, 1, sharex=True)
    top.set_title("The clip threshold, slid across an outlier")
    top.loglog(
        slid, error, "o-", label="squared error, measured", color=plots.PALETTE["black"]
    )
    top.loglog(
        slid, clipping, "--", label="(1): clipping", color=plots.PALETTE["sky blue"]
    )
    top.loglog(
        slid, rounding, ":", label="(1): rounding", color=plots.PALETTE["sky blue"]
    )
    top.set_ylim(min(error) / 30, None)
    bottom.semilogx(slid, share, "o-", color=plots.PALETTE["black"])
    bottom.set(xlabel="threshold T", ylabel="accuracy, %")
    for choice, color in zip(
        choices, ("blue", "vermilion", "green", "orange"), strict=True
    ):
        for axes in (top, bottom):
            axes.axvline(choice.hi, color=plots.PALETTE[color], label=choice.observer)
    top.legend(fontsize=9, ncols=2)
lab.show(
    fig,
    "Above: squared error over the threshold, falling where clipping rules and "
    "rising where rounding does. Below: accuracy, with a plateau at small thresholds "
    "and a cliff towards the outlier. Vertical lines mark the choices of the "
    "observers.",
)

# %%
kept = {c.observer: right(rest, quant.fake_quantize(X, c.params)) for c in choices}
lab.table(
    ("observer", "T", "clipped", "squared error", "accuracy, %"),
    [
        (
            c.observer,
            f"{c.hi:.1f}",
            f"{c.clipped:.3%}",
            f"{c.mean_squared_error:.3f}",
            lab.accuracy(kept[c.observer]),
        )
        for c in choices
    ],
    "One activation in four bits, calibrated with a glitch among the images.",
)
smallest = min(choices, key=lambda c: c.mean_squared_error).observer
most = max(kept, key=lambda name: kept[name].mean())
lab.say(
    f"Smallest squared error on the calibration data: **{smallest}**. Most right "
    f"answers: **{most}**."
)

# %% [markdown]
# If those two names differ, here is why. A squared error lets a single value of the glitch outvote a thousand
# ordinary ones. The percentile and the entropy count *how many* values there are, whatever their size. So the
# claim has two cases: data that stop short of the range, and data that cover all of it, outliers included.

# %%
cover = {
    "against data that stop short": lab.paired(widths[8], answers["more bits: 8"]),
    "against clipping an outlier": lab.paired(kept["min-max"], kept["entropy"]),
}
lab.claim(
    "realtime/2.3.1#cover-the-range",
    "Calibrating from the smallest to the largest activation is more accurate.",
    lab.more_than(0, cover),
    "Points: " + "; ".join(f"{name}: {gain}" for name, gain in cover.items()) + ".",
)

# %% [markdown]
# Cover the range of what the model will *see*, and clip what it will not.
#
# ### Does QAT make a network robust? (鲁棒)
#
# Training with quantization is said to make a network robust to quantization noise. Against which noise? We
# train at two bits, and then ask the trained weights to stand three things: the two-bit grid they were
# trained on, the finer grid of four bits, and random noise of 0.3 times their standard deviation. The rival
# is the same network, trained on for equally long in float.

# %%
digits, SEEDS = lab.digits(), range(2 if lab.quick() else 6)
batches = digits.batches(256)


def percent(model):
    return 100 * digits.correct(model).mean()


def on_grid(model, n_bits):
    return percent(ptq.quantize_static(model, batches, config(n_bits, calibration.MSE)))


def in_noise(model, seed):
    model, rng = copy.deepcopy(model), np.random.default_rng(seed)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            noise = rng.standard_normal(parameter.shape)
            parameter.data += (0.3 * parameter.data.std() * noise).astype(np.float32)
    return percent(model)


# %%
stood = {"its own grid, 2 bits": [], "the grid of 4 bits": [], "random noise": []}
for seed in SEEDS:
    qb.manual_seed(seed)
    longer = ptq.fold_batchnorm(lab.digits_cnn(seed).model)
    q = qat.prepare(longer, config(2, calibration.MSE), batches)
    trained = copy.deepcopy(longer)
    digits.train(q, lab.epochs(2), 2e-3)
    digits.train(longer, lab.epochs(2), 2e-3)
    for mine, its in zip(trained.parameters(), q.parameters(), strict=True):
        mine.data = its.data
    for name, bits in (("its own grid, 2 bits", 2), ("the grid of 4 bits", 4)):
        stood[name].append(on_grid(trained, bits) - on_grid(longer, bits))
    differences = [in_noise(trained, i) - in_noise(longer, i) for i in range(3)]
    stood["random noise"].append(np.mean(differences))
robust = {name: lab.over_seeds(found) for name, found in stood.items()}
lab.claim(
    "realtime/2.3.1#qat-robust",
    "A network trained at two bits stands noise better than one trained on in float.",
    lab.more_than(0, robust),
    "Points: "
    + "; ".join(f"{n}: {v}" for n, v in robust.items())
    + f" ({len(SEEDS)} seeds).",
)

# %% [markdown]
# QAT fits a network to *one* quantizer. Where the interval of another grid lies below zero, the network has
# not become tolerant; it has become used to its own grid. Change the number of bits, or the ranges, and train
# again.
#
# ### The network that collapses, and its rescue
#
# A depthwise convolution (深度卷积) gives each channel a filter of its own, nine weights and no neighbours to
# share with. In deployed mobile networks, folding the batch norm leaves channels hundreds of times apart in
# size. On 8 × 8 digits that does not happen by itself, so we do it by hand, with powers of two. A ReLU lets
# positive factors pass,
#
# $$ \max(0, s x) = s \max(0, x), \qquad s > 0, \tag{2} $$
#
# so a channel may be multiplied by $s$ in one layer and divided by it in the next, and multiplying by a power
# of two is exact: not one output changes in float.


# %%
def depthwise(channels, out):
    return [
        *(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        ),
        *(nn.Conv2d(channels, out, 1), nn.BatchNorm2d(out), nn.ReLU(), nn.MaxPool2d(2)),
    ]


def mobile_network():
    stem = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()
    head = nn.Flatten(), nn.Linear(128, 10)
    return nn.Sequential(*stem, *depthwise(16, 32), *depthwise(32, 32), *head)


mobile = lab.trained(
    mobile_network, lambda model: digits.train(model, lab.epochs(12), 5e-3)
)
folded = ptq.fold_batchnorm(mobile.model)
stretched, rng = copy.deepcopy(folded), np.random.default_rng(0)
layers = [layer for layer in stretched if isinstance(layer, nn.Conv2d)]
for before, after in zip(layers, layers[1:], strict=False):
    s = np.exp2(rng.integers(-4, 5, len(before.weight.data))).astype(np.float32)
    before.weight.data *= s[:, None, None, None]
    before.bias.data *= s
    after.weight.data /= (
        s[:, None, None, None] if after.groups > 1 else s[None, :, None, None]
    )
assert np.array_equal(
    lab.scores(stretched, digits.x_test), lab.scores(folded, digits.x_test)
)


# %%
def in_8_bits(model, per_channel):
    scheme = qnn.Uniform(8, symmetric=True, narrow_range=True, per_channel=per_channel)
    return integer.convert(
        ptq.quantize_static(model, batches, qnn.QuantConfig(weights=scheme))
    )


contestants = {
    "as trained": folded,
    "stretched": stretched,
    "then equalized": ptq.equalize(stretched),
}
rescue = {
    (name, way): digits.correct(in_8_bits(model, way == "per channel"))
    for name, model in contestants.items()
    for way in ("per tensor", "per channel")
}
lab.table(
    ("network", "8 bits per tensor, %", "8 bits per channel, %"),
    [
        (n, *(lab.accuracy(rescue[n, w]) for w in ("per tensor", "per channel")))
        for n in contestants
    ],
    f"{len(digits.y_test)} test digits; in float {percent(folded):.1f} %.",
)

# %% [markdown]
# One scale for the whole tensor follows the largest channel, and the small ones are rounded to nothing. One
# scale *per channel* (逐通道) mends the weights, but not the activations between the layers: they still
# share one. Equalization (均衡) uses (2) in the other direction. With $r_1, r_2, \dots$ the ranges of one
# channel in the layers along its path, it chooses the factors so that all of them become the geometric mean
# (Nagel et al. 2019): weights and activations are mended together, with no data, no labels and no training.
#
# ## 2.3.2 Good practice of deployment (量化部署的最佳实践)
#
# ### A frontier instead of a winner (权衡)
#
# Which model is the best? That is three questions: accuracy, size, time. A model is *beaten* if another one
# is at least as good in all three; what is not beaten forms the frontier (帕累托前沿), and from it the
# application chooses. (int4: weights and activations of 4 bits. 4-bit LUT: weights from a table of sixteen
# values, activations of 8 bits.)

# %%
treatments = {
    "int8 PTQ": "good data and 8 bits",
    "int4 PTQ": "good data",
    "int4 QAT": "good data and QAT",
}
deployed = {name: models[treatment] for name, treatment in treatments.items()}
table = qnn.QuantConfig(weights=qnn.Lut(4))
deployed["4-bit LUT"] = integer.convert(ptq.quantize_static(network, good, table))
batch, plain = x_test[:64], ptq.fold_batchnorm(network)
calls = {name: lambda model=model: model.run(batch) for name, model in deployed.items()}
calls["float32"] = lambda: lab.scores(plain, batch)
took = lab.take_turns(calls, seconds=0.7)
found = {"float32": (in_float, sum(p.data.nbytes for p in plain.parameters()))}
for name, model in deployed.items():
    known = name in treatments
    answer = answers[treatments[name]] if known else right(model)
    found[name] = answer, model.nbytes
point = {
    n: (-a.mean(), size, np.median(took[n]) / 64) for n, (a, size) in found.items()
}


def beaten(name):
    mine = np.array(point[name])
    return [o for o in point if o != name and (np.array(point[o]) <= mine).all()]


lab.table(
    ("model", "accuracy, %", "bytes", "µs for each of 64 images", "beaten by"),
    [
        (
            n,
            lab.accuracy(a),
            f"{size:,}",
            f"{1e6 * point[n][2]:.0f}",
            ", ".join(beaten(n)) or "–",
        )
        for n, (a, size) in found.items()
    ],
)
lab.show(
    plots.accuracy_vs_bytes(
        [(n, size, *lab.accuracy(a)) for n, (a, size) in found.items()]
    ),
    "Accuracy over bytes of float32, int8, and several 4-bit models, with intervals.",
)

# %% [markdown]
# "Beaten" compares estimates. Look at the intervals before you throw a model away.
#
# ### The same model on each instruction set (利用硬件加速)
#
# NPUs and TPUs are not to be had here, but a processor has accelerators inside: instructions (指令集) that
# multiply many bytes at once. The library has its int8 product in a variant for each, and can be held to an
# older one. Every variant, and the definition in NumPy, must return the same bits.

# %%
cpu = kernels.default().cpu
names = list(cpu.INSTRUCTION_SETS)
q = ptq.quantize_static(network, good)
expected = integer.convert(q).run(batch, kernels)  # the definitions, in NumPy


def held_to(variant):
    model = integer.convert(q)  # weights are laid out for the variant that runs first

    def run():
        with cpu.use(*names[: names.index(variant) + 1]):
            return model.run(batch)

    return run


in_numpy = integer.convert(q)
runs = {"NumPy": lambda: in_numpy.run(batch, kernels)}
runs |= {variant: held_to(variant) for variant in cpu.variants("int8_matmul")}
assert all(np.array_equal(run(), expected) for run in runs.values())
took = lab.take_turns(runs, seconds=1.0)
lab.table(
    ("int8 product", "µs for each of 64 images", "times as fast as generic C"),
    [
        (name, f"{1e6 * np.median(t) / 64:.0f}", lab.times_faster(took["generic"], t))
        for name, t in took.items()
    ],
    f"{cpu.processor() or 'This processor'}, one model, equal in every bit.",
)
faster = {
    name: lab.times_faster(took["generic"], took[name]) for name in list(took)[2:]
}
lab.claim(
    "realtime/2.3.2#hardware-pays",
    "Instructions made for the purpose run the quantized model faster than plain C "
    "does.",
    lab.more_than(1, faster)
    if faster
    else lab.not_testable("no such instructions on this processor"),
    "Times as fast: "
    + ("; ".join(f"{n}: {v}" for n, v in faster.items()) or "none to compare")
    + ".",
)

# %% [markdown]
# NumPy is no slow opponent here: its definition of the product goes through float64 and BLAS, which uses the
# vector instructions that generic C leaves alone. And the table times the whole model: pooling,
# requantization and the calls themselves gain less than the products do.
#
# ### Watch it, and think before you recalibrate (持续监控与迭代)
#
# Back to the camera. One model was calibrated at dusk (contrast 0.5), one by day (1.0). Now the light
# changes. What can be watched without labels is the share of pixels that saturate (饱和), that is, arrive at
# the largest integer.

# %%
calibrated = {"dusk": 0.5, "day": 1.0}
lights = (0.5, 0.7, 1.0, 1.4, 2.0)


def calibrate_at(contrast):
    return integer.convert(
        ptq.quantize_static(network, [lit(batch, contrast) for batch in good])
    )


ready = {name: calibrate_at(contrast) for name, contrast in calibrated.items()}
curves = {
    name: []
    for name in ("float", "calibrated at dusk", "calibrated by day", "recalibrated")
}
saturated = {name: [] for name in ready}
for light in lights:
    x = lit(few, light)
    runs = (network, ready["dusk"], ready["day"], calibrate_at(light))
    for name, model in zip(curves, runs, strict=True):
        curves[name].append(100 * right(model, x).mean())
    for name, model in ready.items():
        saturated[name].append(at_the_end(model, x[:500]))

# %%
with plots.style():
    fig = plots.figure(1000, 420)
    left, middle = fig.subplots(1, 2, width_ratios=(1.25, 1))
    left.set(
        title="Accuracy as the light changes", xlabel="contrast", ylabel="accuracy, %"
    )
    for (name, curve), style in zip(
        curves.items(), ("k:", "o-", "s-", "^--"), strict=True
    ):
        left.plot(lights, curve, style, label=name)
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    dusk = saturated["dusk"]
    heat = np.array([[100 * at[layer] for at in dusk] for layer in dusk[0]])
    middle.imshow(heat, cmap="Blues", vmin=0, vmax=50, aspect="auto")
    for (i, j), v in np.ndenumerate(heat):
        middle.text(
            j, i, f"{v:.2f}", ha="center", va="center", color="w" if v > 25 else "k"
        )
    middle.set_xticks(range(len(lights)), lights)
    middle.set_yticks(range(len(heat)), dusk[0])
    middle.set(title="Saturated at dusk's ranges, %", xlabel="contrast")
    middle.grid(visible=False)
lab.show(
    fig,
    "Left: accuracy over contrast of the float network and three integer models. "
    "Right: shares of saturated integers by layer and contrast; the row of the input "
    "stands out.",
)

# %% [markdown]
# Watch the border. Whatever is clipped at the input never reaches the layers behind it, and their shares say
# little. An alarm needs a threshold: ten times what the calibration data themselves showed. Then recalibrate,
# unattended, with 256 images of the new light, still without labels.

# %%
events = {"dusk to day": ("dusk", 1.0), "day to glare": ("day", 2.0)}
change, alarm = {}, {}
for event, (name, light) in events.items():
    usual, now = (
        next(iter(at_the_end(ready[name], lit(few, contrast)).values()))
        for contrast in (calibrated[name], light)
    )
    alarm[event] = now > 10 * usual
    x = lit(x_test, light)
    change[event] = lab.paired(right(calibrate_at(light), x), right(ready[name], x))
    lab.say(
        f"{event}: saturated {usual:.1%} → {now:.1%}, alarm: "
        f"{'yes' if alarm[event] else 'no'}. Recalibrating changes accuracy by "
        f"**{change[event]}** points."
    )
lab.claim(
    "realtime/2.3.2#monitoring-pays",
    "Recalibrating a deployed model when its input drifts raises its accuracy.",
    lab.more_than(0, change),
    "Points: " + "; ".join(f"{event}: {gain}" for event, gain in change.items()) + ".",
)

# %% [markdown]
# Both events double the contrast, and this alarm cannot tell them apart. Recalibration makes the integer
# model faithful to the *float* network. When the light exceeds what that network was trained with, faithful
# may mean worse: the old range had clipped the glare back to what the network knows. So an alarm says *look*,
# not *recalibrate*. Whether a remedy helps, only images with labels can tell.
#
# ## What we measured

# %%
lab.say(
    f"""
- The patient lost {lab.paired(in_float, answers[patient])} points. More bits alone gave
  back {alone["more bits: 8"]}, QAT alone {alone["QAT"]}, good data alone
  {alone["good data"]}.
- One calibration image instead of 256 costs {better["one image"]} points at 8 bits,
  dark images {better["dark images"]}.
- With a glitch in the data, the whole range and the range of the entropy differ by
  {cover["against clipping an outlier"]} points.
- A stretched depthwise network, 8 bits per tensor:
  {100 * rescue["stretched", "per tensor"].mean():.1f} %; equalized:
  {100 * rescue["then equalized", "per tensor"].mean():.1f} %.
- Recalibration: {"; ".join(f"{event}: {gain}" for event, gain in change.items())}
  points.
"""
)

# %% [markdown]
# ## Try next
#
# - [Weights, activations, both](balance/2.1): which of them loses the accuracy?
# - [A budget of bytes, a budget of milliseconds](balance/6) chooses from a larger frontier.
# - [What adapts, and what it costs](balance/8): ranges that need no calibration.
#
# ## Exercises
#
# 1. By (1) with four bits, which $T$ is best if one value in a thousand is 80 and all others lie between 0
#    and 8? Set the derivative to zero, then check with `calibration.MSE()` on such data.
# 2. Calibrate the 4-bit network with `calibration.Entropy` and dark images. Does a better observer help
#    against wrong data? Say why before you run it.
# 3. Scale the stretched network's channels by $3^k$ instead of $2^k$. Which assertion fails, and by how much
#    do the outputs differ? Does equalization still rescue it?
# 4. Build an alarm that also notices when it gets *darker*: which statistic of the input integers falls? Find
#    a threshold that is silent on 20 batches of unchanged light.
