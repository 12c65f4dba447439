# %% [markdown]
# # 5 A project that quantizes something, and measures it
#
# *项目实践:代码实例和详细解释说明*
#
# The original ends its theory with a program of thirty lines: a small convolutional network, ten epochs,
# dynamic quantization, and the conclusion that precision is kept and inference faster. It is a good idea for
# a project. We run it, line by line, on real images, and measure what the original concludes. After this
# chapter you will be able to
#
# - train a network that answers for every pixel, and choose a loss that cannot overflow;
# - tell when two layers are one;
# - quantize dynamically (动态量化), and predict from two numbers of a layer whether that makes it faster;
# - verify a quantized model so that the result means something.
#
# Read [A gradient machine in one sitting](foundations/autograd) and
# [Weights, activations, both](balance/2.1) before. Run time: under a minute.
#
# ## 5.1 Setting up (开发环境搭建)
#
# The original asks for Python, PyTorch, NumPy and SciPy. Here Python, NumPy and `qbref` do.

# %%
import platform

import numpy as np

import qbref as qb
import qbref.nn.functional as F
from qbref import data, integer, lab, nn, optim, plots, ptq, qnn

print(
    f"Python {platform.python_version()}, NumPy {np.__version__}, qbref "
    f"{qb.__version__}"
)

# %% [markdown]
# What the program is to learn the original does not say: its `dataset` is never defined. One channel in, one
# channel out and a binary cross-entropy fit a question to each pixel. Ours: **which pixels belong to the
# garment?** (图像分割, segmentation) The photographs of Fashion-MNIST have a black background, so the truth
# is known; and to make it a question, we add noise (噪声).
#
# Each of the two 3 × 3 convolutions takes one pixel off every side. From 28 × 28 pixels, 24 × 24 answers
# remain, so the truth is cropped to match. The test images are held out (留出): nothing below trains on them.

# %%
NOISE = 0.5
images = lab.fashion().images


def noisy(stored):
    clean = (stored[:, None] / 255).astype(np.float32)
    noise = qb.random.default_rng().standard_normal(clean.shape, dtype=np.float32)
    return clean + np.float32(NOISE) * noise


def garment(stored):
    return (stored[:, None, 2:-2, 2:-2] > 25).astype(np.float32)


qb.manual_seed(1)
x_test, y_test = noisy(images.x_test), garment(images.x_test)
by_threshold = [(x_test[:, :, 2:-2, 2:-2] > t) == y_test for t in (0.1, 0.2, 0.3, 0.4)]
threshold_right = max(100 * right.mean() for right in by_threshold)
lab.say(
    f"{100 * y_test.mean():.1f} % of the test pixels are garment. The best threshold "
    f"on the noisy pixel alone is right in **{threshold_right:.1f} %** of them."
)

# %% [markdown]
# ## 5.2 The program (源代码详细实现)
#
# The network, as the original has it: a convolution from 1 channel to 10, a convolution from 10 channels
# to 1, nothing in between and nothing behind. We leave a place in between open.


# %%
def network(between=()):
    return nn.Sequential(nn.Conv2d(1, 10, 3), *between, nn.Conv2d(10, 1, 3))


qb.manual_seed(0)
untrained = network()
n_parameters = sum(p.size for p in untrained.parameters())
z = lab.scores(untrained, x_test[:1000])
print(f"{n_parameters} parameters, outputs from {z.min():.2f} to {z.max():.2f}")

# %% [markdown]
# ### A loss that fails
#
# The loss is the **binary cross-entropy** (二元交叉熵, BCE) of a probability $p$ and the truth $t$:
#
# $$ L = -t \log p - (1 - t) \log (1 - p) \tag{1} $$
#
# The output of a convolution is any real number, and a probability is not. We put the outputs in as they
# are, as the original's program does:

# %%
with np.errstate(invalid="ignore", divide="ignore"):
    t = y_test[:1000]
    loss = -t * np.log(z) - (1 - t) * np.log(1 - z)
outside = 100 * np.mean((z < 0) | (z > 1))
undefined = 100 * np.mean(~np.isfinite(loss))
print(
    f"outside of [0, 1]: {outside:.1f} %, loss not a finite number: {undefined:.1f} %"
)

# %% [markdown]
# PyTorch refuses before it comes to that. Recorded with torch 2.13.0 (CPU), the untrained network and
# `nn.BCELoss()`:
#
# ```
# RuntimeError: all elements of input should be between 0 and 1
# ```
#
# What is missing is the **sigmoid** (S型函数) $p = 1 / (1 + e^{-z})$. Put into (1), with $z$ taken out of the
# logarithms, it gives a formula that cannot overflow for any $z$:
#
# $$ L = \max(z, 0) - z t + \log\left(1 + e^{-|z|}\right) \tag{2} $$
#
# That is `F.binary_cross_entropy_with_logits`, and it mends the program without touching the network.

