# %% [markdown]
# # 3.4 Three applications: images, language, recommendation
#
# *算法应用领域*
#
# The original names three fields in which quantization is at work: image recognition (图像识别), natural
# language processing (自然语言处理) and recommender systems (推荐系统). One sentence each, no figure. Here
# all three are trained, quantized and run on integer kernels. After this chapter you can
#
# - choose between static quantization (静态量化) and dynamic quantization (动态量化) for a network,
# - judge a quantized model by the metric of its own field: accuracy, bits per character, hit rate,
# - say where the outliers (离群值) of a Transformer sit, and what SmoothQuant and AWQ do about them,
# - shrink a key-value cache (键值缓存), and a recommender to one bit per number.
#
# Read [weights and activations](balance/2.1) and [the two quantizers](balance/3.1) before. Run time: under
# a minute, and half a minute more the first time, to train the network for images.

# %%
import copy
from pathlib import Path

import numpy as np

import qbref as qb
import qbref.nn.functional as F
from qbref import (
    calibration,
    data,
    integer,
    kernels,
    lab,
    nn,
    optim,
    plots,
    ptq,
    qnn,
    quant,
)

POINTS, BITS = -1, -0.05


def weights(n_bits):
    return qnn.int_weights(n_bits, clip="mse" if n_bits < 8 else "none")


# %% [markdown]
# What does "serves" mean? We fix it before we look. A quantized model **serves** if, on data that it has
# not been trained on, it loses less than 1 point of accuracy (images) or of hit rate (recommendation), or
# less than 0.05 bits per character (language).
#
# The weights have one scale for each output channel and, where bits are few, a range that leaves outliers
# out: the choices of [realtime/2.1](realtime/2.1).
#
# ## Images (图像识别)
#
# The network is the one that [realtime/1](realtime/1) introduces and [realtime/2.1](realtime/2.1) takes
# apart: two convolutions, two dense layers, Fashion-MNIST. It is a chain of products, batch norms and
# ReLUs, and all of it has an integer form. So it is quantized **statically**: ranges are measured once, on
# 512 training images, and between its first and last layer there are only integers. (A binary network
# must be [trained as such](realtime/3.1).)

# %%
fashion = lab.fashion()
network = lab.fashion_cnn().model
size = sum(p.data.nbytes for p in network.parameters())
real = fashion.correct(network)
images, image_losses = {}, {}
rows = [("float32", f"{size:,}", lab.accuracy(real), "")]
for n_bits in (8, 4):
    config = qnn.QuantConfig(weights=weights(n_bits), observer=calibration.MSE)
    q = ptq.quantize_static(network, fashion.batches(), config)
    name, m = f"int{n_bits}", integer.convert(q)
    assert integer.count_differences(q, m, fashion.x_test[:64]) == 0
    correct = fashion.correct(m)
    images[name], image_losses[name] = m, lab.paired(correct, real)
    rows.append((name, f"{m.nbytes:,}", lab.accuracy(correct), image_losses[name]))
lab.table(
    ("weights", "bytes", "accuracy, %", "difference, points"),
    rows,
    "Static quantization, activations of 8 bits, on the test images; 95 % intervals.",
)

# %% [markdown]
# The original wants this in real time (实时). One image at a time:

# %%
one, int8 = fashion.x_test[:1], images["int8"]
turns = {"float": lambda: lab.scores(network, one), "int8": lambda: int8.run(one)}
times = lab.take_turns(turns, seconds=0.5)
image_speed = lab.times_faster(times["float"], times["int8"])
smaller = [f"{size / m.nbytes:.1f}" for m in images.values()]
lab.claim(
    "balance/3.4#images",
    "A quantized CNN loses less than a point of accuracy.",
    lab.more_than(POINTS, image_losses),
    ", ".join(f"{name} {loss} points" for name, loss in image_losses.items())
    + f"; {' and '.join(smaller)} times smaller; one image with int8 {image_speed} "
    "times as fast as in this library's float32.",
)

