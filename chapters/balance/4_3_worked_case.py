# %% [markdown]
# # 4.3 What is q(0.3)?
#
# *案例分析与讲解*
#
# The original works one example: weights between −0.5 and 0.5 are to become integers from −7 to 7, and it
# asks for the integer that stands for 0.3. It answers twice, 0 and 1. Neither is right, and the way to the
# right answer is short.
#
# After this section you can
#
# - quantize a number by hand, from its range to its integer and back,
# - tell what a formula does from what its author meant it to do,
# - say what a lookup table returns, and why nobody can make the answer up.
#
# Read [the two models](balance/4.1) before. Run time: a few seconds.

# %%
import numpy as np

from qbref import lab, plots, quant

# %% [markdown]
# ## The formula as it is written
#
# The original's model of a quantizer is
#
# $$ q(W) = \operatorname{sign}(W) \cdot \max(\min(W, q), -q), \quad q = 7 \tag{1} $$
#
# Let us not argue with it but run it, exactly as it stands.


# %%
def as_written(w, q=7):
    return np.sign(w) * np.maximum(np.minimum(w, q), -q)


print(as_written(np.float32([0.3, -0.3, 0.5, -9.0])))

# %% [markdown]
# 0.3 comes back as 0.3. The smaller of 0.3 and 7 is 0.3, the larger of that and −7 is 0.3 again, and its
# sign is +1. The original's own lines reach $\max(\min(0.3, 7), -7)$ and then write 0 for it. And −0.3
# comes back *positive*. As [4.1](balance/4.1) found: no scale (缩放因子) knows that the weights end at 0.5,
# nothing makes an integer, and the sign is lost.

# %%
lab.erratum(
    "balance/4.3#zero",
    "Weights in [−0.5, 0.5] become integers in [−7, 7]; the formula gives q(0.3) = 0.",
    "The formula gives {:.1f} for 0.3, and {:.1f} for −0.3.".format(
        *as_written(np.float32([0.3, -0.3]))
    ),
    "With the scale 0.5 / 7 and rounding, 0.3 becomes 4.",
)

# %% [markdown]
# ## The answer by hand
#
# Seven steps must reach from 0 to 0.5, so that one step (量化步长), the scale, is
#
# $$ s = \frac{0.5}{7} \approx 0.0714, \qquad
#    q(w) = \operatorname{clip}\left(\left\lfloor \frac{w}{s} \right\rceil, -7, 7\right), \qquad
#    \hat{w} = s \, q(w) \tag{2} $$
#
# where $\lfloor \cdot \rceil$ rounds to the nearest integer. For 0.3 that is 0.3 / 0.0714 = 4.2, so 4
# steps.

# %%
params = quant.params_from_range(-0.5, 0.5, n_bits=4, symmetric=True, narrow_range=True)
q = quant.quantize(np.float32([0.3]), params)
w_hat = quant.dequantize(q, params)

print(f"scale {params.scale:.4f}, integers from {params.qmin} to {params.qmax}")
print(f"q(0.3) = {q[0]}, which stands for {w_hat[0]:.4f}")

# %% [markdown]
# The error is 0.3 − 4 s = 0.2 s. It could not have exceeded half a step: the nearest of two numbers one
# step apart is never further away than that. All numbers of the range at once:

# %%
w = np.linspace(-0.6, 0.6, 1201, dtype=np.float32)
inside = np.abs(w) <= 0.5
error = np.abs(quant.fake_quantize(w, params) - w)[inside].max()

with plots.style():
    fig = plots.figure(800, 420)
    axes = fig.add_subplot(xlabel="weight w", ylabel="what its integer stands for")
    axes.plot(w, w, color=plots.PALETTE["sky blue"], linewidth=1, label="w itself")
    axes.plot(w, quant.fake_quantize(w, params), label="s · q(w)")
    axes.plot(
        [0.3], w_hat, "o", color=plots.PALETTE["vermilion"], label="w = 0.3, q = 4"
    )
    axes.legend(loc="upper left")
lab.show(
    fig,
    alt="A staircase of fifteen steps along the diagonal, flat beyond ±0.5; 0.3 lies on the step of 4.",
)
lab.say(f"The largest error inside the range is **{error / params.scale:.3f} steps**.")

