# %% [markdown]
# # 3.2 Sixty-four products in one instruction, and when that pays
#
# *二值化技术的实践应用*
#
# [The last chapter](realtime/3.1) trained networks of signs. Here they run. After this chapter you will be
# able to
#
# - read a packed word of a trained network, and check bit-packed inference to the last bit;
# - benchmark float32, int8 and XNOR products on your processor, and say which of them wins *where*;
# - tell from a network's layers what binarization will do to its size, its speed and its accuracy.
#
# Read [One bit](realtime/3.1) before. Run time: about a minute the first time, half of it
# training, and half a minute after that.

# %%
import numpy as np

import qbref as qb
from qbref import binary, integer, kernels, lab, nn, plots, ptq, qnn

fast = kernels.default()
fashion, digits = lab.fashion(), lab.digits()
qb.manual_seed(0)

# %% [markdown]
# ## 3.2.1 Choosing a framework, deploying (二值化框架的选择与部署)
#
# ### A word of a trained network
#
# A binary network trained on Fashion-MNIST: its dense layer multiplies 1,568 signs, which come from an
# image, with 128 rows of 1,568 signs, which training has found. We stop the network just before that layer
# and pack both sides, 64 signs to a word, a set bit for each −1.

# %%
network = lab.fashion_binary().model
until, layer = network[:9], network[9]
signs = lab.scores(until, fashion.x_test[:1000])
x_words = fast.pack_bits(signs)
w_words = fast.pack_bits(layer.weight.data)  # a bit is set where a latent weight is < 0
k = signs.shape[1]
print(f"{k} signs in {x_words.shape[1]} words of 64 bits; the last one holds {k % 64}")

fig = plots.word_product(x_words[0, 12], w_words[0, 12], names=("signs x", "weights w"))
lab.show(fig, alt=f"Three rows of 64 cells, the set ones coloured. {fig.get_label()}.")

# %% [markdown]
# This is the whole trick. A product of two signs is −1 where they differ, an exclusive or (异或) marks the
# places, a population count (popcount) counts them, and
#
# $$ \sum_{i=1}^{K} x_i w_i = K - 2\,\operatorname{popcount}(x \oplus w) \tag{1} $$
#
# The original's XNOR is the same with the complement: agreements instead of differences. For a row of many
# words, counts add up. In Python, one image with one row of weights:

# %%
differ = sum(
    int(a ^ b).bit_count() for a, b in zip(x_words[0], w_words[0], strict=True)
)
as_floats = signs[0] @ binary.sign(layer.weight.data[0])
print(
    f"{k} - 2 * {differ} = {k - 2 * differ}, and by {k} multiplications {as_floats:.0f}"
)

# %% [markdown]
# ### To the last bit
#
# The compiled kernel does it for all rows. Sums of signs are integers, float32 holds them exactly up to
# $2^{24}$, so that equality may be demanded. And not only of one layer: `integer.convert` makes of the
# whole network a file of packed words, thresholds in place of batch norms, and 8-bit outer layers; it must
# return what the simulation in floats returns.

# %%
sums = fast.xnor_matmul(x_words, w_words, k)
wrong = int((sums != signs @ binary.sign(layer.weight.data).T).sum())
simulated = ptq.quantize_static(network, fashion.batches())
packed = integer.convert(simulated)
apart = integer.count_differences(simulated, packed, fashion.x_test[:1000])
assert wrong == apart == 0
print(packed.summary())
lab.say(
    f"{sums.size:,} sums of the layer, **{wrong}** of them wrong; {10 * len(signs):,} "
    f"outputs of the network, **{apart}** different from its float form."
)

# %% [markdown]
# ### After the fact
#
# Where does such a network come from? The original says that TensorFlow and PyTorch offer an interface that
# converts a model into its binary version. Imagine that they did. Here is a float network of the same
# shape, trained on the same images, and what a converter could make of it without training: signs for the
# weights, each row times its mean magnitude; then signs for the activations, too. To be generous we let
# the batch norms of the latter measure their statistics again.

