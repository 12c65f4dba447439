"""The limits of an activation that is fused into an operator, as integers of the output's grid."""

import numpy as np

from qbref.conventions import onnx, tflite
from qbref.conventions.differences.inputs import by_magnitude
from qbref.conventions.differences.quantize import QMAX, QMIN, ROUNDING_OF
from qbref.conventions.differences.search import Family, Rule
from qbref.quant.rounding import ROUNDINGS

REAL_LIMITS = {"relu6": (0, 6), "relu_n1_to_1": (-1, 1)}


def model(zero_points, activation, scale, ties, zero_point_is_added):
    """(lowest, highest) level as int8 for each zero point, by named properties.

    Parameters
    ----------
    zero_points : int8 array
    activation : {"relu6", "relu_n1_to_1"}
    scale : float
    ties : {"to even", "away from zero"}
    zero_point_is_added : {"after rounding", "before rounding"}
    """
    v = np.float32(REAL_LIMITS[activation]) / np.float32(scale)
    z, rounding = zero_points[:, None].astype(np.float32), ROUNDINGS[ROUNDING_OF[ties]]
    level = rounding(v) + z if zero_point_is_added == "after rounding" else rounding(v + z)
    return np.clip(level, QMIN, QMAX).astype(np.int8)


def _tflite(kernels):
    def function(zero_points, activation, scale):
        limits = [tflite.activation_range(activation, scale, z, np.int8, kernels) for z in zero_points]
        return np.array(limits, np.int8)

    return function


def _onnx(zero_points, activation, scale):
    """Clip in float32, then QuantizeLinear."""
    limits = np.repeat(np.float32([REAL_LIMITS[activation]]), len(zero_points), axis=0)
    scales = np.full(len(zero_points), scale, np.float32)
    return onnx.quantize_linear(limits, scales, zero_points, axis=0)


def _zero_points(setting, rules):
    return by_magnitude(np.arange(QMIN, QMAX + 1)).astype(np.int8)


def _show(setting, zero_point):
    return f"{setting[0]}, scale {setting[1]:g}, zero point {zero_point}"


def _properties(ties, zero_point_is_added="after rounding"):
    return {"ties": ties, "zero_point_is_added": zero_point_is_added}


ACTIVATION = Family(
    "limits of an activation",
    "relu6, then relu_n1_to_1; scale 1 to 12, then 0.1 to 0.9; then the least |zero point|; results are the "
    "lowest and the highest int8",
    (
        Rule("ONNX Clip, quantize", _onnx, _properties("to even")),
        Rule("TFLite", _tflite("ref"), _properties("away from zero")),
        Rule("TFLite XNNPACK", _tflite("xnnpack"), _properties("to even", "before rounding")),
    ),
    tuple(
        (activation, scale)
        for activation in REAL_LIMITS
        for scale in (*map(float, range(1, 13)), *(k / 10 for k in range(1, 10)))
    ),
    _zero_points,
    model,
    _show,
)