# %% [markdown]
# ## A whole tensor
#
# One number proves little. Here are the weights of a trained convolution, once by (1) and once by (2). A
# batch norm follows that layer and takes any factor out again, so we may let the largest weight be 0.5,
# as in the example, without changing what the network computes.

# %%
weights = lab.digits_cnn().model[4].weight.data
weights = weights * (0.5 / np.abs(weights).max())
models = {
    "(1) as written": as_written(weights),
    "(2) with a scale": quant.fake_quantize(weights, params),
}


def rms(found):
    return float(np.sqrt(np.mean((found - weights) ** 2)))


lab.table(
    ("model", "different values", "signs lost", "RMS error"),
    [
        (
            name,
            len(np.unique(found)),
            f"{np.mean(found * weights < 0):.0%}",
            f"{rms(found):.4f}",
        )
        for name, found in models.items()
    ],
    caption=f"{weights.size:,} weights of a convolution trained on handwritten digits.",
)

# %% [markdown]
# As written, the model leaves as many different values as there were weights: nothing has been quantized.
# All it did was to turn negative weights positive.
#
# ## What a table returns
#
# For the second model, the lookup table (查找表), the original says that it "may return 1". A table has two
# parts: the **levels** that it holds, and the **code** of a level, which is only its place in the table.
# So 1 may be the second entry of anything. What the entry *is* follows from the data that the table was
# fitted to:

# %%
rows = []
for method in ("lloyd_max", "equal_population", "power_of_two"):
    codebook = quant.fit_codebook(weights, n_bits=4, method=method)
    code = quant.quantize_lut(np.float32([0.3]), codebook)
    looked_up = quant.dequantize_lut(quant.quantize_lut(weights, codebook), codebook)
    rows.append(
        (method, code[0], quant.dequantize_lut(code, codebook)[0], rms(looked_up))
    )
lab.table(
    ("table", "code of 0.3", "its level", "RMS error"),
    [
        (method, code, f"{level:.4f}", f"{error:.4f}")
        for method, code, level, error in rows
    ],
    caption="Sixteen levels, fitted to the same weights by three rules.",
)

# %% [markdown]
# [Where the three rules come from](balance/4.2) is another section. Each table returns the level nearest
# to 0.3 that it has.

# %%
levels = ", ".join(f"{level:.3f}" for _, _, level, _ in rows)
lab.erratum(
    "balance/4.3#table-returns-one",
    "A lookup table may return 1 for the weight 0.3.",
    f"Tables fitted to trained weights return the levels {levels}. 1 lies outside of the weights' range, "
    "and as a code it names whatever stands second.",
    "A table returns the level nearest to the weight. Which one that is follows from the data and the rule.",
)

# %% [markdown]
# ## What we measured

# %%
assert q[0] == 4
written, scaled = models.values()
lab.say(
    f"""
    - q(0.3) = **{q[0]}** with the scale 0.5 / 7; it stands for {w_hat[0]:.4f}.
    - On trained weights the formula as written leaves {len(np.unique(written)):,} different values and makes
      an RMS error of {rms(written):.4f}. With a scale and rounding there are {len(np.unique(scaled))} values,
      and the error is {rms(scaled):.4f}; the best of the tables makes {min(row[3] for row in rows):.4f}.
    """
)

# %% [markdown]
# ## Try next
#
# Most weights are much smaller than 0.5. Let the range end earlier, at 0.4, 0.3, 0.2: does the RMS error
# go up or down, and why? [Error, clipping and ranges](realtime/2.1) has the answer.
#
# ## Exercises
#
# 1. Give the integers of −0.5, −0.04, 0.035 and 0.0357142 by hand, then by `quant.quantize`. One of them
#    sits almost on a tie: which, and what would decide it?
# 2. Mend (1) with as few changes as possible, so that it returns a number of the right sign. What does it
#    still not do?
# 3. How large must the largest error of a table of sixteen levels at least be, if the weights are spread
#    evenly over the range? Compare with half a step of (2), which has fifteen.