# %%
trained_float = lab.fashion_cnn().model
right = {"float32": fashion.correct(trained_float)}
for name, kept in {"weights": {"activations": None}, "both": {}}.items():
    converted = qnn.binarize(trained_float, **kept).eval()
    right[f"{name} converted"] = fashion.correct(converted)
converted.train()
lab.scores(converted, fashion.x_train[:2048], batch=64)
right["both, statistics measured again"] = fashion.correct(converted.eval())
right["both, trained as a binary network"] = fashion.correct(packed)
lost = {name: lab.paired(right["float32"], r) for name, r in right.items()}
lab.table(
    ("binary", "right, %", "less than float32, points"),
    [(name, lab.accuracy(r), lost[name]) for name, r in right.items()],
    caption="First and last layer left in float32 (in the last row, int8).",
)
lab.erratum(
    "realtime/3.2.1#integrated",
    "TensorFlow and PyTorch have integrated binarization, with an interface that turns a "
    "model into its binary version.",
    "Their converters know 8 bits, and here and there 4 or 16, but no layer with one bit. "
    "And a converter could not do it: signs in place of the trained weights cost "
    f"{lost['weights converted']} points on {len(fashion.y_test):,} test images, signs in "
    f"place of the activations, too, {lost['both converted']}, with batch norms measured "
    f"again {lost['both, statistics measured again']}. The same shape *trained* with signs "
    f"costs {lost['both, trained as a binary network']}.",
    "One bit is a way to train. Libraries on top of the frameworks offer it: Larq (on "
    "Keras) to train, Larq Compute Engine (on TensorFlow Lite) to deploy.",
)

# %% [markdown]
# (What the converters know: [PyTorch](https://docs.pytorch.org/docs/stable/quantization.html) and
# [TensorFlow Lite](https://ai.google.dev/edge/litert/models/model_optimization) document it;
# [Larq](https://docs.larq.dev/larq/) documents the other way.)
#
# ### The benchmark
#
# "Not all hardware supports binary operations efficiently; benchmark before you deploy." Good advice; let us
# take it. The contenders: float32 by NumPy's BLAS, int8 with weights packed beforehand, XNOR likewise. A
# layer gets its activations unpacked, so XNOR stands twice, without and with packing them. All on one
# thread, all taking turns; each product is checked against the others before it is timed. Speed counts two
# operations, a multiplication and an addition, for each of $M \cdot K \cdot N$ products.


# %%
def contenders(m, k, n):
    rng = qb.random.default_rng()
    a_int8, b_int8 = (2 * rng.integers(0, 2, (r, k), np.int8) - 1 for r in (m, n))
    a, b_float = a_int8.astype(np.float32), np.ascontiguousarray(b_int8.T, np.float32)
    a_words, b_words = fast.pack_bits(a), fast.pack_bits(b_int8)
    b_int8 = fast.pack_rhs(b_int8.T)
    return {
        "float32": lambda: a @ b_float,
        "int8": lambda: fast.int8_matmul(a_int8, b_int8),
        "XNOR, with packing": lambda: fast.xnor_matmul(fast.pack_bits(a), b_words, k),
        "XNOR": lambda: fast.xnor_matmul(a_words, b_words, k),
    }


SECONDS = 0.05 if lab.quick() else 1.0  # of timing, for each comparison
SIZES = [(m, n, n) for n in (256, 1024, 4096) for m in (1, 64)]
SIZES += [(784, 1152, 128), (1024, 1024, 1024)]
times = {}
for m, k, n in SIZES:
    functions = contenders(m, k, n)
    product, *others = [function() for function in functions.values()]
    assert all(np.array_equal(product, other) for other in others)
    times[f"{m}×{k}×{n}"] = lab.take_turns(functions, SECONDS / 5)