# %%
lab.erratum(
    "balance/5.2#bce-without-sigmoid",
    "The loss is the binary cross-entropy of the outputs of a convolution.",
    f"{outside:.1f} % of the untrained network's outputs are no probabilities, and "
    f"for {undefined:.1f} % of the pixels the loss is not a finite number. torch "
    "2.13.0 stops at the first batch: “all elements of input should be between 0 and "
    "1”.",
    "Use the sigmoid, best inside of the loss: binary_cross_entropy_with_logits.",
)

# %% [markdown]
# ### Training
#
# Adam with a rate of 0.001 and ten epochs, as in the original, over 1,000 of the training images (all 3,000
# take three times as long). Two networks: the original's, and one with a ReLU in between.


# %%
x_train, y_train = images.x_train[:1000], images.y_train[:1000]


def train(model):
    optimizer, curve = optim.Adam(model.parameters(), lr=0.001), []
    for _ in range(lab.epochs(10)):
        losses = []
        for stored, _ in data.Loader(x_train, y_train, batch_size=64):
            z = model(qb.Tensor(noisy(stored)))
            loss = F.binary_cross_entropy_with_logits(z, garment(stored))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        curve.append(np.mean(losses))
    return curve


def loss_of_each_image(z, t):
    losses = np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))
    return losses.mean(axis=(1, 2, 3), dtype=np.float64)


as_written = lab.trained(network, train)
with_relu = lab.trained(lambda: network([nn.ReLU()]), train)
models = {"as written": as_written.model, "with a ReLU": with_relu.model}
outputs = {name: lab.scores(model, x_test) for name, model in models.items()}
losses = {name: loss_of_each_image(z, y_test) for name, z in outputs.items()}
right = {name: 100 * np.mean((z > 0) == y_test) for name, z in outputs.items()}
lab.table(
    ("network", "last training loss", "held-out loss", "pixels right, %"),
    [
        (
            name,
            f"{run.result[-1]:.4f}",
            f"{losses[name].mean():.4f}",
            f"{right[name]:.2f}",
        )
        for name, run in zip(models, (as_written, with_relu), strict=True)
    ],
    f"Loss: {len(x_test):,} test images. A threshold: {threshold_right:.1f} % right.",
)