# %% [markdown]
# ## Language (自然语言处理)
#
# The text is Shakespeare's 154 sonnets, nine tenths to learn from, the last tenth to be tested with. A
# model sees up to 32 characters and gives a probability to each character that may come next. Its metric
# is the number of bits that it takes to write the text down with these probabilities:
#
# $$ H = -\frac{1}{T} \sum_{t=1}^{T} \log_2 p(c_t) \tag{1} $$
#
# It is 0 for a prophet, and $\log_2$ of the number of characters for a model that knows nothing. ($2^H$ is
# called perplexity, 困惑度: 0.05 bits are 3.5 % of it.)

# %%
text = data.sonnets()
vocabulary = data.Vocabulary(text)
ids, C = vocabulary.encode(text), len(vocabulary)
L, D, end = 32, 64, len(ids) * 9 // 10


def windows(starts):
    at = np.asarray(starts)[:, None] + np.arange(L)
    places = np.broadcast_to(C + np.arange(L), at.shape)
    return np.stack([ids[at], places], axis=-1), ids[at + 1]


starts = np.arange(end, len(ids) - L, L)[: 40 if lab.quick() else None]
x_test, y_test = windows(starts)
counted = np.maximum(np.bincount(ids[:end], minlength=C), 1)
frequent = -np.log2(counted / counted.sum())[y_test].mean()
print(f"{len(text):,} characters, {C} different ones; {y_test.size:,} to test with")
print(f"knowing nothing {np.log2(C):.2f} bits, knowing frequencies {frequent:.2f} bits")

# %% [markdown]
# `windows` gives two numbers for each character: which it is, and at which place it stands, since
# attention (注意力) by itself does not know the order. One table holds vectors for both; each makes half of
# what the Transformer works with. Everything else is the usual: causal attention with four heads, and a
# branch that widens to 256 and comes back.