# %%
speed = {
    name: [
        2e-9 * m * k * n / np.median(t[name])
        for (m, k, n), t in zip(SIZES, times.values(), strict=True)
    ]
    for name in next(iter(times.values()))
}
with plots.style():
    fig = plots.figure(1000, 460)
    axes = fig.add_subplot(yscale="log", ylabel="10⁹ operations a second")
    axes.set_title("Products of signs, one thread")
    for i, (name, height) in enumerate(speed.items()):
        axes.bar(np.arange(len(SIZES)) + 0.2 * i - 0.3, height, 0.2, label=name)
    axes.set_xticks(range(len(SIZES)), [name.replace("×", "×\n", 1) for name in times])
    axes.set_xlabel("M × K × N: rows of activations, depth, rows of weights")
    axes.legend(loc="upper left", ncols=4, fontsize=10)
    axes.set_ylim(None, 3 * max(map(max, speed.values())))
lab.show(
    fig,
    alt="Bars of speed for eight sizes of product: "
    + "; ".join(
        f"{name} from {min(s):.0f} to {max(s):.0f}" for name, s in speed.items()
    ),
)
beats = {
    rival: {
        size: lab.times_faster(t[rival], t["XNOR, with packing"])
        for size, t in times.items()
    }
    for rival in ("float32", "int8")
}
lab.table(
    ("product", "against float32", "against int8"),
    [(size, beats["float32"][size], beats["int8"][size]) for size in times],
    caption="How many times as fast XNOR is, packing included (median, 95 % interval).",
)

# %% [markdown]
# Two kinds of work. With one row of activations a product reads every weight once and uses it once:
# what counts is *bytes*, and here one bit has an eighth of the bytes of int8. With many rows the weights
# stay in the cache and what counts is *arithmetic*: how many products fit into an instruction. In between
# lie the small products, where the call itself takes longer than the work.
#
# ### Yet int8 matrix units win
#
# Arithmetic depends on the processor. An older one can be imitated: we forbid the kernels the newer
# instruction sets and admit them one by one, from the oldest to all that are here.


# %%
def only(allowed, function):
    def run():
        with fast.cpu.use(*allowed):
            function()

    return run


names, rungs, in_turn = [s.name for s in fast.cpu.instruction_sets()], {}, {}
for i in range(len(names)):
    allowed = names[: i + 1]
    with fast.cpu.use(*allowed):
        rung = fast.kernel_in_use("int8_matmul"), fast.kernel_in_use("xnor_matmul")
        if rung in rungs.values():
            continue
        functions = contenders(64, 1024, 1024)
    rungs[i] = rung
    in_turn[i, "int8"] = only(allowed, functions["int8"])
    in_turn[i, "XNOR"] = only(allowed, functions["XNOR, with packing"])
took = lab.take_turns(in_turn, SECONDS)
rate = {key: 2e-9 * 64 * 1024**2 / np.median(t) for key, t in took.items()}
lab.table(
    ("int8 by", "XNOR by", "int8, 10⁹/s", "XNOR, 10⁹/s", "XNOR times as fast"),
    [
        (
            *rung,
            f"{rate[i, 'int8']:.0f}",
            f"{rate[i, 'XNOR']:.0f}",
            lab.times_faster(took[i, "int8"], took[i, "XNOR"]),
        )
        for i, rung in rungs.items()
    ],
    caption="64×1024×1024, packing of activations included, on this processor with "
    "more and more of its instructions.",
)
oldest, newest = min(rungs), max(rungs)
by_instructions = lab.times_faster(took[oldest, "XNOR"], took[newest, "XNOR"])

# %% [markdown]
# Instruction sets that this processor lacks do not appear. For them, figures recorded in November 2026 with
# prototypes of these kernels, on one core of a Xeon with matrix units (Sapphire Rapids, about 4 GHz): first
# the peak of each unit, in registers alone, then whole products. Where the peaks come from can be counted.
# The matrix unit (AMX) multiplies a 16 × 64 tile by a 64 × 16 tile in 16 cycles, 2,048 operations a cycle
# (Intel, *Optimization Reference Manual*). XNOR takes three instructions, exclusive or, count and add, on two
# ports, for 512 bits: 683 operations a cycle.

