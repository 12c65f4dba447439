"""Binary convolution at the border: what stands outside the image, and when it is accounted for."""

import numpy as np

from qbref.conventions import larq
from qbref.conventions.differences.search import Family, Rule

TAPS, CHANNELS = 3, 2
SIGNS = TAPS * CHANNELS
TENTHS = tuple(k / 10 for k in range(1, 10))


def model(weights, multiplier, bias, outside, accounted_for):
    """The leftmost output of a row of +1, float32, by named properties.

    Parameters
    ----------
    weights : int array
        One bit for each sign, set for -1; the lowest two belong to the tap outside.
    multiplier, bias : float
    outside : {"+1", "0"}
        What the image is padded with.
    accounted_for : {"in the sum", "after the multiplication"}
        When the padding is 0.
    """
    multiplier, bias = np.float64(np.float32(multiplier)), np.float64(np.float32(bias))
    pop = np.bitwise_count(weights).astype(np.int32)
    outside_sum = CHANNELS - 2 * np.bitwise_count(weights & 3).astype(np.int32)
    if outside == "0" and accounted_for == "in the sum":
        pop = pop + outside_sum // 2
    m, b = np.float32(-multiplier), np.float32(bias + SIGNS * multiplier)
    v = (2 * pop).astype(np.float32) * m + b
    if outside == "0" and accounted_for == "after the multiplication":
        v = v + m * outside_sum.astype(np.float32)
    return v


def _larq(kernels, pad_values):
    def function(weights, multiplier, bias):
        bits = weights[:, None] >> np.arange(SIGNS) & 1
        w = larq.quantize(np.where(bits, np.float32(-1), np.float32(1)).reshape(-1, 1, TAPS, CHANNELS))
        x = larq.quantize(np.ones((1, 1, TAPS, CHANNELS), np.float32))
        per_filter = (np.full(len(w), value, np.float32) for value in (multiplier, bias))
        y = larq.bconv2d(x, w, CHANNELS, *per_filter, "NONE", kernels, padding="SAME", pad_values=pad_values)
        return y[0, 0, 0]

    return function


def _weights(setting, rules):
    """All filters, those with fewer -1 first."""
    weights = np.arange(2**SIGNS)
    return weights[np.argsort(np.bitwise_count(weights), kind="stable")]


def _show(setting, weights):
    signs = "".join("-" if int(weights) >> i & 1 else "+" for i in range(SIGNS))
    return f"multiplier {setting[0]:g}, bias {setting[1]:g}, weights {signs}"


BORDER = Family(
    "border of a binary convolution",
    "a row of three pixels of two channels, all +1; multiplier 1, then tenths; bias 0, then tenths; then the "
    "filter of three taps with the fewest -1",
    (
        Rule("Larq padding 1", _larq("ref", 1), {"outside": "+1", "accounted_for": "in the sum"}),
        Rule("Larq reference padding 0", _larq("ref", 0), {"outside": "0", "accounted_for": "in the sum"}),
        Rule(
            "Larq optimized padding 0",
            _larq("opt", 0),
            {"outside": "0", "accounted_for": "after the multiplication"},
        ),
    ),
    tuple((multiplier, bias) for multiplier in (1.0, *TENTHS) for bias in (0.0, *TENTHS)),
    _weights,
    model,
    _show,
)