# %%
def transformer():
    options = dict(dropout=0.0, activation="gelu", norm_first=True, causal=True)
    return nn.Sequential(
        nn.Embedding(C + L, D // 2),
        nn.Flatten(2),  # (N, L, 2, 32) -> (N, L, 64)
        nn.TransformerEncoderLayer(D, 4, 4 * D, **options),
        nn.LayerNorm(D),
        nn.Linear(D, C),
    )


def train(model):
    steps, rng = lab.epochs(400), qb.random.default_rng()
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    schedule = optim.WarmupCosineLR(optimizer, steps, warmup_steps=steps // 10)
    for _ in range(steps):
        x, y = windows(rng.integers(0, end - L, 32))
        loss = F.cross_entropy(model(x).reshape(-1, C), y.ravel())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def bits(model):
    """Bits per character, the mean of each test window: (N,)."""
    with qb.no_grad():
        y = model.run(x_test) if hasattr(model, "run") else model(x_test).data
        y = qb.Tensor(y.reshape(-1, C))
        nats = F.cross_entropy(y, y_test.ravel(), reduction="none").data
    return nats.astype(float).reshape(y_test.shape).mean(axis=1) / np.log(2)


model = lab.trained(transformer, train).model
real = bits(model)
print(f"{sum(p.size for p in model.parameters()):,} parameters: {real.mean():.3f} bits")

# %% [markdown]
# ### Dynamic quantization (动态量化)
#
# `integer.convert` has no integer-only form of a softmax or of a layer norm, and a sum of residual
# branches has no range that suits every character. So this network is quantized **dynamically**: between
# products everything stays real; at the entry of each product every character, here a *token* (词元) with
# its vector $x_t$, gets a scale of its own:
#
# $$ s_t = \frac{\max |x_t|}{127}, \qquad q_t = \left\lfloor \frac{x_t}{s_t} \right\rceil, \qquad
#    y_t = s_t \, s_w \sum_j q_{tj} \, q^w_j + b \tag{2} $$
#
# No calibration data are needed. The report says what became of each layer.


# %%
def dynamic(model, n_bits):
    return ptq.quantize_dynamic(model, qnn.QuantConfig(weights=weights(n_bits)))


print(dynamic(model, 8).report)

# %% [markdown]
# It runs on the integer kernels, with weights of 8, 4, 3 and 2 bits. Differences are taken window by
# window, so that what is hard for all models drops out of their interval.

# %%
size = sum(p.data.nbytes for p in model.parameters())
rows = [("float32", f"{size:,}", f"{real.mean():.3f}", "")]
language, above = {}, {}
for n_bits in (8, 4, 3, 2):
    q, name = dynamic(model, n_bits), f"int{n_bits}"
    m = language[name] = integer.convert(q)
    assert integer.count_differences(q, m, x_test[:64]) == 0
    found = bits(m)
    above[name] = lab.over_seeds(found - real)
    more = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*above[name])
    rows.append((name, f"{m.nbytes:,}", f"{found.mean():.3f}", more))
lab.table(
    ("weights", "bytes", "bits per character", "above float32"),
    rows,
    "The Transformer on integer kernels, activations of 8 bits; 95 % intervals.",
)

# %% [markdown]
# 3 bits take the room of 4, as in [realtime/2.1](realtime/2.1). With 2 bits a weight is −1, 0 or 1 times
# its scale; to survive that, a network must be trained for it ([QAT](realtime/2.1.2)).
#
# ### Weight-only quantization (仅权重量化)
#
# A model that writes one character at a time reads all of its weights for each. Then memory is the
# bottleneck, and it is enough to *store* few bits: weights are turned back into floats on their way to the
# product, activations are never rounded. What do we gain in precision by leaving the activations alone?


# %%
def weights_only(model, n_bits):
    rounded = copy.deepcopy(model)
    quantized = dict(dynamic(model, n_bits).named_modules())
    for path, layer in rounded.named_modules():
        if hasattr(quantized[path], "quantized_weight"):
            layer.weight.data[...] = quantized[path].quantized_weight().data
    return rounded


for n_bits in (8, 4, 2):
    found = (bits(weights_only(model, n_bits)) - real).mean()
    both = above[f"int{n_bits}"].estimate
    print(f"int{n_bits}: weights only {found:+.4f}, activations too {both:+.4f} bits")

# %% [markdown]
# Hardly anything: what few bits lose they lose in the weights, and 8 bits with a scale for each token are
# enough for these activations. The kernel of weight-only quantization takes float activations, and weights
# as they are stored, two to a byte:

# %%
core = kernels.default()
head = dynamic(model, 4)[-1]
levels = head.weight_quantizer.levels(head.weight.data)
packed = quant.pack_int4(levels.q)
h = np.linspace(-1, 1, 3 * D, dtype=np.float32).reshape(3, D)
y = core.int4_matmul(h, packed, scale=levels.scale)
assert np.allclose(y, h @ head.quantized_weight().data.T, atol=1e-4)
print(f"{levels.q.shape} weights in {packed.nbytes:,} bytes, product {y.shape}")

# %% [markdown]
# ### Outliers (离群值)
#
# Large language models grow a few channels whose activations are up to a hundred times larger than the
# others, behind their layer norms and for nearly every token (arXiv:2211.10438; Dettmers et al.,
# arXiv:2208.07339, find them in every layer from 6.7 billion parameters on). Has our small one any? The
# largest activation of each channel, at the entry of each product:

# %%
rng = np.random.default_rng(0)
seen = [windows(rng.integers(0, end - L, 32))[0] for _ in range(2)]


def entries(model, x):
    layer = model[2]
    with qb.no_grad():
        x = model[:2](x)
        a = layer.norm1(x)
        x = x + layer.self_attn(a)
        b = layer.norm2(x)
        c = layer.activation(layer.linear1(b))
        d = model[3](x + layer.linear2(c))
    places = {"norm 1": a, "norm 2": b, "GELU": c, "last norm": d}
    return {k: np.abs(v.data).max(axis=(0, 1)) for k, v in places.items()}


for place, m in entries(model, seen[0]).items():
    print(
        f"{place:10} largest {m.max():5.2f}, {m.max() / np.median(m):.1f} × the median"
    )

# %% [markdown]
# None worth the name. So we make some, without changing what the network computes: behind both norms of
# the layer two channels are made a hundred times larger, and the weights that they meet a hundred times
# smaller.

# %%
FACTOR = 100
large = copy.deepcopy(model)
layer = large[2]
projections = layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj
for norm, readers in ((layer.norm1, projections), (layer.norm2, (layer.linear1,))):
    for channel in (5, 40):
        norm.weight.data[channel] *= FACTOR
        norm.bias.data[channel] *= FACTOR
        for reader in readers:
            reader.weight.data[:, channel] /= FACTOR
assert np.allclose(bits(large), real, atol=1e-4)

# %% [markdown]
# In float32 nothing has changed, says the assertion. Now 8 bits: with one scale for each token, as in (2),
# and with one for the whole tensor, as simple hardware likes it.


# %%
def loss_of(q):
    return (bits(integer.convert(q)) - real).mean()


def loss_per_tensor(q):
    for layer in q.modules():
        if isinstance(layer, qnn.DynamicLinear):
            layer.scale_axes = (0, 1, 2)  # in place of (-1,): one maximum for all
    return (bits(q) - real).mean()


smooth = ptq.smooth_quant(large, seen)
cases = {"as trained": model, "with outliers": large, "SmoothQuant": smooth}
int8 = {name: dynamic(m, 8) for name, m in cases.items()}
outliers = {name: (loss_of(q), loss_per_tensor(q)) for name, q in int8.items()}
lab.table(
    ("8 bits", "scale per token", "scale per tensor"),
    [(name, *(f"{v:+.4f}" for v in found)) for name, found in outliers.items()],
    "Bits per character lost to float32.",
)

# %% [markdown]
# The outlier takes all 127 levels for itself, and what is left for the other channels is next to nothing.
# A scale for each token is no remedy, since the outliers are in *every* token. What would help
# is a scale for each **channel** $j$. But in (2) the sum runs over channels, and no factor that depends
# on $j$ can be taken out of it. SmoothQuant (arXiv:2211.10438) hands it to the weights instead, before
# anything is quantized:
#
# $$ \sum_j x_j w_j = \sum_j \frac{x_j}{s_j} \, (s_j w_j), \qquad
#    s_j = \frac{(\max |x_j|)^\alpha}{(\max |w_j|)^{1-\alpha}}, \quad \alpha = \tfrac{1}{2} \tag{3} $$
#
# The division costs nothing, since the layer norm in front can do it. Both sides are then equally hard to
# quantize:

# %%
with plots.style():
    fig = plots.figure(900, 380)
    axes = fig.add_subplot(yscale="log", xlabel="channel", ylabel="largest activation")
    looks = ("sky blue", "-"), ("vermilion", "--"), ("green", "-")
    for (name, m), (color, line) in zip(cases.items(), looks, strict=True):
        m = entries(m, seen[0])["norm 2"]
        axes.plot(m, line, drawstyle="steps-mid", c=plots.PALETTE[color], label=name)
    axes.legend()
lab.show(
    fig,
    "The largest activation of each of 64 channels behind norm 2, logarithmic: with "
    "outliers two channels tower above the rest; smoothed, all are of similar size.",
)

# %% [markdown]
# In the network with outliers, the weights that meet them are a hundred times smaller than their
# neighbours, and 4 bits round them to nothing. AWQ (activation-aware weight quantization,
# arXiv:2306.00978) scales the same way with another aim: a weight that meets large activations shall get
# finer levels. It tries factors $s_j = (\operatorname{mean} |x_j|)^a$ for twenty values of $a$ and keeps
# those that change the layer's output least.

# %%
awq = {}
for name in ("as trained", "with outliers"):
    scaled = ptq.awq(cases[name], seen, n_bits=4)
    awq[name] = [loss_of(dynamic(m, 4)) for m in (cases[name], scaled)]
lab.table(
    ("weights of 4 bits", "rounded", "AWQ, then rounded"),
    [(name, *(f"{v:+.4f}" for v in found)) for name, found in awq.items()],
    "Bits per character lost to float32, activations with a scale for each token.",
)

# %% [markdown]
# Both methods mend what outliers do. Where there are none they have little to do.
#
# ### A key-value cache of 8 bits (键值缓存)
#
# To write the next character, attention needs the keys and values of all characters before it. They do
# not change, so they are kept. In a large model with a long context this cache outgrows the weights.
# `qbref` has no cache; here is one. `rounded` decides in how many bits a vector is kept, one scale for
# each head, and `decode` reads a text character by character, computing only what is new.


# %%
def rounded(x, n_bits):
    if n_bits == 32:
        return x
    block = dict(axis=-1, block_size=D // 4)
    lo, hi = quant.range_of(x, **block)
    grid = dict(symmetric=True, narrow_range=True, **block)
    p = quant.params_from_range(lo, hi, n_bits, **grid)
    return quant.dequantize(quant.quantize(x, p), p)


def decode(model, x, n_bits):
    layer, attention, N = model[2], model[2].self_attn, len(x)
    keys, values, scores = [], [], []

    def heads(vectors):
        return vectors.reshape(N, -1, 4, D // 4).transpose(0, 2, 1, 3)

    for t in range(L):
        h = model[:2](x[:, t : t + 1])
        a = layer.norm1(h)
        keys.append(rounded(attention.k_proj(a).data, n_bits))
        values.append(rounded(attention.v_proj(a).data, n_bits))
        past = (heads(np.concatenate(kept, axis=1)) for kept in (keys, values))
        y = F.scaled_dot_product_attention(heads(attention.q_proj(a)), *past)
        h = h + attention.out_proj(y.transpose(0, 2, 1, 3).reshape(N, 1, D))
        h = h + layer.linear2(layer.activation(layer.linear1(layer.norm2(h))))
        scores.append(model[3:](h).data)
    return qb.Tensor(np.concatenate(scores, axis=1).reshape(-1, C))


q, rows, cache = dynamic(model, 8), [], {}
for n_bits in (32, 8, 4, 2):
    with qb.no_grad():
        found = F.cross_entropy(decode(q, x_test, n_bits), y_test.ravel()).item()
    scales = 0 if n_bits == 32 else 2 * 4 * 4  # float32, for each head's key and value
    cache[n_bits] = found / np.log(2), 2 * D * n_bits // 8 + scales
    rows.append((n_bits, cache[n_bits][1], f"{cache[n_bits][0]:.4f}"))
lab.table(
    ("bits of the cache", "bytes for each token", "bits per character"),
    rows,
    "Weights and activations of 8 bits; keys and values kept in fewer and fewer.",
)
assert np.isclose(cache[32][0], bits(language["int8"]).mean(), atol=1e-3)

# %% [markdown]
# Reading with a cache that rounds nothing is the same as reading the window at once, says the assertion.
# Here the scales take a fifth of the 8-bit cache, since a head has only 16 numbers; with the usual 128
# they hardly count.

# %%
tokens, layers, width = 4096, 32, 4096
gigabytes = 2 * tokens * layers * width * 2 / 1e9
lab.say(
    f"""
    A language model of {layers} layers and width {width:,} keeps **{gigabytes:.1f} GB** in float16 for
    one conversation of {tokens:,} tokens; 8 bits halve that, and twice as many users fit beside it.
    """
)

# %% [markdown]
# ### The full one (完整模型)
#
# Seconds of training make a modest poet. A larger one, two layers and a context of 64 characters, takes
# many minutes, too long for a page: `python -m chapters.reproduce_applications` trains it, and the
# repository keeps what it printed, beside what PyTorch reached with a model of that size on this text.


# %%
def recorded(model):
    """The date of the kept output, and its rows for one model without their first word."""
    here = Path(globals().get("__file__", "chapters/balance/notebook")).resolve()
    path = here.parents[1] / "applications.md"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [line.split("|") for line in lines if f"| {model}, " in line]
    date = next((line for line in lines if line.startswith("Recorded")), "No record.")
    return date, [
        [c.strip().removeprefix(f"{model}, ") for c in row[1:]] for row in rows
    ]


date, rows = recorded("Transformer")
lab.table(
    ("weights", "bits per character", "above float32", "PyTorch", "bytes"),
    [(row[0], row[1], row[2], row[4], row[6]) for row in rows],
    date,
)

# %% [markdown]
# In the row *int2 between int8* the table of characters and the last layer keep 8 bits, and the others have
# all four levels of two bits in place of three. Not all layers are equally sensitive:
# [balance/8](balance/8) measures how much.
#
# The original also promises efficiency (高效). Thirty-two windows at a time:


# %%
def in_float():
    with qb.no_grad():
        return model(x_test[:32])


turns = {"float": in_float, "int8": lambda: language["int8"].run(x_test[:32])}
times = lab.take_turns(turns, seconds=0.5)
text_speed = lab.times_faster(times["float"], times["int8"])
smaller = [f"{size / m.nbytes:.1f}" for m in language.values()]
lab.claim(
    "balance/3.4#language",
    f"A quantized Transformer loses less than {-BITS} bits per character.",
    lab.more_than(
        BITS, {k: lab.Interval(-e, -hi, -lo) for k, (e, lo, hi) in above.items()}
    ),
    ", ".join(f"{name} loses {v.estimate:.3f} bits" for name, v in above.items())
    + f"; {', '.join(smaller)} times smaller; int8 {text_speed} times as fast as this library's float32.",
)

# %% [markdown]
# ## Recommendation (推荐系统)
#
# 4,209 software packages, the *users*, each need some of 540 others, the *items*. Which one more might a
# package need? One need of each is held out; every item that it does not use in training is ranked. The
# metric is the hit rate HR@10 (命中率): how often the held-out item is among the first ten. Whoever
# recommends to all what is most popular sets the bar.

# %%
pairs = data.debian_dependencies()
used = np.zeros((len(pairs.user_names), len(pairs.item_names)), bool)
used[pairs.user[~pairs.is_test], pairs.item[~pairs.is_test]] = True
target = pairs.item[pairs.is_test].astype(int)[:, None]


def hits(scores):
    scores = np.where(used, -np.inf, scores)
    own = np.take_along_axis(scores, target, axis=1)
    ties = (scores == own).sum(axis=1) - 1  # half of them come first
    return (scores > own).sum(axis=1) + ties / 2 < 10


popular = hits(np.tile(used.sum(axis=0), (len(used), 1)))
print(f"{used.sum():,} pairs, {used.mean():.1%} of all; HR@10 {popular.mean():.3f}")

# %% [markdown]
# Collaborative filtering (协同过滤) by matrix factorization (矩阵分解) gives every user and every item a
# vector of 32 numbers. Their product, and the item's popularity $b_i$, decide:
#
# $$ r_{ui} = p_u \cdot q_i + b_i \tag{4} $$
#
# In the words of a network that is a table of users and a linear layer with one output for each item: two
# layers that `quantize_dynamic` knows. It is trained with binary cross-entropy (BCE, 二元交叉熵) on all
# pairs; those that occurred count fifteenfold, since there are so few.


# %%
def factorization():
    users, items = used.shape
    model = nn.Sequential(nn.Embedding(users, 32), nn.Linear(32, items))
    model[0].weight.data *= 0.1
    return model


def train(model):
    epochs, batches, rng = lab.epochs(30), len(used) // 64, qb.random.default_rng()
    optimizer = optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.3)
    schedule = optim.WarmupCosineLR(optimizer, epochs * batches, warmup_steps=20)
    for _ in range(epochs):
        for users in np.array_split(rng.permutation(len(used)), batches):
            y = used[users].astype(np.float32)
            loss = F.binary_cross_entropy_with_logits(
                model(users), y, weight=1 + 14 * y
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


recommender = lab.trained(factorization, train).model
everybody = np.arange(len(used))[:, None]  # one user each
with qb.no_grad():
    real = hits(recommender(everybody).data[:, 0])
print(f"float32: HR@10 {real.mean():.3f}")

# %% [markdown]
# Nearly all bytes are the table of users, and it grows with every user. Quantized, a row of it is looked
# up, comes out as real numbers, is quantized as a token and meets the items in an integer product.

# %%
P, Q, b = (p.data for p in recommender.parameters())
size, losses = P.nbytes + Q.nbytes + b.nbytes, {}
rows = [("popularity", "", f"{popular.mean():.3f}", "")]
rows += [("float32", f"{size:,}", f"{real.mean():.3f}", "")]
for n_bits in (8, 4, 2):
    q, name = dynamic(recommender, n_bits), f"int{n_bits}"
    m = integer.convert(q)
    assert integer.count_differences(q, m, everybody[:256]) == 0
    found = hits(m.run(everybody)[:, 0])
    losses[name] = lab.paired(found, real)
    rows.append((name, f"{m.nbytes:,}", f"{found.mean():.3f}", losses[name]))

# %% [markdown]
# How far can it go? Keep the **sign** of every number and one magnitude for each row, its mean (the scale
# of [XNOR-Net](realtime/3.1)). 32 signs fit into half a machine word, and one XNOR and one count of bits
# make the product:
#
# $$ r_{ui} \approx \alpha_u \beta_i \, (32 - 2 \operatorname{popcount}(\operatorname{bits}(p_u) \oplus
#    \operatorname{bits}(q_i))) + b_i, \qquad \alpha_u = \tfrac{1}{32} \sum_k |p_{uk}| \tag{5} $$

# %%
user_bits, item_bits = core.pack_bits(P), core.pack_bits(Q)
alpha, beta = np.abs(P).mean(axis=1)[:, None], np.abs(Q).mean(axis=1)
sums = core.xnor_matmul(user_bits, item_bits, 32)
signs = np.where(Q < 0, -1, 1)
assert np.array_equal(sums, np.where(P < 0, -1, 1) @ signs.T)

by_signs, half = hits(alpha * beta * sums + b), hits(P @ signs.T * beta + b)
losses["signs"], share = lab.paired(by_signs, real), f"{by_signs.mean():.3f}"
sign_bytes = (P.size + Q.size) // 8 + alpha.nbytes + beta.nbytes + b.nbytes
rows.append(("signs × row scale", f"{sign_bytes:,}", share, losses["signs"]))
rows.append(("only the items so", "", f"{half.mean():.3f}", lab.paired(half, real)))
lab.table(
    ("users and items", "bytes", "HR@10", "difference, points"),
    rows,
    "All unseen items ranked for each user; bytes with all scales; 95 % intervals.",
)
lab.say(
    f"""
    One bit for each number, and HR@10 is **{share}**, where popularity has {popular.mean():.3f} and
    real numbers have {real.mean():.3f}. All in all it takes {sign_bytes / size:.1%} of the room: to 32
    numbers in a row, a float32 scale is as much as one bit more for each. These tables were not
    trained to be binary. They can serve as a first sieve, which names a hundred candidates to a
    better model.
    """
)

# %% [markdown]
# The original promises lower cost of computation (计算成本). All users against all items: first the
# products alone, then the whole integer model, which also looks up the rows, finds a scale for each and
# gives real numbers back.

# %%
q = dynamic(recommender, 8)
P8, Q8 = (layer.weight_quantizer.levels(layer.weight.data).q for layer in q)
Q8, int8 = core.pack_rhs(Q8.T), integer.convert(q)
turns = {
    "float32": lambda: P @ Q.T,
    "product of int8": lambda: core.int8_matmul(P8, Q8),
    "product of signs": lambda: core.xnor_matmul(user_bits, item_bits, 32),
    "int8 model": lambda: int8.run(everybody, batch_size=len(P)),
}
times = lab.take_turns(turns, seconds=0.5)
speeds = {name: lab.times_faster(times["float32"], t) for name, t in times.items()}
lab.table(
    ("all users, all items", "milliseconds", "times as fast as float32"),
    [(name, f"{1e3 * np.median(t):.2f}", speeds[name]) for name, t in times.items()],
)

# %%
lab.claim(
    "balance/3.4#recommendation",
    "A quantized recommender loses less than a point of hit rate.",
    lab.more_than(POINTS, losses),
    f"{', '.join(f'{name} {loss} points' for name, loss in losses.items())}; "
    f"{size:,} bytes become {int8.nbytes:,} with int8, {sign_bytes:,} with signs; the "
    f"product of int8 is {speeds['product of int8']} times as fast as float32, that of "
    f"signs {speeds['product of signs']}, the whole int8 model {speeds['int8 model']}.",
)

# %% [markdown]
# Several trainings from other random numbers, recorded, beside PyTorch's figures:

# %%
date, rows = recorded("Recommender")
lab.table(
    ("users and items", "HR@10, %", "above float32", "PyTorch"),
    [(row[0], row[1], row[2], row[4]) for row in rows],
    date,
)

# %% [markdown]
# ## What we measured

# %%
parts = (
    ("images, statically", "points", -1, image_losses),
    ("language, dynamically", "bits", 1, above),
    ("recommendation, dynamically", "points", -1, losses),
)
lab.table(
    ("application", "int8 loses", "int4 loses", ""),
    [
        (name, *(f"{sign * v[n].estimate:.3f}" for n in ("int8", "int4")), unit)
        for name, unit, sign, v in parts
    ],
    "Test data, integer kernels, no training after quantization.",
)
plain, scaled = awq["with outliers"]
lab.say(
    f"""
    - Two bits need more than rounding: the Transformer lost {above["int2"].estimate:.2f} bits per
      character with them, the recommender {-losses["int2"].estimate:.1f} points.
    - Two channels a hundred times too large cost an 8-bit Transformer with one scale per tensor
      {outliers["with outliers"][1]:.2f} bits per character, after SmoothQuant
      {outliers["SmoothQuant"][1]:.4f}. With 4 bits {plain:.3f} are lost, after AWQ {scaled:.3f}.
    - A cache of 8 bits takes {cache[32][1] / cache[8][1]:.1f} times less room and changed
      {abs(cache[8][0] - cache[32][0]):.4f} bits per character.
    - Speed does not follow from bytes. On matrices as small as these int8 took
      {1 / image_speed.estimate:.2f} of the time of this library's float32 for an image and
      {1 / text_speed.estimate:.2f} for a page of text.
    """
)

# %% [markdown]
# ## Try next
#
# - Train the recommender *with* signs, a `qnn.BinaryLinear` for its items, as [3.1](realtime/3.1) does it
#   for images. How much of the gap closes?
# - Give the Transformer weights of 2 bits and train on: [QAT](realtime/2.1.2).
# - Quantize everything but one layer to 2 bits (`QuantConfig(overrides=...)`): which layer suffers most?
#   [Balance/8](balance/8) turns the question into a method.
#
# ## Exercises
#
# 1. Set `FACTOR` to 10, 30 and 300. From which on does a scale for each token no longer suffice to stay
#    within 0.05 bits? Does SmoothQuant fail at any of them?
# 2. In (3) let $\alpha = 0$ and $\alpha = 1$. Which side, weights or activations, then has the same maximum
#    in every channel? Both mend `large` (`ptq.smooth_quant(large, seen, alpha)`): why is that so with
#    outliers made as ours were, and why not if the weights behind them were of the usual size?
# 3. Keys only, or values only: change `decode` so that just one of the two is kept in 2 bits. Which one
#    minds more?
# 4. Leave $b_i$ out of (5) and rank again. Then drop $\alpha_u$ as well: why does the ranking now stay
#    exactly as it was?