# %%
recorded = {  # 10⁹ operations a second: int8 on AVX512-VNNI, int8 on AMX, XNOR
    "peak, in registers": (931, 6500, 2575),
    "2048×2048×2048": (735, 2642, 2313),
    "64×4096×4096": (523, 1362, 2393),
    "1×4096×4096": (50, 49, 969),
}
beyond = {name: xnor / amx for name, (_, amx, xnor) in recorded.items()}
lab.table(
    ("recorded on a Xeon", "int8, VNNI", "int8, AMX", "XNOR, 512 bit", "XNOR / AMX"),
    [
        (name, *map("{:,}".format, row), f"{beyond[name]:.2f}")
        for name, row in recorded.items()
    ],
    caption="10⁹ operations a second. AMX products: the fastest of these kernels, oneDNN "
    "(PyTorch 2.13) and numkong 7.8.",
)
here = fast.kernel_in_use("int8_matmul")
large = beats["int8"]["1024×1024×1024"]
unit = "has one" if here == "amx" else "has none"
word = "beats" if large.low > 1 else "loses to" if large.high < 1 else "is level with"
lab.say(
    f"Sixty-four products in one word, and yet the int8 matrix unit of the Xeon has "
    f"**{1 / beyond['peak, in registers']:.1f} times** the peak of XNOR. In a product of "
    f"2,048³ it keeps {1 / beyond['2048×2048×2048']:.2f} times; at batch 1, where "
    f"bytes decide, XNOR is {beyond['1×4096×4096']:.0f} times as fast. The processor of "
    f"this run {unit} (int8 runs on {here}), and here XNOR **{word}** int8 "
    f"at 1024×1024×1024: {large} times as fast."
)

# %% [markdown]
# One bit wins by *memory*, wherever weights are read once. By *arithmetic* it wins where nobody has built an
# array of multipliers: the factor of eight between the formats can be made up in silicon, and for int8 that
# has been done.

# %%
no_gain = [s for s in times if min(beats["float32"][s].low, beats["int8"][s].low) <= 1]
lab.claim(
    "realtime/3.2.1#hardware-matters",
    "Not every processor runs binary operations well; benchmark on the target first.",
    lab.facts(
        {
            "some sizes gain nothing here": bool(no_gain),
            "newer instructions make the same XNOR product faster": by_instructions.low
            > 1,
            "a recorded int8 matrix unit has a higher peak than XNOR": min(
                beyond.values()
            )
            < 1,
        }
    ),
    f"XNOR against int8 here, times as fast: {beats['int8']['64×256×256']} at 64×256×256, "
    f"{large} at 1024×1024×1024. No gain over one of its rivals at "
    f"{', '.join(no_gain) or 'no size'}. The same XNOR product on the newest against the "
    f"oldest instruction set: {by_instructions} times as fast.",
)

# %% [markdown]
# ## 3.2.2 What binarization does to different models (二值化对不同模型的影响分析)
#
# The original starts a sentence: with many parameters, as in deep convolutional networks, binarization makes
# a model much smaller and faster, *but may cost accuracy …* and there its text ends. Let us finish the
# section. Five networks for the 8 × 8 digits, each trained in float and, from the same initial weights, with
# signs: a multilayer perceptron (多层感知机), a small convolutional network, a deeper and wider one, a
# depthwise separable one (深度可分离卷积), and a Transformer that reads an image as eight rows.


# %%
def conv(inputs, outputs, size=3, groups=1):
    shape = inputs, outputs, size
    layer = nn.Conv2d(*shape, padding=size // 2, groups=groups, bias=False)
    return layer, nn.BatchNorm2d(outputs), nn.ReLU()


def dense(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False)
    return layer, nn.BatchNorm1d(outputs), nn.ReLU()


def perceptron():
    layers = *dense(64, 256), *dense(256, 256), nn.Linear(256, 10)
    return nn.Sequential(nn.Flatten(), *layers)


def small_cnn(width=16):
    blocks = *conv(1, width), nn.MaxPool2d(2), *conv(width, 2 * width), nn.MaxPool2d(2)
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(8 * width, 10))


