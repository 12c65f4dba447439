"""QuantizeLinear: float32 or float16 to integers of 2, 4, 8 or 16 bits."""

import numpy as np

from qbref.conventions.onnx.onnxruntime_paths import converted_first
from qbref.conventions.onnx.operands import (
    as_float,
    as_float_type,
    as_integer_type,
    as_zero_point,
    check_variant,
    spread,
)
from qbref.conventions.onnx.saturation import clip_then_convert, convert_then_clip


def quantize_linear(
    x,
    y_scale,
    y_zero_point=None,
    axis=1,
    block_size=0,
    output_dtype=None,
    precision=None,
    variant="spec",
):
    """y = saturate(rint(x / y_scale) + y_zero_point), the quotient a float32 or float16, ties to even.

    Parameters
    ----------
    x : float32 or float16 array
    y_scale : float32 or float16 array
        A scalar for all of `x`; a vector along `axis`; with `block_size` B an array of the rank of `x` with
        ``ceil(D / B)`` entries along `axis`, the last block being shorter where B does not divide D.
        Any value: 0, negative, infinite and NaN scales divide as IEEE 754 says. Python numbers take the
        dtype of `x`.
    y_zero_point : integer array of the shape of y_scale, optional
        Its dtype is the type of y. Values of 2 and 4 bits stand in int8 or uint8.
    axis : int
        May be negative; of no effect on a scalar scale.
    block_size : int
        0 for none.
    output_dtype : str or dtype, optional
        "int2", "uint2", "int4", "uint4", "int8", "uint8", "int16" or "uint16".
        Without it and without a zero point: uint8.
    precision : {"float32", "float16"} or dtype, optional
        The type in which to divide, by default that of `y_scale`.
    variant : {"spec", "onnxruntime", "reference_evaluator"}

    Returns
    -------
    y : integer array, the shape of `x`
        One value per element; :func:`qbref.quant.pack_int4` and ``pack_int2`` store them as ONNX does.

    Raises
    ------
    TypeError, ValueError
        If a dtype, a shape, the axis or the variant is not one of these. ONNX's bfloat16, float8 and int32
        operands are not taken.

    Notes
    -----
    In float32, for |x / y_scale| < 2^31, the variants agree. Beyond:

    ``"onnxruntime"``
        Clips in float and converts then: ±inf and 3e9 saturate, NaN gives qmin. But float16, 2-bit
        elements, 4-bit elements whose neighbour in their byte has another scale or is missing, and blocks
        along an axis with more than one element behind it are converted first, as in the reference evaluator.
        It divides float16 in float32, does not read `precision`, and refuses `x` and `y_scale` of different
        types: a TypeError. Verified with version 1.31.1 on x86-64.
    ``"reference_evaluator"``
        Converts to int32 first, where NaN, ±inf and 3e9 become −2^31, adds the zero point with wrap-around,
        and clips: qmin, or qmax for a negative zero point. Without `precision` it divides in float32 if
        either operand is, even if y_scale is float16. Verified with onnx 1.23.2 on x86-64.
    ``"spec"``
        The specification is silent on NaN, which gives qmin here; all else saturates.

    ONNX operator QuantizeLinear, opsets 10 to 25 (docs/Operators.md); ONNX Runtime mlas/lib/quantize.cpp.

    Examples
    --------
    >>> x = np.array([-2.5, 0.5, 1.5, 2.5, 3e9], np.float32)
    >>> quantize_linear(x, 1.0, np.int8(-3))
    array([ -5,  -3,  -1,  -1, 127], dtype=int8)
    >>> quantize_linear(x, 1.0, output_dtype="int4", variant="onnxruntime")  # the fifth is alone in its byte
    array([-2,  0,  2,  2, -8], dtype=int8)
    >>> x, y_scale = np.float16([2500]), np.float16(0.3)
    >>> for variant in ("spec", "onnxruntime"):  # from 8192 on, float16 has only every eighth integer
    ...     print(quantize_linear(x, y_scale, np.int16(0), variant=variant))
    [8328]
    [8332]
    """
    check_variant(variant)
    x = as_float("x", x)
    y_scale = as_float("y_scale", y_scale, x.dtype)
    integer_type = as_integer_type(y_zero_point, output_dtype)
    precision = _precision(precision, x.dtype, y_scale.dtype, variant)
    zero_point = as_zero_point("y_zero_point", y_zero_point, y_scale, integer_type.qmin, integer_type.qmax)
    scale = spread("y_scale", y_scale, x.shape, axis, block_size)
    zero_point = spread("y_zero_point", zero_point, x.shape, axis, block_size)

    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        quotient = x.astype(precision, copy=False) / scale.astype(precision, copy=False)
    levels = np.asarray(quotient, np.float32)
    np.rint(levels, out=levels)
    if variant == "reference_evaluator":
        return convert_then_clip(levels, zero_point, integer_type)
    y = clip_then_convert(levels, zero_point, integer_type)
    if variant == "onnxruntime":
        first = converted_first(x.dtype, x.shape, y_scale.shape, axis, block_size, integer_type)
        if first.any():
            first = np.broadcast_to(first, x.shape)
            zero_point = np.broadcast_to(zero_point, x.shape)
            y[first] = convert_then_clip(levels[first], zero_point[first], integer_type)
    return y


def _precision(precision, x_dtype, scale_dtype, variant):
    """The dtype in which to divide."""
    if precision is not None:
        precision = as_float_type("precision", precision)
    if variant == "onnxruntime":
        if scale_dtype != x_dtype:
            raise TypeError(f"y_scale must have the dtype of x, {x_dtype}, got {scale_dtype}")
        return np.dtype(np.float32)
    if variant == "reference_evaluator":
        return precision or np.promote_types(x_dtype, scale_dtype)
    return precision or scale_dtype
