# %% [markdown]
# # 3.1 One bit: how a network learns through a staircase
#
# *二值化技术的理论基础*
#
# A number with one bit has two values. That is easy to compute with and impossible to differentiate, and
# this chapter is about both halves of that sentence. After it you will be able to
#
# - say why the gradient of a binary network is zero, and what training puts in its place;
# - train a layer of signs yourself, with latent weights and a straight-through estimator;
# - compute a dot product of 64 signs with two instructions, on paper and in a kernel;
# - compare binarization with 2, 4 and 8 bits and with pruning **at equal bytes**.
#
# Read [A gradient machine in one sitting](foundations/autograd) before. Run time: under a minute.

# %%
import copy

import numpy as np

import qbref as qb
import qbref.nn.functional as F
from qbref import (
    binary,
    conventions,
    data,
    integer,
    kernels,
    lab,
    nn,
    optim,
    plots,
    ptq,
    qnn,
)

qb.manual_seed(0)

# %% [markdown]
# ## 3.1.1 How binarization works (二值化算法的工作原理)
#
# **Binarization** (二值化) keeps of each number only on which side of a **threshold** (阈值) $t$ it lies:
#
# $$ b = \operatorname{sign}(x - t) \in \{-1, +1\} \tag{1} $$
#
# Two values rather than 0 and 1, because then a product is either agreement, $+1$, or disagreement, $-1$.
# We start with data instead of weights. The handwritten digits have 8 × 8 pixels from 0 to 16. With the
# threshold in the middle, at 8, a whole image becomes 64 signs.

# %%
images = data.uci_digits()
x_train = images.x_train.reshape(-1, 64).astype(np.float32) - 8
x_test = images.x_test.reshape(-1, 64).astype(np.float32) - 8
b_train, b_test = binary.sign(x_train), binary.sign(x_test)

first = b_test[0].reshape(8, 8)
print("\n".join(" ".join("#" if b > 0 else "." for b in row) for row in first))

# %% [markdown]
# ### The tie at the threshold
#
# Above the threshold $+1$, below it $-1$: and *at* it? The question is not idle where numbers are integers,
# as pixels are, or sums of signs. Libraries answer it differently.

# %%
zero = np.zeros(1, np.float32)
answers = {
    "qbref, Larq": conventions.larq.ste_sign(zero)[0],
    "a packed bit (set means −1)": 1 - 2 * int(kernels.pack_bits(zero)[0]),
    "NumPy, PyTorch": np.sign(zero)[0],
    "XNOR-Net, the paper": conventions.xnornet.binarize_activations(zero, "paper")[0],
    "XNOR-Net, the released code": conventions.xnornet.binarize_activations(
        zero, "released"
    )[0],
}
lab.table(
    ("who", "sign(0)"),
    [(who, f"{answer:+.0f}" if answer else "0") for who, answer in answers.items()],
    caption="A sign of 0 is a third value, for which one bit has no room.",
)

# %% [markdown]
# We take $\operatorname{sign}(0) = +1$ in this book. To see what the choice is worth, we shall ask a
# trained network later; first, how many pixels does it decide?

# %%
ties = int((x_test == 0).sum())
touched = int((x_test == 0).any(axis=1).sum())
lab.say(
    f"**{ties}** of {x_test.size:,} pixels of the test images are exactly 8, and "
    f"**{touched}** of {len(x_test)} images hold at least one of them."
)

# %% [markdown]
# ### A gradient of zero
#
# Now the weights. A layer of signs computes $y = b\,\operatorname{sign}(W)^{T}$, and we want the $W$ with
# the least loss $L$. Gradient descent needs $\partial L / \partial W$, and the chain rule has a factor in
# it:
#
# $$ \frac{\partial L}{\partial w} = \frac{\partial L}{\partial \operatorname{sign}(w)}
# \cdot \frac{d \operatorname{sign}(w)}{d w}, \quad \frac{d \operatorname{sign}(w)}{d w} = 0
# \text{ wherever } w \ne 0 \tag{2} $$
#
# Here is the layer. The forward pass is the sign; what the backward pass multiplies by is a function
# `slope`, which we leave open for a moment.


# %%
def binarize(x, slope):
    def backward(upstream):
        return (upstream * slope(x.data),)

    return qb.Tensor.from_op(binary.sign(x.data), (x,), backward)


