"""average_pool of int8: the mean of n integers, rounded to their own grid."""

import numpy as np

from qbref import kernels
from qbref.conventions import onnx, tflite
from qbref.conventions.differences.inputs import by_magnitude
from qbref.conventions.differences.quantize import QMAX, QMIN, ROUNDING_OF
from qbref.conventions.differences.search import Family, Rule
from qbref.quant.fixed_point import quantize_multiplier
from qbref.quant.rounding import ROUNDINGS

LARGEST_SUM = 128


def model(x, n, ties):
    """round(Σ x / n) as int8, by the named property.

    Parameters
    ----------
    x : int8 array, shape (windows, n)
    n : int
    ties : {"to even", "away from zero", "half up"}
    """
    return ROUNDINGS[ROUNDING_OF[ties]](x.sum(axis=1) / n).astype(np.int8)


def _tflite(x, n):
    return tflite.average_pool_2d(x[None, :, :, None], (1, n)).ravel()


def _onnx(x, n):
    """DequantizeLinear, AveragePool, QuantizeLinear with scale 1."""
    scale, zero_point = np.float32(1), np.int8(0)
    mean = onnx.dequantize_linear(x, scale, zero_point).mean(axis=1, dtype=np.float32)
    return onnx.quantize_linear(mean, scale, zero_point)


def _integer(x, n):
    """The integer engine's mean: one requantization of the sum."""
    total = x.sum(axis=1, keepdims=True, dtype=np.int32)
    return kernels.requantize(total, *quantize_multiplier(1 / n), 0, QMIN, QMAX, "single")[:, 0]


def _windows(setting, rules):
    """For each sum the n numbers nearest to its mean."""
    (n,) = setting
    sums = by_magnitude(np.arange(-LARGEST_SUM, LARGEST_SUM + 1))
    return (sums[:, None] // n + (np.arange(n) < sums[:, None] % n)).astype(np.int8)


AVERAGE_POOL = Family(
    "average_pool int8",
    "windows of 2, 3, 4 numbers; then the least |sum|; scale 1, zero point 0",
    (
        Rule("ONNX dequantize, average, quantize", _onnx, {"ties": "to even"}),
        Rule("TFLite", _tflite, {"ties": "away from zero"}),
        Rule("qbref.integer", _integer, {"ties": "half up"}),
    ),
    ((2,), (3,), (4,)),
    _windows,
    model,
    lambda setting, x: f"mean of {' and '.join(map(str, x))}",
)