def large_cnn():
    blocks = *conv(1, 32), nn.MaxPool2d(2), *conv(32, 64), *conv(64, 64)
    return nn.Sequential(*blocks, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10))


def depthwise_cnn():
    blocks = *conv(1, 32), nn.MaxPool2d(2), *conv(32, 32, groups=32), *conv(32, 32, 1)
    more = *conv(32, 32, groups=32), *conv(32, 64, 1), nn.MaxPool2d(2)
    return nn.Sequential(*blocks, *more, nn.Flatten(), nn.Linear(256, 10))


# %% [markdown]
# The Transformer is no chain of layers, so that `qnn.binarize` does not take it. We do it by hand: each of
# its six projections takes the signs of what arrives, and signs for weights. The residual stream, the layer
# norms and the attention weights stay real (BiBERT, Qin et al. 2022, makes the attention weights binary,
# too). `pack` is deployment: from then on a projection is an XNOR product.


# %%
class SignLinear(qnn.BinaryLinear):
    words = None

    def pack(self):
        self.words = fast.pack_bits(self.weight.data)
        self.alpha = binary.channel_scale(self.weight.data)

    def forward(self, x):
        if self.words is None:
            return super().forward(qnn.ste_sign(x))
        rows = fast.pack_bits(x.data.reshape(-1, self.in_features))
        sums = fast.xnor_matmul(rows, self.words, self.in_features)
        return qb.Tensor(
            (sums.astype(np.float32) * self.alpha + self.bias.data).reshape(
                *x.shape[:-1], -1
            )
        )


class RowTransformer(nn.Module):
    def __init__(self, linear=nn.Linear, width=64):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.place = nn.Parameter(np.zeros((8, width), np.float32))
        self.block = block = nn.TransformerEncoderLayer(
            width, nhead=4, dim_feedforward=2 * width, dropout=0, norm_first=True
        )
        self.head = nn.Linear(8 * width, 10)
        if linear is SignLinear:
            block.activation = (
                nn.Identity()
            )  # the sign behind linear1 is the activation
            for part, name in self.projections():
                real = getattr(part, name)
                signs = SignLinear(real.in_features, real.out_features)
                signs.weight.data[:] = real.weight.data
                setattr(part, name, signs)

    def projections(self):
        attention = [
            (self.block.self_attn, f"{name}_proj") for name in ("q", "k", "v", "out")
        ]
        return [*attention, (self.block, "linear1"), (self.block, "linear2")]

    def forward(self, x):
        rows = self.embed(x.reshape(-1, 8, 8)) + self.place
        return self.head(self.block(rows).reshape(len(rows.data), -1))


# %% [markdown]
# Fifteen pairs of trainings. Everything but the Transformer then goes through `integer.convert`, and what is
# counted are the answers, the bytes and the time of the integer models.


# %%
def signs_of(model):
    groups = [layer.groups for layer in model if isinstance(layer, nn.Conv2d)]
    return qnn.binarize(model, padding_value=1 if max(groups, default=1) == 1 else 0)


def train(model):
    digits.train(model, lab.epochs(4), 5e-3)


def train_signs(model):
    digits.train(model, lab.epochs(4), 1e-2)


def as_integers(model):
    q = ptq.quantize_static(model, digits.batches())
    converted = integer.convert(q)
    assert integer.count_differences(q, converted, digits.x_test) == 0
    return converted


