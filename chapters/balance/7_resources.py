"""Balance, 7: primary sources that exist, and where each of them runs in this library."""

# %% [markdown]
# # 7 Sources that exist
#
# *工具和资源推荐*
#
# The original closes with books, tools and papers to turn to. One of its books has another author, one
# of its tools has been retired, and none of its four papers could be found. This chapter gives sources
# that exist, says what each contributed, and, since a citation (引用) proves little, runs some of them. After
# it you can
#
# - go from any method of this book to the paper that introduced it, and to the function that implements it;
# - check a paper in three lines before you believe it: recompute its table;
# - tell a real reference from an invented one.
#
# Nothing has to be read before. The run takes a few seconds.
#
# ## 7.1 To learn from (学习资源推荐)
#
# - *Deep Learning* (《深度学习》) by Goodfellow, Bengio and Courville, MIT Press 2016, free to read at
#   [deeplearningbook.org](https://www.deeplearningbook.org). The foundations; nothing on quantization.
# - 《神经网络与深度学习》 by 邱锡鹏, 机械工业出版社 2020, free to read at [nndl.github.io](https://nndl.github.io).
# - *A White Paper on Neural Network Quantization* by Nagel and others,
#   [arXiv 2106.08295](https://arxiv.org/abs/2106.08295): the best single text about the practice.
# - *A Survey of Quantization Methods for Efficient Neural Network Inference* by Gholami and others,
#   [arXiv 2103.13630](https://arxiv.org/abs/2103.13630): who did what, up to 2021.
# - `doc/quantization.md` of [gemmlowp](https://github.com/google/gemmlowp): a page that derives integer
#   arithmetic from one requirement, as [chapter 4.1](balance/4.1) tries to.
# - Song Han's course *TinyML and Efficient Deep Learning Computing* at MIT,
#   [efficientml.ai](https://efficientml.ai): lectures and exercises on pruning, quantization and hardware.

# %%
import inspect
import re
from importlib import import_module
from pathlib import Path
from statistics import NormalDist

import numpy as np

from qbref import binary, lab, plots, quant

lab.erratum(
    "balance/7.1#author",
    "《神经网络与深度学习》 is by 李航.",
    "Its title page and its site, nndl.github.io, name 邱锡鹏 (机械工业出版社, 2020).",
    "《神经网络与深度学习》 is by 邱锡鹏. 李航 is the author of 《统计学习方法》.",
)

# %% [markdown]
# ## 7.2 Tools (开发工具推荐)
#
# Of the tools that the original names, one was retired: MXNet has been in the Apache Attic since 2023. Two
# moved: `torch.quantization` became `torch.ao.quantization`, and PyTorch's documentation (2.13) asks for
# torchao in its place; `tf.quantization` holds single operators such as `fake_quant_with_min_max_vars`, while
# models are converted by TensorFlow Lite, now LiteRT. Here is what each of today's tools is for, and which
# module of `qbref.conventions` reproduces its arithmetic. The names are looked up: a wrong one would end this
# chapter.


# %%
def resolve(name):
    module, attribute = f"qbref.{name}".rsplit(".", 1)
    return getattr(import_module(module), attribute)


TOOLS = {
    "ONNX": "exchange of models; run by ONNX Runtime: onnx.quantize_linear",
    "PyTorch": "training, with torchao for quantization: torch.quantize_per_tensor",
    "LiteRT": "phones and microcontrollers, once TensorFlow Lite: tflite.quantize",
    "TensorRT": "inference on NVIDIA's graphics processors: tensorrt.quantize",
    "Larq": "binary networks, with its Compute Engine: larq.bconv2d",
}
arithmetic = {tool: text.split(": ")[1] for tool, text in TOOLS.items()}
for name in arithmetic.values():
    assert callable(resolve(f"conventions.{name}"))

# %%
lab.say(
    "\n".join(
        f"- **{tool}**: {text.split(': ')[0]}. `qbref.conventions.{arithmetic[tool]}`"
        for tool, text in TOOLS.items()
    )
)

# %% [markdown]
# How they differ on one tensor: [four tools, four sets of integers](realtime/2.2.1).
#
# ## 7.3 Papers (相关论文推荐)
#
# Two lines for each paper: its number on arXiv, first author and function; its title and what it added.
# Slips of the pen are what one would expect in such a list. So a cell checks every entry: the name must
# resolve, and the file that defines it must cite the same number.