# %%
shown = [3, 0, 8, 18, 23]
with plots.style():
    fig = plots.figure(760, 480)
    rows = {
        "noisy": x_test[shown, 0, 2:-2, 2:-2],
        "truth": y_test[shown, 0],
        "answer": 1 / (1 + np.exp(-outputs["as written"][shown, 0])),
    }
    grid = fig.subplots(len(rows), len(shown))
    for line, (name, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
        line[0].set_ylabel(name)
lab.show(
    fig,
    alt="Five garments in three rows: noisy images, their true silhouettes in white on "
    "black, and the network's answers, which are the silhouettes with blurred edges.",
)

# %% [markdown]
# ### Two layers that are one
#
# Both layers of the original's network are linear, and nothing stands between them. Written out, with $*$
# for a convolution,
#
# $$ w_2 * (w_1 * x + b_1) + b_2 = \underbrace{(w_2 * w_1)}_{5 \times 5} * \, x +
#    \underbrace{b_1 \sum w_2 + b_2}_{\text{one number}} \tag{3} $$
#
# So there is *one* filter of 5 × 5 pixels that gives the same answers. We compute it.


# %%
def as_one(first, second):
    w1, w2 = first.weight.data[:, 0], second.weight.data[0]  # (10, 3, 3) each
    weight = np.zeros((1, 1, 5, 5), np.float32)
    for i, j in np.ndindex(3, 3):
        weight[0, 0, i : i + 3, j : j + 3] += np.tensordot(w2[:, i, j], w1, axes=1)
    bias = second.bias.data + w2.sum(axis=(1, 2)) @ first.bias.data
    return weight, bias.astype(np.float32)


one = nn.Sequential(nn.Conv2d(1, 1, 5)).eval()
one[0].weight.data[:], one[0].bias.data[:] = as_one(*as_written.model)
n_one = sum(p.size for p in one.parameters())
apart = np.abs(lab.scores(one, x_test) - outputs["as written"]).max()
size = np.abs(outputs["as written"]).max()
lab.say(
    f"**{n_one}** parameters in place of {n_parameters}. Largest difference in "
    f"{outputs['as written'].size:,} answers: **{apart:.0e}**, where the answers reach "
    f"{size:.0f}: float32 rounding."
)
assert apart < 1e-5 * size

# %% [markdown]
# (Here the two agree everywhere, because without padding (填充) every window lies inside the image. A
# padded network pads its *hidden* channels with zeros too, which no single filter does; then they agree only
# away from the border:)

# %%
first, second = as_written.model
x = qb.Tensor(x_test[:100])
padded = F.conv2d(
    F.conv2d(x, first.weight, first.bias, padding=1),
    second.weight,
    second.bias,
    padding=1,
)
difference = np.abs(
    padded.data - F.conv2d(x, one[0].weight, one[0].bias, padding=2).data
)
inside = difference[:, :, 1:-1, 1:-1].max()
print(f"padded: outermost pixels {difference.max():.2g}, all others {inside:.0e}")

# %% [markdown]
# What did the network learn, then? A weighted sum of 25 pixels, much like a blur, and a threshold.

# %%
with plots.style():
    fig = plots.figure(400, 360)
    axes = fig.add_subplot(
        xticks=[], yticks=[], title=f"{n_parameters} parameters in 25 weights"
    )
    weight = one[0].weight.data[0, 0]
    axes.imshow(weight, cmap="Blues", vmin=0)
    axes.grid(False)
    for (i, j), w in np.ndenumerate(weight):
        color = "white" if w > 0.6 * weight.max() else "black"
        axes.text(j, i, f"{w:.2f}", ha="center", va="center", color=color)
lab.show(
    fig,
    alt=f"A 5 × 5 filter with weights from {weight.min():.2f} to {weight.max():.2f}.",
)

# %%
gain = lab.over_seeds(
    100 * (losses["as written"] - losses["with a ReLU"]) / losses["as written"].mean()
)
lab.erratum(
    "balance/5.2#no-activation",
    "The two convolutions of the network follow each other directly.",
    f"One filter with {n_one} parameters gives the answers of all {n_parameters}, up "
    f"to {apart:.0e}. With a ReLU between the two, the held-out loss is {gain} % "
    "lower (these two networks, interval over the test images).",
    "Put an activation between two linear layers, or merge them: equation (3).",
)

# %% [markdown]
# ### Quantizing, really
#
# **Dynamic quantization** turns weights into integers once, and activations when they arrive. Each image $n$
# finds its own scale, so that no calibration is needed:
#
# $$ s_n = \frac{\max |x_n|}{127}, \quad q_n = \operatorname{round}\left(\frac{x_n}{s_n}\right), \quad
#    y_n = s_n s_w \left(q_w * q_n\right) + b \tag{4} $$
#
# The product in parentheses is all integer; before and behind it stand real numbers. `ptq.quantize_dynamic`
# does it, and its report names each layer and what became of it.

# %%
simulated = {name: ptq.quantize_dynamic(model) for name, model in models.items()}
dynamic = {name: integer.convert(q) for name, q in simulated.items()}
for name, q in simulated.items():
    assert integer.count_differences(q, dynamic[name], x_test[:256]) == 0
print(simulated["with a ReLU"].report)

# %% [markdown]
# The original calls `torch.quantization.quantize_dynamic` with `{nn.Linear, nn.Conv2d}`. That function knows
# linear and recurrent layers and embeddings. It has no dynamic convolution
# (`DEFAULT_DYNAMIC_QUANT_MODULE_MAPPINGS` in `torch/ao/quantization/quantization_mappings.py`), and what
# it does not know, it leaves as it is without a word. Recorded with torch 2.13.0 (CPU), the original's
# network with random weights, 64 random images:
#
# ```
# >>> quantized = torch.quantization.quantize_dynamic(
# ...     model, {nn.Linear, nn.Conv2d}, dtype=torch.qint8)
# >>> print(quantized)
# ConvNet(
#   (conv1): Conv2d(1, 10, kernel_size=(3, 3), stride=(1, 1))
#   (conv2): Conv2d(10, 1, kernel_size=(3, 3), stride=(1, 1))
# )
# >>> (model(x) - quantized(x)).abs().max().item()
# 0.0
# >>> quantized.conv1.weight.dtype
# torch.float32
# ```
#
# A quantized network with exactly the outputs of the float network is not a success. It is a symptom. So here
# is the first check to make, on ours:

# %%
quantized = {name: model.run(x_test) for name, model in dynamic.items()}
largest = np.abs(quantized["as written"] - outputs["as written"]).max()
n_bytes = sum(p.data.nbytes for p in as_written.model.parameters())
print(
    f"largest difference {largest:.3f}, {n_bytes} bytes → "
    f"{dynamic['as written'].nbytes}"
)

# %%
lab.erratum(
    "balance/5.2#dynamic-leaves-conv",
    "quantize_dynamic with {Linear, Conv2d} quantizes the two convolutions.",
    "torch 2.13.0 returns the network unchanged: float32 weights, outputs that "
    "differ by exactly 0.0 (recorded). Quantized here, outputs differ by up to "
    f"{largest:.3f}, and {n_bytes} bytes become {dynamic['as written'].nbytes}.",
    "PyTorch quantizes convolutions statically. Dynamically, use a function that "
    "reports what it did to every layer, and check that something changed.",
)

# %% [markdown]
# ## 5.3 Reading it (代码解读与分析)
#
# ### Is precision kept?
#
# A number alone cannot say so; it needs the float network's number beside it, on images that neither has
# seen. We ask for a rise of the loss by less than one per cent of it. The same images go through both, so we
# take the difference image by image.

# %%
in_integers = {name: loss_of_each_image(z, y_test) for name, z in quantized.items()}
saved = {
    name: lab.over_seeds(100 * (losses[name] - loss) / losses[name].mean())
    for name, loss in in_integers.items()
}
held_out = {"float32": losses["as written"], "8 bits": in_integers["as written"]}
for n_bits in (4, 3, 2):
    config = qnn.QuantConfig(weights=qnn.int_weights(n_bits))
    model = integer.convert(ptq.quantize_dynamic(as_written.model, config))
    held_out[f"{n_bits} bits"] = loss_of_each_image(model.run(x_test), y_test)
lab.table(
    ("weights, network as written", "held-out loss"),
    [(name, f"{loss.mean():.5f}") for name, loss in held_out.items()],
    "Activations of 8 bits, dynamic.",
)
flipped = 100 * np.mean((quantized["as written"] > 0) != (outputs["as written"] > 0))
lab.claim(
    "balance/5.3#keeps-precision",
    "Quantized dynamically to 8 bits, the network's held-out loss rises by less than "
    "1 %.",
    lab.more_than(-1, saved),
    "Loss saved, in % of the float network's: "
    + "; ".join(f"{name}: {value}" for name, value in saved.items())
    + f"; {flipped:.2f} % of the pixels get another answer.",
)

# %% [markdown]
# The last line of the original's program measures something else: `data` and `target` still hold the *last
# batch of the training*. Two things are wrong with that. The network has trained on it, and one batch is
# few images. How few, the spread over batches shows:

# %%
n_last = len(x_train) % 64 or 64
in_batches = (
    losses["as written"][: len(x_test) // n_last * n_last]
    .reshape(-1, n_last)
    .mean(axis=1)
)
low, high = np.percentile(in_batches, [2.5, 97.5])
rise = np.abs(saved["as written"].estimate) / 100 * losses["as written"].mean()
lab.say(
    f"A last batch has {n_last} images. The loss of that many test images lies between "
    f"**{low:.3f}** and **{high:.3f}** in 95 % of cases, by chance alone. Quantization "
    f"moved it by **{rise:.5f}**."
)
lab.erratum(
    "balance/5.2#last-batch",
    "The quantized network is verified on the batch that is left over from training.",
    f"The loss of {n_last} images varies by {high - low:.3f} from batch to batch; "
    f"what quantization changes is {rise:.5f}. The batch was trained on, and there is "
    "no float loss to compare with.",
    "Both networks on the same held-out images, with the interval of the difference.",
)

# %% [markdown]
# ### Is it faster?
#
# Time needs a clock. Float and integers take turns, with one image and with 64.


# %%
def times_as_fast(model, on_integers, x):
    times = lab.take_turns(
        {"float": lambda: lab.scores(model, x), "integers": lambda: on_integers.run(x)},
        seconds=0.4,
    )
    return lab.times_faster(times["float"], times["integers"])


faster = {
    f"{name}, {n} image{'s' * (n > 1)}": times_as_fast(model, dynamic[name], x_test[:n])
    for n in (1, 64)
    for name, model in models.items()
}
lab.claim(
    "balance/5.3#faster",
    "Quantized dynamically, the network of the project is faster.",
    lab.more_than(1, faster),
    "Times as fast as float32: "
    + "; ".join(f"{name}: {ratio}" for name, ratio in faster.items())
    + ".",
)

# %% [markdown]
# Equation (4) says where time may go. Every number that enters a layer must be measured and rounded, every
# number that leaves must be scaled, and only the multiplications in between become cheaper. A layer with $c$
# channels in and $d$ out makes, for each pixel, $9cd$ multiplications (3 × 3) and $c + d$ numbers at borders:
#
# $$ \text{work per border number} = \frac{9 c d}{c + d} \tag{5} $$
#
# The two layers of the project have a single channel on one side, so there is hardly any work to save. What
# does the same function make of wider layers?

# %%
rows = []
for c, d in ((1, 10), (10, 1), (10, 10), (32, 32), (64, 64)):
    layer = nn.Sequential(nn.Conv2d(c, d, 3)).eval()
    on_integers = integer.convert(ptq.quantize_dynamic(layer))
    x = qb.random.default_rng().standard_normal((1, c, 28, 28), dtype=np.float32)
    work = f"{9 * c * d / (c + d):.0f}"
    rows.append((f"{c} → {d}", work, times_as_fast(layer, on_integers, x)))
lab.table(
    ("channels", "work per border number", "times as fast as float32"),
    rows,
    "One 3 × 3 convolution of one image, dynamically quantized.",
)

# %% [markdown]
# And there was another way to make *this* network faster, without any loss: equation (3).

# %%
x = x_test[:64]
times = lab.take_turns(
    {"two": lambda: lab.scores(as_written.model, x), "one": lambda: lab.scores(one, x)},
    seconds=0.4,
)
merged = lab.times_faster(times["two"], times["one"])
lab.say(
    f"The single 5 × 5 filter, in float32, is **{merged}** times as fast as the two "
    f"layers that it equals, and has {4 * n_one} bytes."
)

# %% [markdown]
# ## 5.4 Its result (运行结果展示)
#
# The original prints a result:
#
# ```
# Quantized model loss: 0.123456789
# ```
#
# and takes it as evidence for precision *and* speed. The nine digits in order look made up; can we prove it?
# The loss is a float32 tensor, `item()` makes a Python float of it, and the f-string prints that in full. So
# whatever the program prints is a float32 number. Is this one?

# %%
nearest = np.float32(0.123456789)
neighbours = (
    np.nextafter(nearest, np.float32(0)),
    nearest,
    np.nextafter(nearest, np.float32(1)),
)
print(*(f"{loss.item()}" for loss in neighbours), sep="\n")

# %%
printed = [f"{loss.item()}" for loss in neighbours]
assert "0.123456789" not in printed
lab.erratum(
    "balance/5.4#invented",
    "The program prints a loss of 0.123456789, which shows that precision is kept and "
    "inference is faster.",
    f"No float32 number prints so: the nearest prints {printed[1]}. A loss says "
    "nothing of time, and of precision only beside the float network's.",
    f"Measured here: held-out loss {losses['as written'].mean():.5f} in float32 and "
    f"{in_integers['as written'].mean():.5f} in integers; for the time, see the table "
    "above.",
)

# %% [markdown]
# ## What we measured

# %%
lab.say(f"""
- As written, the program stops at its first batch, and where it quantizes, it quantizes
  nothing.
- Mended and quantized in earnest, {n_bytes} bytes become
  {dynamic["as written"].nbytes}, and the held-out loss changes by
  {-saved["as written"].estimate:.3f} %.
- Times as fast as float32:
  {"; ".join(f"{name}: **{ratio}**" for name, ratio in faster.items())}.
- Its {n_parameters} parameters do the work of {n_one}; merging them makes it
  **{merged}** times as fast.
""")

# %% [markdown]
# ## Try next
#
# Static quantization keeps integers *between* the layers too, so that numbers at inner borders cost less:
# [Weights, activations, both](balance/2.1), [a model step by step](realtime/2.2.2). Where time goes in larger
# networks is the question of [the first chapter](balance/1).
#
# ## Exercises
#
# 1. Take more noise, `NOISE = 1.0`. Predict first: does the learned filter become narrower or wider? Then
#    look at it.
# 2. Quantize with `ptq.quantize_static(model, [x_test[:64]])` and time it beside `dynamic`. For which batch
#    sizes does it win, and what do the two do differently with an image that is twice as bright?
# 3. Merge a 3 × 3 convolution from 1 channel to 10 and a 1 × 1 convolution from 10 to 1 by hand. Which size
#    does the merged filter have, and how many parameters are saved?
# 4. What becomes of (5) for a depthwise convolution, $c$ channels in groups of one? Do more channels make it
#    worth quantizing dynamically? Check with `nn.Conv2d(c, c, 3, groups=c)`.