MAKERS = {
    "perceptron": (perceptron, lambda: signs_of(perceptron())),
    "small CNN": (small_cnn, lambda: signs_of(small_cnn())),
    "deeper, wider CNN": (large_cnn, lambda: signs_of(large_cnn())),
    "depthwise CNN": (depthwise_cnn, lambda: signs_of(depthwise_cnn())),
    "Transformer": (lambda: RowTransformer(), lambda: RowTransformer(SignLinear)),
}
SEEDS = range(2 if lab.quick() else 3)
real, bits, share = {}, {}, {}
for name, (make, make_signs) in MAKERS.items():
    for seed in SEEDS:
        real[name] = lab.trained(make, train, seed).model
        learned = lab.trained(make_signs, train_signs, seed).model
        if name != "Transformer":
            bits[name] = as_integers(learned)
        else:
            in_floats, bits[name] = lab.scores(learned, digits.x_test), learned
            for part, projection in learned.projections():
                getattr(part, projection).pack()
            in_words = lab.scores(learned, digits.x_test)
            assert np.array_equal(in_floats.argmax(axis=1), in_words.argmax(axis=1))
        answers = digits.correct(real[name]), digits.correct(bits[name])
        share.setdefault(name, []).append([100 * a.mean() for a in answers])

# %% [markdown]
# ### Accuracy
#
# The loss of each, with its interval over the trainings (three trainings leave wide ones). As a weightier
# witness, the pair of networks from 3.2.1 joins them: one training each, but ten thousand images. And one
# column that explains: how many terms the shortest sum of a binary layer has. A sum of $K$ signs takes only
# $K + 1$ values, and is all that the next sign gets to see.

# %%
share = {name: np.transpose(values) for name, values in share.items()}
loss = {name: lab.over_seeds(f - b) for name, (f, b) in share.items()}


def binary_layers(name):
    model = MAKERS[name][1]()
    return [m for m in model.modules() if hasattr(m, "weight_quantizer")]


terms = {
    name: min(m.weight.data[0].size for m in binary_layers(name)) for name in MAKERS
}
lab.table(
    ("network", "float32, %", "signs, %", "loss, points", "terms of the shortest sum"),
    [
        (name, f"{f.mean():.1f}", f"{b.mean():.1f}", loss[name], terms[name])
        for name, (f, b) in share.items()
    ],
    caption=f"8 × 8 digits, means of {len(SEEDS)} trainings, 95 % intervals.",
)
suffers = loss | {"CNN on Fashion-MNIST": lost["both, trained as a binary network"]}
lab.claim(
    "realtime/3.2.2#accuracy-suffers",
    "Binarization may cost accuracy (the original breaks off here).",
    lab.more_than(0, suffers),
    "Points lost: " + "; ".join(f"{name} {points}" for name, points in suffers.items()),
)
worst, best = (pick(loss, key=lambda name: loss[name].estimate) for pick in (max, min))
lab.say(
    f"The **{worst}** loses most, {loss[worst].estimate:.1f} points; its shortest sums have "
    f"{terms[worst]} terms. The **{best}** loses least, {loss[best].estimate:.1f} points, with "
    f"{terms[best]} terms or more."
)

# %% [markdown]
# A depthwise filter looks at one channel: nine signs, ten possible sums. A network of such layers pushes
# everything it knows through a staircase of ten steps, twice. Separable convolutions are the pride of small
# float networks because they waste nothing, and for the same reason they may have
# nothing to spare. (That is an explanation, not a measurement; exercise 3 puts it to the test.)
#
# ### Size
#
# Signs shrink what they touch by 32, and the rest (first and last layer) goes from 32 bits to 8. If a share
# $p$ of the weights gets signs, the network becomes at most
#
# $$ \frac{1}{p/32 + (1 - p)/4} \tag{2} $$
#
# times smaller; thresholds and scales take their part of that.


# %%
def bytes_of_transformer(model):
    signs = [layer for layer in model.modules() if isinstance(layer, SignLinear)]
    floats = sum(parameter.data.nbytes for parameter in model.parameters())
    floats -= sum(layer.weight.data.nbytes for layer in signs)
    return floats + sum(layer.words.nbytes + layer.alpha.nbytes for layer in signs)


rows, smaller, weights = [], {}, {}
for name, model in real.items():
    weights[name] = sum(parameter.data.size for parameter in model.parameters())
    p = sum(m.weight.data.size for m in binary_layers(name)) / weights[name]
    is_chain = name != "Transformer"
    size = bits[name].nbytes if is_chain else bytes_of_transformer(bits[name])
    smaller[name] = 4 * weights[name] / size
    most = 1 / (p / 32 + (1 - p) / (4 if is_chain else 1))
    rows.append(
        (
            name,
            f"{weights[name]:,}",
            f"{p:.0%}",
            f"{size:,}",
            f"{smaller[name]:.1f}",
            f"{most:.1f}",
        )
    )
