"""From int32 sums to 8 bits, the last step of QLinearMatMul and QLinearConv."""

import numpy as np

from qbref.conventions.onnx.operands import INTEGER_TYPES, as_8_bit, as_float32, as_scalar
from qbref.conventions.onnx.saturation import clip_then_convert


def requantize(accumulator, lhs_scale, rhs_scale, y_scale, y_zero_point, variant="spec"):
    """Bring int32 sums to the grid of y, with m = f32(f32(lhs_scale · rhs_scale) / y_scale).

    ``"spec"``, ``"onnxruntime"``
        y = saturate(rint(f32(f32(acc) · m)) + y_zero_point): all in float32, zero point after rounding.
    ``"reference_evaluator"``
        y = saturate(rint(f64(acc) · f64(m) + y_zero_point)): in float64, zero point **before** rounding, so
        that with an odd zero point ties go to odd.

    NaN, from scales such as 0 / 0, gives qmin, with the reference evaluator 0.

    Parameters
    ----------
    accumulator : int32 array
    lhs_scale, rhs_scale : float32 arrays that broadcast against `accumulator`
    y_scale : float32 scalar
    y_zero_point : int8 or uint8 scalar
        Its dtype is the type of y.
    variant : {"spec", "onnxruntime", "reference_evaluator"}

    Returns
    -------
    y : int8 or uint8 array, the shape of `accumulator`

    Notes
    -----
    The specification's words are those of QuantizeLinear, round(x / y_scale) + zero point; it leaves the
    precision of the product open.

    ONNX Runtime core/mlas/lib/quantize.cpp; onnx/reference/ops/op_qlinear_matmul.py, op_qlinear_conv.py.

    Examples
    --------
    >>> requantize(np.array([-5, 5, 7], np.int32), np.float32(1), np.float32(1), np.float32(2), np.uint8(3))
    array([1, 5, 7], dtype=uint8)
    """
    y_scale = as_scalar("y_scale", as_float32("y_scale", y_scale))
    if not hasattr(y_zero_point, "dtype"):
        raise TypeError(f"y_zero_point must be int8 or uint8, got {y_zero_point!r}")
    y_zero_point = as_scalar("y_zero_point", as_8_bit("y_zero_point", y_zero_point))
    integer_type = INTEGER_TYPES[y_zero_point.dtype.name]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        multiplier = lhs_scale * rhs_scale / y_scale
        if variant == "reference_evaluator":
            levels = accumulator.astype(np.float64) * multiplier.astype(np.float64) + float(y_zero_point)
            y = clip_then_convert(np.rint(levels), np.int32(0), integer_type)
            y[np.isnan(levels)] = 0
            return y
        levels = np.rint(accumulator.astype(np.float32) * multiplier)
    return clip_then_convert(levels, y_zero_point.astype(np.int32), integer_type)