class SignLinear(nn.Module):
    def __init__(self, inputs, outputs, slope):
        super().__init__()
        start = qb.random.default_rng().uniform(-1, 1, (outputs, inputs))
        self.weight = nn.Parameter(start.astype(np.float32))
        self.slope = slope

    def forward(self, x):
        return F.linear(x, binarize(self.weight, self.slope))


def network(slope):
    return nn.Sequential(
        SignLinear(64, 32, slope), nn.BatchNorm1d(32), qnn.Sign(), nn.Linear(32, 10)
    )


# %% [markdown]
# `slope` belongs to the weights of the first layer. Behind them come a batch norm, the sign of each of the
# 32 sums, and a last layer in float32. First the honest choice: the true derivative, zero. Difference
# quotients agree with it.


# %%
def true_derivative(w):
    return np.zeros_like(w)


w = qb.random.default_rng().standard_normal((3, 4))
print(
    "true derivative correct:",
    qb.grad_check(lambda w: binarize(w, true_derivative), [w]),
)

# %% [markdown]
# The picture behind it: slide one single weight of the layer from −1 to 1, leave all others, and watch the
# loss of 256 images.

# %%
model = network(true_derivative).eval()
W, values, losses = model[0].weight.data, np.linspace(-1, 1, 201), []
kept = W[0, 27]
for value in values:
    W[0, 27] = value
    scores = model(qb.Tensor(b_train[:256]))
    losses.append(F.cross_entropy(scores, images.y_train[:256]).item())
W[0, 27] = kept

with plots.style():
    fig = plots.figure(760, 320)
    axes = fig.add_subplot(
        xlabel="one weight, whose sign the layer uses", ylabel="loss"
    )
    axes.plot(values, losses)
    axes.set_title("Flat, one step, flat: no slope says which way")
lab.show(
    fig,
    alt=f"The loss is {losses[0]:.4f} for every negative value of the weight and "
    f"{losses[-1]:.4f} for every other, with one jump at zero.",
)
lab.say(
    f"{len(values)} values of the weight make **{len(set(losses))}** different losses."
)

# %% [markdown]
# ### The straight-through estimator
#
# What would help is not the slope at this point but the height of the step beyond it: would it be better to
# be on the other side? The **straight-through estimator** (直通估计器, STE) pretends that sign was a gentler
# function which has a slope, and takes that one's:
#
# $$ \frac{d \operatorname{sign}(w)}{d w} \;\to\; 1 \quad\text{or}\quad
# [\,|w| \le 1\,] \quad\text{or}\quad (2 - 2|w|)\,[\,|w| \le 1\,] \tag{3} $$
#
# The first pretends sign was the identity, the second (Courbariaux et al. 2016) that it was clip(w, −1, 1),
# the third (Bi-Real Net, Liu et al. 2018) a smooth step made of two parabolas.

# %%
w = np.linspace(-1.8, 1.8, 721)
parabolas = np.where(np.abs(w) < 1, 2 * w - w * np.abs(w), np.sign(w))
pretended = {"identity": w, "clip": np.clip(w, -1, 1), "two parabolas": parabolas}
slopes = [
    binary.identity_gradient,
    binary.ste_sign_gradient,
    binary.approx_sign_gradient,
]
with plots.style():
    fig = plots.figure(900, 400)
    above = fig.add_subplot(
        1, 2, 1, xlabel="w", ylim=(-1.9, 1.9), title="forward: sign"
    )
    beside = fig.add_subplot(
        1, 2, 2, xlabel="w", ylim=(-0.1, 2.6), title="backward: a slope"
    )
    above.step(w, binary.sign(w), color="black", linewidth=3, label="sign")
    for (name, values), slope, dash in zip(
        pretended.items(), slopes, "-:-", strict=True
    ):
        (line,) = above.plot(w, values, linestyle=dash, label=name)
        beside.plot(w, slope(w), linestyle=dash, color=line.get_color(), label=name)
    beside.axhline(0, color="black", linewidth=3, label="true derivative")
    above.legend(loc="upper left", fontsize=10)
    beside.legend(loc="upper left", fontsize=10, ncols=2)