# %%
PAPERS = """
# The affine map, formats
1712.05877 Jacob quant.QuantParams
    Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference | scale, zero point, folding, training; inference on integers only
1806.08342 Krishnamoorthi quant.params_from_range
    Quantizing Deep Convolutional Networks for Efficient Inference | a guide to practice
2209.05433 Micikevicius quant.FloatFormat
    FP8 Formats for Deep Learning | floats of 8 bits, E4M3 and E5M2
2310.10537 Rouhani quant.quantize_mx
    Microscaling Data Formats for Deep Learning | blocks of 32 that share an exponent

# Tables
1510.00149 Han quant.fit_codebook
    Deep Compression | weight sharing by k-means, then Huffman codes
1702.03044 Zhou quant.codebooks.power_of_two
    Incremental Network Quantization | powers of two, a part of the weights at a time
1909.13144 Li quant.codebooks.apot
    Additive Powers-of-Two Quantization | sums of powers of two, finer in the tails
2305.14314 Dettmers quant.codebooks.nf4
    QLoRA | NF4, levels at quantiles of the normal distribution

# After training
1906.04721 Nagel ptq.equalize
    Data-Free Quantization Through Weight Equalization and Bias Correction | needs no data
2004.10568 Nagel ptq.adaround
    Up or Down? Adaptive Rounding for Post-Training Quantization | rounding is learned
1911.03852 Dong ptq.hessian_sensitivity
    HAWQ-V2 | bits for each layer by the trace of its Hessian
2210.17323 Frantar ptq.gptq
    GPTQ | the error of a column is made good by the columns after it
2211.10438 Xiao ptq.smooth_quant
    SmoothQuant | outliers of activations move into the weights
2306.00978 Lin ptq.awq
    AWQ | a finer grid for weights that meet large activations

# With training
1308.3432 Bengio qnn.fake_quantize
    Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
    Computation | the straight-through estimator
1606.06160 Zhou qat.DoReFa
    DoReFa-Net | few bits for weights, activations and gradients
1805.06085 Choi qat.pact
    PACT | the clip of an activation is learned
1902.08153 Esser qat.lsq
    Learned Step Size Quantization | the scale is learned, its gradient rescaled
1903.08066 Jain qat.tqt
    Trained Quantization Thresholds for Accurate and Efficient Fixed-Point Inference of
    Deep Neural Networks | learned thresholds, scales that are powers of two
2004.09576 Bhalgat qat.lsq_plus
    LSQ+ | a learned offset for activations with negative values

# One bit, and a little more
1511.00363 Courbariaux binary.clipped_update
    BinaryConnect | binary weights, trained by real latent ones
1602.02830 Courbariaux binary.ste_sign_gradient
    Binarized Neural Networks | binary activations as well
1603.05279 Rastegari binary.channel_scale
    XNOR-Net | a scale for each binary filter
1605.04711 Li binary.twn
    Ternary Weight Networks | a threshold at 0.7 times the mean magnitude
1612.01064 Zhu binary.ttq
    Trained Ternary Quantization | two learned values beside zero
1808.00278 Liu binary.approx_sign_gradient
    Bi-Real Net | a surrogate shaped like a triangle; real shortcuts
1906.02107 Helwegen optim.Bop
    Latent Weights Do Not Exist | an optimizer that flips signs instead
1909.10788 Qin binary.ede_gradient
    Forward and Backward Information Retention for Accurate Binary Neural Networks
    | a surrogate that sharpens during training
2003.03488 Liu binary.rsign
    ReActNet | thresholds and activations with learned shifts
2402.17764 Ma binary.absmean_ternary
    The Era of 1-bit LLMs | language models with ternary weights

# Fewer weights
1506.02626 Han ptq.prune
    Learning both Weights and Connections for Efficient Neural Networks | prune the
    small weights, train on
1608.08710 Li ptq.prune_channels
    Pruning Filters for Efficient ConvNets | whole filters, so that the network shrinks
"""


def cites(name, number):
    source = Path(inspect.getsourcefile(resolve(name)))
    return number in source.read_text(encoding="utf-8")


entry = re.compile(
    r"(\d{4}\.\d+) (\w+) (\S+)\s+([^|]+?)\s+\|\s+(.+?)(?=\n\S|\n\n|$)", re.S
)
papers = entry.findall(PAPERS.strip())
for number, author, name, *_ in papers:
    assert cites(name, number), f"{author}: {name} must cite {number}"
assert len(papers) == len(re.findall(r"(?m)^\d", PAPERS))

# %%
for group in PAPERS.strip().split("\n\n"):
    heading, _, body = group.partition("\n")
    items = [f"**{heading[2:]}**\n"]
    for number, author, name, title, added in entry.findall(body):
        address = f"[{author}, 20{number[:2]}](https://arxiv.org/abs/{number})"
        text = " ".join(f"*{title}*: {added}".split())
        items.append(f"- {address}, {text}. `qbref.{name}`")
    lab.say("\n".join(items))