lab.table(
    (
        "network",
        "weights",
        "share p of signs",
        "bytes with signs",
        "times smaller",
        "at most, by (2)",
    ),
    rows,
    caption="Against float32. The Transformer keeps its other weights in float32: 1 in "
    "place of 4 in (2).",
)

# %% [markdown]
# ### Speed
#
# 256 images at a time. The float networks are this library's, written to be read; a float engine as well
# tuned as the integer one would run them faster. The fair opponent is int8: same engine, same kernels, same
# shape. (The Transformer has no int8 form in that engine.)

# %%
x = digits.x_test[:256]
faster = {}
for name in MAKERS:
    pair = {"float32": real[name], "signs": bits[name]}
    if name != "Transformer":
        pair["int8"] = as_integers(real[name])
    runs = {
        key: lambda model=model: lab.scores(model, x) for key, model in pair.items()
    }
    took = lab.take_turns(runs, SECONDS / 2)
    faster[name] = {
        rival: lab.times_faster(t, took["signs"]) for rival, t in took.items()
    }
lab.table(
    ("network", "signs against float32", "signs against int8"),
    [(name, f["float32"], f.get("int8", "–")) for name, f in faster.items()],
    caption="How many times as fast (median, 95 % interval).",
)
slower = [name for name, f in faster.items() if "int8" in f and f["int8"].high < 1]
lab.say(f"Slower with signs than with int8: **{', '.join(slower) or 'none of them'}**.")

# %% [markdown]
# Two things make signs slow. Empty bits: a pixel of 16 channels fills a quarter of its word, and 48 bits are
# counted for nothing; a depthwise filter sees a single channel, and the engine runs it as int8. XNOR wants
# channels in multiples of 64. And small products: one of 256 × 256 may be over before its thresholds are
# compared and its signs packed; compare the two bars of XNOR in the benchmark.
#
# ### Many parameters gain most?
#
# Five networks differ in more than their number of weights. To see that alone, take one of them, the small
# CNN, and make it wider. Size and speed do not depend on training, so that nothing needs to be trained.

# %%
WIDTHS = (8, 16, 32, 64, 128)
series, functions, few = [], {}, digits.x_test[:64]
for width in WIDTHS:
    model = small_cnn(width).eval()
    n = sum(parameter.data.size for parameter in model.parameters())
    forms = {"float32": model, "int8": as_integers(model)}
    forms["signs"] = as_integers(signs_of(model).eval())
    for key, form in forms.items():
        functions[key, width] = lambda form=form: lab.scores(form, few)
    series.append((width, n, 4 * n / forms["signs"].nbytes))
took = lab.take_turns(functions, 1.5 * SECONDS)
times_as_fast = {
    (rival, width): lab.times_faster(took[rival, width], took["signs", width])
    for rival, width in functions
}
lab.table(
    ("width", "weights", "times smaller", "against float32", "against int8"),
    [
        (
            width,
            f"{n:,}",
            f"{factor:.1f}",
            *(times_as_fast[r, width] for r in ("float32", "int8")),
        )
        for width, n, factor in series
    ],
    caption="The small CNN at five widths, with signs; 64 images at a time.",
)

# %%
narrow, wide = WIDTHS[0], WIDTHS[-1]
gains = {
    f"faster, against {rival}": lab.median(
        took[rival, wide]
        / took["signs", wide]
        * took["signs", narrow]
        / took[rival, narrow]
    )
    for rival in ("float32", "int8")
}
ratio = series[-1][2] / series[0][2]
gains["smaller"] = lab.Interval(ratio, ratio, ratio)
order = sorted(weights, key=weights.get)
ranks = [smaller[a] < smaller[b] for i, a in enumerate(order) for b in order[i + 1 :]]
lab.claim(
    "realtime/3.2.2#many-parameters-gain",
    "Models with many parameters gain the most from binarization.",
    lab.more_than(1, gains),
    f"One architecture at widths {narrow} and {wide}: the wide one gains "
    + ", ".join(
        f"{interval} times as much ({what})" for what, interval in gains.items()
    )
    + f". Across the five architectures the larger of two shrinks more in {sum(ranks)} of "
    f"{len(ranks)} pairs.",
)