lab.show(
    fig,
    alt="Left, sign as a staircase with one step, and three functions that follow it "
    "ever more closely: identity, clip, and two parabolas. Right, their slopes: 1 "
    "everywhere, 1 between −1 and 1, and a triangle of height 2 over the same window; "
    "the true derivative lies on zero.",
)

# %% [markdown]
# None of the three is the derivative of sign, and the gradient check says so:

# %%
try:
    w = qb.random.default_rng().uniform(0.1, 0.9, (2, 2))
    qb.grad_check(lambda w: binarize(w, binary.ste_sign_gradient), [w])
except AssertionError as refusal:
    print(refusal)

# %% [markdown]
# So the choice is between a gradient that passes the check and one that fails it. Let us train with both.
# The loop is the ordinary one.


# %%
def train(model, epochs=12, after_step=lambda layer: None):
    loader = data.Loader(b_train, images.y_train, 64)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    model.train()
    for _ in range(lab.epochs(epochs)):
        for x, y in loader:
            loss = F.cross_entropy(model(qb.Tensor(x)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            after_step(model[0])
    return model.eval()


def right(model, x=b_test):
    return lab.scores(model, x).argmax(axis=1) == images.y_test


# %%
rules = {
    "true derivative": true_derivative,
    "identity": binary.identity_gradient,
    "clip": binary.ste_sign_gradient,
    "two parabolas": binary.approx_sign_gradient,
}
shares, flips, models = {}, {}, {}
for rule, slope in rules.items():
    shares[rule], flips[rule] = [], []
    for seed in range(5):
        qb.manual_seed(seed)
        model = network(slope)
        before = binary.sign(model[0].weight.data)
        models[rule] = train(model)
        flips[rule].append(int((binary.sign(model[0].weight.data) != before).sum()))
        shares[rule].append(100 * right(model).mean())
lab.table(
    ("backward pass", "signs that changed", "test images right, %"),
    [
        (rule, f"{np.mean(flips[rule]):.0f} of 2,048", lab.over_seeds(shares[rule]))
        for rule in rules
    ],
    caption="Five trainings each, with 95 % intervals of the mean.",
)
gain = lab.over_seeds(np.subtract(shares["clip"], shares["true derivative"]))
lab.say(
    f"The correct derivative moves **{max(flips['true derivative'])}** signs: the last "
    "layer, which is real, makes what it can of 32 random sums. With the slope of "
    f"clip the network gains **{gain}** points."
)

# %% [markdown]
# That is the paradox of this section: *the gradient that passes the check moves no sign, the one that
# fails it trains the network.* Whether it matters *which* wrong slope one takes, the intervals of the
# last three rows tell: where they overlap widely, this experiment cannot.
#
# ### Latent weights
#
# What did the optimizer move? Not the signs, which cannot move a little, but real numbers behind them, the
# **latent weights** (潜在权重). A latent weight is a memory: it adds up many small gradients until their sum
# crosses zero, and only then does the network notice.

# %%
path = []
qb.manual_seed(0)
train(
    network(binary.ste_sign_gradient),
    after_step=lambda layer: path.append(layer.weight.data.copy()),
)
path = np.array(path).reshape(len(path), -1)
crossings = (np.diff(binary.sign(path), axis=0) != 0).sum(axis=0)
chosen = [
    int(crossings.argmax()),
    *(int(np.flatnonzero(crossings == n)[0]) for n in (1, 0)),
]
with plots.style():
    fig = plots.figure(900, 360)
    axes = fig.add_subplot(
        xlabel="training step", ylabel="latent weight", ylim=(-1.2, 1.6)
    )
    axes.axhline(0, color="black", linewidth=1)
    for i in chosen:
        (line,) = axes.plot(path[:, i], label=f"crossings of zero: {crossings[i]}")
        axes.plot(
            binary.sign(path[:, i]), color=line.get_color(), linewidth=1, alpha=0.6
        )
    axes.legend(loc="upper left", fontsize=10, ncols=3)
    axes.set_title("Latent weights wander, their signs jump")
lab.show(
    fig,
    alt=f"Three latent weights over {len(path)} steps, thick, with their signs, thin. "
    f"One crosses zero {crossings[chosen[0]]} times and its sign jumps between −1 and "
    "1 each time; one crosses once; one never.",
)

# %% [markdown]
# ### What is binary, and when
#
# A common description has the weights and activations of *each* layer turned into two values in *both*
# passes. We count the different values in every tensor of one training step, instead of arguing.

# %%
qb.manual_seed(0)
model = network(binary.ste_sign_gradient)
x, hidden = qb.Tensor(b_train[:64]), []
for layer in model:
    x = layer(x)
    hidden.append(x)
F.cross_entropy(x, images.y_train[:64]).backward()
tensors = {
    "forward: input": b_train[:64],
    "forward: weights of the first layer": binary.sign(model[0].weight.data),
    "forward: activations": hidden[2].data,
    "forward: weights of the last layer": model[3].weight.data,
    "kept: latent weights": model[0].weight.data,
    "backward: gradient of the latent weights": model[0].weight.grad,
}
distinct = {name: len(np.unique(values)) for name, values in tensors.items()}
lab.table(
    ("tensor", "different values"), [(name, f"{n:,}") for name, n in distinct.items()]
)

# %% [markdown]
# And if everything really were binary? Then nothing is left to remember: after each step the weight is
# replaced by its sign, and a step smaller than 1 cannot carry it across zero any more.


# %%
def forget(layer):
    layer.weight.data[:] = binary.sign(layer.weight.data)


forgetful, moved = [], []
for seed in range(5):
    qb.manual_seed(seed)
    model = network(binary.identity_gradient)
    before = binary.sign(model[0].weight.data)
    forgetful.append(100 * right(train(model, after_step=forget)).mean())
    moved.append(int((binary.sign(model[0].weight.data) != before).sum()))

cost = lab.over_seeds(np.subtract(shares["identity"], forgetful))
lab.erratum(
    "realtime/3.1.1#both-passes",
    "Weights and activations of each layer become binary in the forward and in the "
    "backward pass.",
    "In one training step the gradient of the first layer has "
    f"{distinct['backward: gradient of the latent weights']:,} different values and "
    f"its latent weights {distinct['kept: latent weights']:,}; the last layer is real. "
    "Replacing latent weights by their signs after each step moves on average "
    f"{np.mean(moved):.0f} of 2,048 signs in a whole training (those near zero at the "
    f"start) and costs {cost} points on the test digits (five seeds).",
    "Binary are the weights and activations of the inner layers in the forward pass. "
    "Gradients and latent weights stay real, and so, usually, do the first and the "
    "last layer.",
)

# %% [markdown]
# And the tie? A network trained on $\operatorname{sign}(0) = +1$ is asked again with the other rules.

# %%
model = models["clip"]
usual = lab.scores(model, b_test).argmax(axis=1)
asked = {rule: lab.scores(model, binary.sign(x_test, at_zero=rule)) for rule in (-1, 0)}
changed = {
    rule: int((scores.argmax(axis=1) != usual).sum()) for rule, scores in asked.items()
}
lab.erratum(
    "realtime/3.1.1#tie",
    "Above the threshold +1, below it −1; nothing is said of the threshold itself.",
    f"{touched} of {len(x_test)} test images hold a pixel exactly at the threshold. "
    f"The same network answers {changed[-1]} images differently with sign(0) = −1 and "
    f"{changed[0]} with sign(0) = 0; libraries return "
    f"{len({float(a) for a in answers.values()})} different values for it.",
    "Say which: sign(x − t) = +1 for x ≥ t, and the same rule in training and in "
    "deployment. A third value, 0, does not fit into one bit.",
)

# %% [markdown]
# ### Sixty-four products in one word
#
# Here is what all this was for. Write a set bit for −1 and a clear bit for +1. Two signs multiply to $-1$
# exactly if they differ, and **xor** (异或) is the operation that says so. For $K$ signs in a word, with
# `popcount` counting set bits, of which each costs the sum 2:
#
# $$ \sum_{i=1}^{K} a_i b_i = K - 2 \operatorname{popcount}(a \oplus b) \tag{4} $$
#
# (The usual name, XNOR, counts the agreements instead: $2 \operatorname{popcount}(\overline{a \oplus b}) -
# K$, the same number.) An 8 × 8 digit is 64 signs, and `uint64` is 64 bits: **the image is one word**, and
# so are the weights of a neuron, which we can look at like a digit. Ink is +1 and black, a clear bit.
# Below, the first test image and the neuron that answers it most strongly.

# %%
weights = binary.sign(models["clip"][0].weight.data)  # (32, 64)
image_word, weight_words = kernels.pack_bits(b_test[:1]), kernels.pack_bits(weights)
neuron = int(np.abs(weights @ b_test[0]).argmax())
a, b = image_word[0, 0], weight_words[neuron, 0]
words = {"image": a, "xor weights": b, "= where they differ": a ^ b}
with plots.style():
    fig = plots.figure(900, 350)
    for i, (name, word) in enumerate(words.items()):
        axes = fig.add_subplot(1, 3, i + 1)
        bits = (int(word) >> np.arange(64, dtype=object) & 1).astype(int).reshape(8, 8)
        axes.imshow(
            bits,
            cmap="Oranges" if i == 2 else "Greys_r",
            vmin=0,
            vmax=1.7 if i == 2 else 1,
        )
        for (row, column), bit in np.ndenumerate(bits):
            ink = "black" if bit or i == 2 else "white"
            axes.text(column, row, bit, ha="center", va="center", fontsize=9, color=ink)
        axes.set(xticks=[], yticks=[], title=name, xlabel=f"{int(word):#018x}")
different = int(np.bitwise_count(a ^ b))
lab.show(
    fig,
    alt=f"Three grids of eight by eight bits: the image {int(a):#018x}, the weights of "
    f"neuron {neuron} {int(b):#018x}, and their exclusive or {int(a ^ b):#018x}, in "
    f"which {different} bits are set.",
)
print(f"64 − 2·popcount = 64 − 2·{different} = {64 - 2 * different}")
print("sum of 64 products =", int(weights[neuron] @ b_test[0]))
assert 64 - 2 * different == weights[neuron] @ b_test[0]

# %% [markdown]
# Two instructions, one `xor` and one `popcnt`, have done 64 multiplications and 63 additions. The compiled
# kernel does it for every image and every neuron. These are integers, so they are compared with equality.

# %%
fast = kernels.default()
sums = fast.xnor_matmul(fast.pack_bits(b_test), fast.pack_bits(weights), 64)
wrong = int((sums != b_test @ weights.T).sum())
assert wrong == 0
lab.say(
    f"Of {sums.size:,} sums, **{wrong}** differ from the product of the ±1 matrices in "
    "float32."
)

# %% [markdown]
# What does it save? Memory: exactly 32 times, if rows fill their words. Time must be measured, and depends
# on the size of the layer. The time below includes packing the activations, which every layer must do anew.

# %%
times = {}
for n in (64, 256, 1024):
    signs = binary.sign(
        qb.random.default_rng().standard_normal((n, n)).astype(np.float32)
    )
    rhs, packed = np.ascontiguousarray(signs.T), fast.pack_bits(signs)
    for batch in (1, 64):
        x = signs[:batch].copy()
        took = lab.take_turns(
            {
                "float32": lambda x=x, rhs=rhs: x @ rhs,
                "xnor": lambda x=x, packed=packed, n=n: fast.xnor_matmul(
                    fast.pack_bits(x), packed, n
                ),
            },
            seconds=0.15,
        )
        times[f"{n}×{n}, batch {batch}"] = lab.times_faster(
            took["float32"], took["xnor"]
        )
less = signs.nbytes / packed.nbytes
lab.table(("layer", "times as fast as float32"), list(times.items()))
lab.claim(
    "realtime/3.1.1#smaller-faster",
    "Two values for each parameter: less memory, faster inference.",
    lab.more_than(1, {"memory": lab.Interval(less, less, less)} | times),
    f"Packed weights take 1/{less:.0f} of the bytes. Speed against float32, by layer: "
    + "; ".join(f"{name} {interval}" for name, interval in times.items())
    + " (median and 95 % interval, packing included).",
)

# %% [markdown]
# An interval below 1 marks a layer too small to repay the packing and the call. And float32 is a weak
# opponent. Whether XNOR also beats *int8* is the question of [3.2](realtime/3.2).
#
# ## 3.1.2 Compared with other ways to compress (二值化与其他压缩技术的比较)
#
# Quantization gives each weight fewer bits, binarization gives it one, **pruning** (剪枝) gives most weights
# none at all. To compare them fairly we hold two things equal: the starting network with its training, and
# the **bytes**. The network: three dense layers on Fashion-MNIST, all of their weights compressed.

# %%
fashion = lab.fashion()


def dense_network():
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(784, 128), nn.BatchNorm1d(128), nn.ReLU()),
        *(nn.Linear(128, 128), nn.BatchNorm1d(128), nn.ReLU()),
        nn.Linear(128, 10),
    )


