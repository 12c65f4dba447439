"""softmax of int8: integers throughout, or a table of float32 exponentials."""

import numpy as np

from qbref.conventions import tflite
from qbref.conventions.differences.inputs import SCALES
from qbref.conventions.differences.quantize import QMAX, QMIN
from qbref.conventions.differences.search import Family, Rule
from qbref.conventions.tflite.gemmlowp import exp_on_negative_values
from qbref.quant.fixed_point import quantize_multiplier, saturating_rounding_doubling_high_mul
from qbref.quant.rounding import round_half_away


def model(x, scale, exponentials, quotient):
    """round(256 · e^(s (x − max)) / Σ e^(s (x − max))) − 128 as int8, by named properties.

    Parameters
    ----------
    x : int8 array, shape (n, classes)
    scale : float
    exponentials : {"fixed point, 31 bits", "float32"}
        After the point; in fixed point e^-31 and less are 0.
    quotient : {"by a sum of 19 bits", "times 1/sum in float32"}
        In the first the sum's terms are rounded to so many bits, and the quotient is as good as exact.
    """
    below, s = x.astype(np.int64) - x.max(axis=1, keepdims=True), np.float32(scale)
    if exponentials == "float32":
        e = np.exp((s * below.astype(np.float32)).astype(np.float64)).astype(np.float32)
    else:
        mantissa, shift = quantize_multiplier(np.float64(s) * 2.0**26)
        counted = below >= -np.floor(31 * 2.0 ** (26 - int(shift)))
        scaled = saturating_rounding_doubling_high_mul(np.where(counted, below, 0) << int(shift), mantissa)
        e = np.where(counted, exp_on_negative_values(scaled) / 2.0**31, 0)
    if quotient == "by a sum of 19 bits":
        y = 256 * e / (np.floor(e * 2.0**19 + 0.5).sum(axis=1, keepdims=True) / 2.0**19)
    else:
        e = e.astype(np.float32)
        y = e * (np.float32(1) / (np.add.accumulate(e, axis=1)[:, -1:] / np.float32(256)))
    return np.clip(round_half_away(y) + QMIN, QMIN, QMAX).astype(np.int8)


def _tflite(kernels):
    return lambda x, scale: tflite.softmax(x, scale, kernels=kernels)


def _logits(setting, rules):
    """(0, −a, −b) with a ≤ b: the least a + b, then the least b."""
    a, b = np.triu_indices(1 - QMIN)
    order = np.lexsort((b, a + b))
    return np.stack([0 * a, -a, -b], axis=1)[order].astype(np.int8)


SOFTMAX = Family(
    "softmax int8",
    "scale 1, then 0.1 to 0.9, 0.01 to 0.09; three classes at 0, -a, -b; then the least a + b, then b",
    (
        Rule(
            "TFLite reference",
            _tflite("ref"),
            {"exponentials": "fixed point, 31 bits", "quotient": "by a sum of 19 bits"},
        ),
        Rule(
            "TFLite optimized",
            _tflite("opt"),
            {"exponentials": "float32", "quotient": "times 1/sum in float32"},
        ),
        Rule(
            "TFLite XNNPACK",
            _tflite("xnnpack"),
            {"exponentials": "float32", "quotient": "times 1/sum in float32"},
        ),
    ),
    tuple((scale,) for scale in SCALES),
    _logits,
    model,
    lambda setting, x: f"scale {setting[0]:g}, x = {' '.join(map(str, x))}",
)