# %% [markdown]
# In size, the first half of the sentence is right about one architecture at growing width: fixed costs (outer
# layers, thresholds) weigh less and less. In speed the same should hold, since words fill up and calls weigh
# less; the table says how far it does here. Across architectures the number of parameters is a rough guide:
# the *share* under signs, the *channels* and the *terms of each sum* tell more.
#
# All five in one picture: each arrow leads from float32 to signs.

# %%
with plots.style():
    fig = plots.figure(960, 460)
    axes = fig.add_subplot(xscale="log", xlabel="bytes", ylabel="digits right, %")
    axes.set_title("What binarization does to five networks")
    for i, (name, (f, b)) in enumerate(share.items()):
        x, y = 4 * weights[name] / np.array([1, smaller[name]]), (f.mean(), b.mean())
        axes.plot(x, y, "o", markevery=[0], color=f"C{i}", label=name)
        arrow = {"arrowstyle": "-|>", "color": f"C{i}", "lw": 2}
        axes.annotate("", (x[1], y[1]), (x[0], y[0]), arrowprops=arrow)
    axes.margins(0.12)
    axes.legend(loc="lower right", title="from float32 to signs")
lab.show(
    fig,
    alt="Accuracy over bytes, one arrow for each network, from float32 to the left and down: "
    + "; ".join(
        f"{n} {smaller[n]:.1f} times smaller, {loss[n].estimate:.1f} points"
        for n in loss
    ),
)

# %% [markdown]
# ## What we measured

# %%
lab.say(f"""
- {sums.size:,} sums by exclusive or and popcount, **{wrong}** different from the products of signs.
- Signs put into a trained float network cost **{lost["both converted"]}** points; the network trained with
  signs loses **{lost["both, trained as a binary network"]}**.
- XNOR on this processor, at 1024×1024×1024: **{beats["float32"]["1024×1024×1024"]}** times as fast as
  float32, **{large}** times as fast as int8. A recorded int8 matrix unit has
  {1 / beyond["peak, in registers"]:.1f} times the peak of XNOR.
- Five architectures lose between **{loss[best].estimate:.1f}** ({best}) and **{loss[worst].estimate:.1f}**
  points ({worst}) and become {min(smaller.values()):.1f} to {max(smaller.values()):.1f} times smaller.
""")

# %% [markdown]
# The sentence that broke off, finished: *with many parameters, binarization makes a model much smaller, and
# faster where the processor has nothing better for 8 bits; but it costs accuracy, among our five most where
# sums are shortest, and it must be trained for.*
#
# ## Try next
#
# [A budget of bytes](balance/6) lets binary networks compete with 2, 4 and 8 bits for the same job.
# `python -m qbref bench` repeats the benchmark with all sizes and draws the roofline of your processor.
#
# ## Exercises
#
# 1. How many words does the engine read for one pixel of 16, 32, 64 and 65 channels? Predict from that at
#    which `width` the small CNN should overtake int8, then look it up in the table.
# 2. Show that (1) holds for words whose unused bits are 0 on both sides, and that the agreements form,
#    $2\operatorname{popcount}(\overline{x \oplus w}) - K$, does not.
# 3. Keep the depthwise filters of `depthwise_cnn` real and give signs to the 1 × 1 convolutions only (a
#    `qnn.Conv2d` takes any `weight_quantizer`). How much of the loss comes back over three seeds?
# 4. The Transformer's `activation` became an identity. Put the ReLU back before the sign: what does the sign
#    see then, and what becomes of the accuracy?