real = lab.trained(
    dense_network, lambda model: fashion.train(model, lab.epochs(12), 3e-3)
).model
layers = [real[i] for i in (1, 4, 7)]
n_weights = sum(layer.weight.data.size for layer in layers)
start = fashion.correct(real)
lab.say(f"{n_weights:,} float32 weights: **{lab.accuracy(start)} %** of 10,000 images.")

# %% [markdown]
# ### A scale for the signs
#
# Replacing $w$ by $\operatorname{sign}(w)$ changes its size. A factor $\alpha$ for each output repairs
# that. The best one follows from the squared error, with $s = \operatorname{sign}(w)$, $s_i^2 = 1$ and $w_i
# s_i = |w_i|$:
#
# $$ \frac{d}{d\alpha} \sum_{i=1}^{K} (w_i - \alpha s_i)^2 = -2 \sum_i |w_i| + 2 \alpha K = 0
# \quad\Rightarrow\quad \alpha = \frac{1}{K} \sum_i |w_i| \tag{5} $$

# %%
w = layers[0].weight.data[0].astype(np.float64)
s, alpha = binary.sign(w), np.abs(w).mean()


def error(factor):
    return float(((w - factor * s) ** 2).sum() / (w**2).sum())


tried = np.linspace(0, 3 * alpha, 301)
best = tried[np.argmin([error(factor) for factor in tried])]
print(f"alpha = mean|w| = {alpha:.5f}, best of {len(tried)} factors tried = {best:.5f}")
print(f"relative squared error: {error(alpha):.2f} with alpha, {error(1):.1f} without")