# %% [markdown]
# First authors only; the years are arXiv's, often one before the conference.
#
# Older than arXiv, and still the ground under all tables: Lloyd, *Least Squares Quantization in PCM*
# (written 1957, IEEE Transactions on Information Theory 1982), and Max, *Quantizing for Minimum Distortion*
# (IRE Transactions on Information Theory 1960).
#
# ### Checked: a table from 1960 and two papers from 2016
#
# Max asked which $N$ levels represent a normally distributed number best. His answer is a table, which we
# can recompute: two conditions in turn, levels at the mean of their cell, borders halfway between levels
# ([derived here](balance/4.2)).

# %%
x = np.linspace(-8, 8, 160_001)
density = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()
MAX_1960 = {2: 0.3634, 4: 0.1175, 8: 0.03454, 16: 0.009497}  # N: mean squared error
recomputed = {}
for n in MAX_1960:
    bits = int(np.log2(n))
    levels = quant.codebooks.lloyd_max(
        x, bits, density, tolerance=1e-12, max_iterations=5000
    )
    nearest = levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, x)]
    recomputed[n] = levels, float((density * (x - nearest) ** 2).sum())

# %%
lab.table(
    ("N", "positive levels", "error, here", "error, Max 1960"),
    [
        (
            n,
            " ".join(f"{v:.4f}" for v in levels[n // 2 :][:4]) + " …" * (n > 8),
            f"{error:.6f}",
            MAX_1960[n],
        )
        for n, (levels, error) in recomputed.items()
    ],
    "The best N levels for the normal distribution, and their mean squared error.",
)

# %% [markdown]
# Now the binary networks. XNOR-Net gives each filter the scale $\alpha = \operatorname{mean}|w|$. For
# normally distributed weights of variance 1 that is
#
# $$ \alpha = \operatorname{E}|w| = \sqrt{2/\pi}, \qquad
# \operatorname{E}\,(w - \alpha \operatorname{sign} w)^2 = 1 - \frac{2}{\pi} \tag{1} $$
#
# which is Max's quantizer with two levels. Ternary Weight Networks (三值权重网络) set weights below 0.7
# times the mean magnitude to zero, a rule of thumb; the optimum is Max's quantizer with three levels. How
# near does the rule come, and are trained weights normal enough for any of this?

# %%
quantiles = (np.arange(100_000) + 0.5) / 100_000
normal = np.array([[NormalDist().inv_cdf(q) for q in quantiles]])
network = lab.fashion_cnn().model


def errors(w):
    w = w / np.sqrt((w**2).mean(axis=1, keepdims=True))
    two = binary.channel_scale(w)[:, None] * np.where(w < 0, -1, 1)
    rule, best = binary.twn(w), binary.twn_optimum(w)
    three = [found[1][:, None] * found[0] for found in (rule, best)]
    return [float(((w - w_hat) ** 2).mean()) for w_hat in (two, *three)]


rows = {"normal distribution": errors(normal)}
for name, layer in (("convolution", network[4]), ("dense layer", network[9])):
    rows[f"trained {name}"] = errors(
        layer.weight.data.reshape(len(layer.weight.data), -1)
    )

# %%
lab.table(
    ("weights", "XNOR-Net, 2 levels", "TWN rule, 3 levels", "best 3 levels"),
    [(name, *(f"{v:.4f}" for v in found)) for name, found in rows.items()],
    "Mean squared error relative to the mean square of a filter's weights.",
)
lab.say(
    f"(1) gives {1 - 2 / np.pi:.4f}, Max's table {MAX_1960[2]}, XNOR-Net's scale on "
    f"normal weights {rows['normal distribution'][0]:.4f}: three times the same "
    "number. The rule of 0.7 costs "
    f"{rows['normal distribution'][1] / rows['normal distribution'][2] - 1:.1%} over "
    "the optimum on normal weights, "
    f"{rows['trained dense layer'][1] / rows['trained dense layer'][2] - 1:.1%} on "
    "the trained dense layer."
)

# %% [markdown]
# ### Checked: the sixteen numbers of NF4
#
# QLoRA's 4-bit format is a table of sixteen constants with up to sixteen decimals. They look arbitrary, and
# programs copy them. They are quantiles (分位数) of the normal distribution: eight positive, seven negative,
# and zero.

# %%
end = 0.9677083
positive = [NormalDist().inv_cdf(q) for q in np.linspace(end, 0.5, 9)[:-1]]
negative = [-NormalDist().inv_cdf(q) for q in np.linspace(end, 0.5, 8)[:-1]]
derived = np.sort([*negative, 0.0, *positive]) / positive[0]
published = quant.codebooks.nf4(np.ones(1))

print("derived  ", derived[8:12].round(6))
print("published", published[8:12].round(6))
print(
    f"largest difference of all {len(derived)}: {np.abs(derived - published).max():.1e}"
)

# %% [markdown]
# ### Checked: the largest number of an 8-bit float
#
# The FP8 paper names two formats, and 448 and 57344 as their largest numbers. There are only 256 codes in
# each; we ask all.

# %%
fp8 = {}
for name in ("fp8_e4m3", "fp8_e5m2"):
    values = quant.bits_to_float(np.arange(256), name)
    fp8[name] = np.unique(values[np.isfinite(values)])
    infinite, nan = np.isinf(values).sum(), np.isnan(values).sum()
    print(
        f"{name}: largest {fp8[name].max():7.0f}, {infinite} infinite, {nan} NaN codes"
    )

# %%
with plots.style():
    fig = plots.figure(850, 240)
    axes = fig.add_subplot(xlabel="value", xscale="log", ylim=(-0.6, 1.6))
    for row, values in enumerate(fp8.values()):
        axes.plot(
            values[values > 0], np.full((values > 0).sum(), row), "|", markersize=22
        )
    axes.set_yticks([0, 1], fp8)
    axes.set_title("Every positive number of two 8-bit formats")
lab.show(
    fig,
    "Two combs on a logarithmic axis: E4M3 has denser teeth, E5M2 reaches much "
    "further on both sides.",
)

# %% [markdown]
# ### The four papers of the original
#
# - *Quantization and the limits of deep learning* (Arjovsky et al.)
# - *Quantized Neural Network Training with Low-Rank Kernel Approximations* (Lei et al.)
# - *Quantization for Efficient Deep Learning* (Li et al.)
# - *Adaptive Quantization for Accelerating Deep Neural Networks* (Gholami et al.)
#
# The titles sound right and some of the names are known, which is how invented references sound. How to
# tell:
#
# 1. Search for the exact title, in quotation marks. A real paper is cited *by others*, in bibliographies.
# 2. Look at the author's own list of publications.
# 3. Follow the identifier (arXiv, DOI). A reference without one deserves the first two steps.

# %%
lab.erratum(
    "balance/7.3#papers",
    "Four papers, by title and first author, are recommended as classic and recent "
    "reading.",
    "None of the four was found. As exact phrases, the first, second and fourth "
    "title do not occur in an index of public source repositories, bibliographies "
    "included (November 2026), and the third occurs there only in other texts' "
    "sentences; a search of public web pages returns other papers. The numbers of "
    "the real papers below are found at once. A search proves no absence, "
    "but we know of no such paper.",
    "Real papers near those titles: Choi, El-Khamy and Lee, Towards the Limit of "
    "Network Quantization (arXiv 1612.01543); Hubara et al., Quantized Neural "
    "Networks: Training Neural Networks with Low Precision Weights and Activations "
    "(1609.07061); Li et al., Training Quantized Nets: A Deeper Understanding "
    "(1706.02379); Zhou et al., Adaptive Quantization for Deep Neural Network "
    "(1712.01048). By Gholami et al. there is A Survey of Quantization Methods for "
    "Efficient Neural Network Inference (2103.13630).",
)

# %% [markdown]
# ## What we measured

# %%
worst = max(abs(error / MAX_1960[n] - 1) for n, (_, error) in recomputed.items())
lab.say(
    f"""
- {len(papers)} papers: each name resolves, each file cites its paper's number. And
  {len(TOOLS)} tools with their arithmetic.
- Max's table of 1960 agrees with ours within {worst:.2%}; its first line is XNOR-Net's
  scale.
- NF4 can be derived to {np.abs(derived - published).max():.0e}. The largest FP8 numbers
  are {fp8["fp8_e4m3"].max():.0f} and {fp8["fp8_e5m2"].max():.0f}.
"""
)

# %% [markdown]
# ## Try next
#
# - [From one requirement to every formula](balance/4.1) and [One bit](realtime/3.1) put the papers of the
#   first and the fifth list to work.
#
# ## Exercises
#
# 1. Max's table has a line for $N = 3$: one level at 0, two at ±1.2240, error 0.1902. Which cell above
#    recomputes it?
# 2. Recompute Max's table for weights that are uniform on [−1, 1]. Which known quantizer appears?
# 3. NF4's levels are quantiles, not the levels of least squared error. Compare `quant.codebooks.nf4` with
#    `lloyd_max` on blocks of 64 normal numbers, both stretched to the largest: how much error is given away?
# 4. Take a paper of the lists, find one number in it, and recompute it in three lines. If it differs, is it
#    you or the paper?
