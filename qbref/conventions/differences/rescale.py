"""int8 to int8: the same real numbers on another grid."""

import numpy as np

from qbref.conventions import onnx, tflite
from qbref.conventions.differences.inputs import by_magnitude
from qbref.conventions.differences.quantize import QMAX, QMIN, ROUNDING_OF
from qbref.conventions.differences.search import Family, Rule
from qbref.quant.fixed_point import quantize_multiplier, saturating_rounding_doubling_high_mul
from qbref.quant.rounding import ROUNDINGS

BLOCK = 16


def model(q, scale, y_scale, product, ties):
    """y as int8, both zero points 0, by named properties.

    Parameters
    ----------
    q : int8 array
    scale, y_scale : float
    product : {"fixed point, half up", "8-bit multiplier", "float32 product and quotient"}
    ties : {"to even", "away from zero", "half up"}
    """
    s, y = np.float32([scale, y_scale])
    if product == "float32 product and quotient":
        v = q.astype(np.float32) * s / y
    elif product == "8-bit multiplier":
        v = q * np.rint(np.float64(256 * (s / y))) / 256
    else:
        mantissa, shift = quantize_multiplier(np.float64(s) / np.float64(y))
        left, right = max(int(shift), 0), max(-int(shift), 0)
        v = saturating_rounding_doubling_high_mul(q.astype(np.int64) << left, mantissa) / 2.0**right
    return np.clip(ROUNDINGS[ROUNDING_OF[ties]](v), QMIN, QMAX).astype(np.int8)


def _onnx(q, scale, y_scale):
    x = onnx.dequantize_linear(q, np.float32(scale), np.int8(0))
    return onnx.quantize_linear(x, np.float32(y_scale), np.int8(0))


def _tflite(kernels):
    def function(q, scale, y_scale):
        padded = np.pad(q, (0, -q.size % BLOCK))  # whole blocks only
        return tflite.requantize(padded, np.float32(scale), 0, np.float32(y_scale), 0, kernels=kernels)[
            : q.size
        ]

    return function


def _integers(setting, rules):
    return by_magnitude(np.arange(QMIN, QMAX + 1)).astype(np.int8)


def _show(setting, q):
    return f"scale {setting[0]:g} to {setting[1]:g}, q = {q}"


TENTHS = tuple(k / 10 for k in range(1, 10))
RESCALE = Family(
    "int8 to int8",
    "scale 1 to 2, 4, 8; then tenths to tenths; then the least |q|; zero points 0",
    (
        Rule(
            "ONNX dequantize and quantize",
            _onnx,
            {"product": "float32 product and quotient", "ties": "to even"},
        ),
        Rule(
            "TFLite reference", _tflite("ref"), {"product": "fixed point, half up", "ties": "away from zero"}
        ),
        Rule(
            "TFLite optimized (blocks)",
            _tflite("opt"),
            {"product": "fixed point, half up", "ties": "half up"},
        ),
        Rule("TFLite XNNPACK", _tflite("xnnpack"), {"product": "8-bit multiplier", "ties": "half up"}),
    ),
    (*((1.0, 2.0**k) for k in (1, 2, 3)), *((s, y) for y in TENTHS for s in TENTHS)),
    _integers,
    model,
    _show,
)