# %% [markdown]
# ### The same network, compressed
#
# Every candidate starts from the trained network and trains on for three epochs with its restriction in the
# forward pass (**quantization-aware training**, 量化感知训练; 8 bits get by without). So does float32, or we
# should credit a restriction with what the extra epochs did. **Ternary** (三值化) weights are $-\alpha, 0,
# +\alpha$ and take two bits. The symmetric 2-bit grid has three levels, too, but its step is the largest
# $|w|$ of a row, and what lies below half of it becomes 0; ternary weights take $\alpha$ and the border of
# the zeros from the mean $|w|$.

# %%
CONTINUE = lab.epochs(3), 3e-3
quantizers = {
    "8 bits": lambda: qnn.UniformWeights(qnn.int_weights(8)),
    "4 bits": lambda: qnn.UniformWeights(qnn.int_weights(4)),
    "2 bits": lambda: qnn.UniformWeights(qnn.int_weights(2)),
    "ternary": qnn.TWN,
    "binary": qnn.BinaryWeights,
}
longer = copy.deepcopy(real)
fashion.train(longer, *CONTINUE)
correct, sizes = {"float32": fashion.correct(longer)}, {"float32": 4 * n_weights}
untrained, compressed = {"float32": start}, {}
for name, quantizer in quantizers.items():
    every_layer = {"first": "binary", "last": "binary", "activations": None}
    model = qnn.binarize(real, weights=quantizer, **every_layer).eval()
    untrained[name] = fashion.correct(model)
    if name != "8 bits":
        fashion.train(model, *CONTINUE)
    compressed[name] = model
    correct[name] = fashion.correct(model) if name != "8 bits" else untrained[name]

# %% [markdown]
# Bytes: rows of $b$-bit integers padded to whole bytes, and one float32 scale per output. A pruned layer
# stores its surviving weights as int8, each with its distance from the one before, as in Deep Compression.
# The share of weights that may survive is whatever makes it as small as the other candidate.


# %%
def bytes_of(bits):
    shapes = [layer.weight.shape for layer in layers]
    return sum(rows * (-(-columns * bits // 8) + 4) for rows, columns in shapes)


def sparse_bytes_of(model):
    weights = [model[i].weight.data for i in (1, 4, 7)]
    return sum(ptq.sparse_bytes(w, 8) + 4 * len(w) for w in weights)


def prune_to(n_bytes):
    low, high = 0.5, 1.0  # share of zeros: too large a network, small enough
    for _ in range(10):
        middle = (low + high) / 2
        small = sparse_bytes_of(ptq.prune(real, middle, scope="global")) <= n_bytes
        low, high = (low, middle) if small else (middle, high)
    return ptq.prune(real, high, scope="global")


def as_int8(model):
    for i in (1, 4, 7):
        w = model[i].weight.data
        w[:] = quantizers["8 bits"]()(qb.Tensor(w)).data
    return model


widths = {"8 bits": 8, "4 bits": 4, "2 bits": 2, "ternary": 2, "binary": 1}
sizes |= {name: bytes_of(bits) for name, bits in widths.items()}

# %% [markdown]
# The pruned networks train on for the same three epochs; the removed weights are set to zero again after
# every step, so that they stay removed. At the end the survivors are rounded to the 8 bits that we count.

# %%
rivals = {
    "4 bits": "pruned to 4 bits",
    "2 bits": "pruned to 2 bits",
    "binary": "pruned to 1 bit",
}
for peer, name in rivals.items():
    compressed[name] = prune_to(sizes[peer])
    untrained[name] = fashion.correct(compressed[name])
    fashion.train(compressed[name], *CONTINUE, after_step=ptq.apply_masks)
    correct[name] = fashion.correct(as_int8(compressed[name]))
    sizes[name] = sparse_bytes_of(compressed[name])

# %% [markdown]
# One candidate more: signs for the activations, too. Only now do the sums become XNOR and popcount. The
# first and the last layer stay int8; what `integer.convert` makes of it must give the same numbers, all of
# them.

# %%
signs = qnn.binarize(real)
fashion.train(signs, *CONTINUE)
quantized = ptq.quantize_static(signs, fashion.batches())
integers = integer.convert(quantized)
assert integer.count_differences(quantized, integers, fashion.x_test) == 0
correct["binary activations, too"] = fashion.correct(integers)
edges = [layers[0].weight.data, layers[2].weight.data]
sizes["binary activations, too"] = sum(
    w.nbytes // 4 + 4 * len(w) for w in edges
) + 128 * (128 // 8 + 4)

# %%
lab.table(
    (
        "weights",
        "bytes",
        "right, %",
        "before training on, %",
        "less than float32, points",
    ),
    [
        (
            name,
            f"{sizes[name]:,}",
            lab.accuracy(correct[name]),
            f"{100 * untrained[name].mean():.1f}" if name in untrained else "–",
            lab.paired(correct["float32"], correct[name]) if name != "float32" else "–",
        )
        for name in correct
    ],
    caption="10,000 test images, one training each; the differences are paired. The "
    "last row keeps its outer layers in int8.",
)
lab.show(
    plots.accuracy_vs_bytes(
        [(name, sizes[name], *lab.accuracy(correct[name])) for name in correct],
        title="The same network, compressed nine ways",
    ),
    alt="Accuracy over bytes, logarithmic, of float32, 8, 4 and 2 bits, ternary, "
    "binary, and pruned networks of the sizes of 4 bits, 2 bits and binary, each with "
    "its interval. The table above has the figures.",
)

# %% [markdown]
# Two questions to the table. *What does binarization pay for its size?* Its last column. *And is it the
# best use of so few bytes?* That takes two candidates of one size, side by side. Mind what the intervals
# cover: the choice of test images, not the luck of one training.

# %%
lost = {
    "binary weights": lab.paired(correct["float32"], correct["binary"]),
    "binary weights and activations": lab.paired(
        correct["float32"], correct["binary activations, too"]
    ),
    "without training on": lab.paired(start, untrained["binary"]),
}
lab.claim(
    "realtime/3.1.2#accuracy-for-size",
    "Binarization pays for its size with accuracy.",
    lab.more_than(0, lost),
    "Float32 gets more images right by "
    f"{'; by '.join(f'{v} points ({k})' for k, v in lost.items())}, at "
    f"{sizes['float32'] / sizes['binary']:.1f} times the bytes of binary weights.",
)
rivals["ternary"] = rivals["2 bits"]
duels = {
    peer: lab.paired(correct[peer], correct[name]) for peer, name in rivals.items()
}
lab.table(
    ("at equal bytes", "dense minus pruned, points", "weights that survive", "better"),
    [
        (
            f"{peer} against pruned",
            points,
            f"{sum(m.sum() for m in compressed[rivals[peer]].masks.values()) / n_weights:.1%}",
            "dense" if points.low > 0 else "pruned" if points.high < 0 else "undecided",
        )
        for peer, points in duels.items()
    ],
)

# %% [markdown]
# ### Parameters or arithmetic?
#
# The two methods differ in kind, not only in degree. Count, for one image, what is left of the middle
# layer: its parameters, and the multiplications it takes.

# %%
middle = {
    "float32": real[4].weight.data,
    "pruned": compressed["pruned to 1 bit"][4].weight.data,
    "binary": compressed["binary"][4].quantized_weight().data,
}
left = {name: int(np.count_nonzero(w)) for name, w in middle.items()}
# weights of equal magnitude share one multiplication, after a sum with signs
products = {
    name: sum(len(np.unique(np.abs(row[row != 0]))) for row in w)
    for name, w in middle.items()
}
lab.table(
    ("middle layer", "parameters", "multiplications", "additions"),
    [
        (name, f"{left[name]:,}", f"{products[name]:,}", f"{left[name]:,}")
        for name in middle
    ],
    caption="Multiplications: different magnitudes in each row. Binary weights add "
    "and subtract, then multiply once by the scale.",
)
lab.claim(
    "realtime/3.1.2#arithmetic-not-parameters",
    "Pruning removes parameters, binarization is about arithmetic.",
    lab.facts(
        {
            "pruning leaves fewer parameters": left["pruned"] < left["float32"],
            "pruned parameters still multiply": products["pruned"]
            > 0.5 * left["pruned"],
            "binarization removes no parameter": left["binary"] == left["float32"],
            "binarization leaves one multiplication for each output": products["binary"]
            == 128,
        }
    ),
    f"Of {left['float32']:,} weights pruning leaves {left['pruned']:,} with "
    f"{products['pruned']:,} multiplications, binarization all {left['binary']:,} with "
    f"{products['binary']:,}.",
)

# %% [markdown]
# So it is a difference of emphasis: pruned weights save additions as well, if the kernel skips zeros, and
# binarization makes the *stored* model small, too. They may also be combined; ternary weights are just
# that: signs of which some are pruned away.
#
# ## What we measured

# %%
lab.say(f"""
- The true derivative of sign passes the gradient check and moves **{max(flips["true derivative"])}** of 2,048
  signs; the straight-through estimator fails it and gains **{gain}** points.
- Latent weights are the memory of training: without them the network loses **{cost}** points.
- {sums.size:,} dot products by xor and popcount, **{wrong}** different from the ±1 product.
- Binary weights, trained on, lose **{lost["binary weights"]}** points on 10,000 images at
  1/{sizes["float32"] / sizes["binary"]:.0f} of the bytes; at equal bytes, binary minus pruned is
  **{duels["binary"]}** points.
""")

# %% [markdown]
# ## Try next
#
# [3.2](realtime/3.2) puts XNOR against int8 matrix units, and binarizes five different networks. [Section
# 2.2 of document 2](balance/2.2) repeats the experiment without memory at 4 bits.
#
# ## Exercises
#
# 1. Give `forget` a chance: raise the learning rate until weights of ±1 do flip in one step (which rate is
#    that, for Adam?). Does the network learn now? Explain with the picture of the latent weights.
# 2. In equation (4), let a set bit mean +1. Show that the formula does not change, and check it with `~a ^
#    ~b`. Then pack 70 signs in two words: which bits must be zero, and why does the XNOR form need a mask?
# 3. A sum of $K$ signs is even if $K$ is. Estimate how often it is exactly 0 for $K = 64$, and count it in
#    `sums`. What does that say about the tie rule of a network *without* batch norm?
# 4. `prune_to` takes one threshold for the whole network. Let each layer lose the same share instead
#    (`scope="layer"`): which is better at the bytes of the binary network, by how much, with which
#    interval?
