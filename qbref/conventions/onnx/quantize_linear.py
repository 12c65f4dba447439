"""QuantizeLinear: float32 to integers of 2, 4, 8 or 16 bits."""

import math

import numpy as np

from qbref.conventions.arithmetic import saturate, to_int32, wrap32
from qbref.conventions.onnx.operands import (
    as_float32,
    as_integer_type,
    as_zero_point,
    check_variant,
    spread,
)


def quantize_linear(x, y_scale, y_zero_point=None, axis=1, block_size=0, output_dtype=None, variant="spec"):
    """y = saturate(rint(f32(x / y_scale)) + y_zero_point), ties to even.

    Parameters
    ----------
    x : float32 array
    y_scale : float32 array
        A scalar for all of `x`; a vector along `axis`; with `block_size` B an array of the rank of `x` with
        ``ceil(D / B)`` entries along `axis`, the last block being shorter where B does not divide D.
        Any value: 0, negative, infinite and NaN scales divide as IEEE 754 says.
    y_zero_point : integer array of the shape of y_scale, optional
        Its dtype is the type of y. Values of 2 and 4 bits stand in int8 or uint8.
    axis : int
        May be negative; of no effect on a scalar scale.
    block_size : int
        0 for none.
    output_dtype : str or dtype, optional
        "int2", "uint2", "int4", "uint4", "int8", "uint8", "int16" or "uint16".
        Without it and without a zero point: uint8.
    variant : {"spec", "onnxruntime", "reference_evaluator"}

    Returns
    -------
    y : integer array, the shape of `x`
        One value per element; :func:`qbref.quant.pack_int4` and ``pack_int2`` store them as ONNX does.

    Raises
    ------
    TypeError, ValueError
        If a dtype, a shape, the axis or the variant is not one of these.

    Notes
    -----
    For |x / y_scale| < 2^31 the variants agree. Beyond:

    ``"onnxruntime"``
        Clips in float and converts then: ±inf and 3e9 saturate, NaN gives qmin. But 2-bit elements, 4-bit
        elements whose neighbour in their byte has another scale or is missing, and blocks along an axis with
        more than one element behind it are converted first, as in the reference evaluator.
        Verified with version 1.31.1 on x86-64.
    ``"reference_evaluator"``
        Converts to int32 first, where NaN, ±inf and 3e9 become −2^31, adds the zero point with wrap-around,
        and clips: qmin, or qmax for a negative zero point. Verified with onnx 1.23.2 on x86-64.
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
    """
    check_variant(variant)
    x, y_scale = as_float32("x", x), as_float32("y_scale", y_scale)
    integer_type = as_integer_type(y_zero_point, output_dtype)
    zero_point = as_zero_point("y_zero_point", y_zero_point, y_scale, integer_type.qmin, integer_type.qmax)
    scale = spread("y_scale", y_scale, x.shape, axis, block_size)
    zero_point = spread("y_zero_point", zero_point, x.shape, axis, block_size)

    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        levels = np.asarray(x / scale)
    np.rint(levels, out=levels)
    if variant == "reference_evaluator":
        return convert_then_clip(levels, zero_point, integer_type)
    y = clip_then_convert(levels, zero_point, integer_type)
    if variant == "onnxruntime":
        first = _converted_first(x.shape, y_scale.shape, axis, block_size, integer_type)
        if first.any():
            first = np.broadcast_to(first, x.shape)
            zero_point = np.broadcast_to(zero_point, x.shape)
            y[first] = convert_then_clip(levels[first], zero_point[first], integer_type)
    return y


def clip_then_convert(levels, zero_point, integer_type):
    """clip(levels, qmin − z, qmax − z) + z, all exact in float32; NaN gives qmin."""
    zero_point = zero_point.astype(np.float32)
    clipped = np.asarray(np.fmax(levels, integer_type.qmin - zero_point))
    np.minimum(clipped, integer_type.qmax - zero_point, out=clipped)
    clipped += zero_point
    return clipped.astype(integer_type.storage)


def convert_then_clip(levels, zero_point, integer_type):
    """clip(wrap32(to_int32(levels) + z), qmin, qmax): what does not fit in int32 is −2^31 when z is added."""
    shifted = wrap32(to_int32(levels).astype(np.int64) + zero_point)
    return saturate(shifted, integer_type.qmin, integer_type.qmax, integer_type.storage)


def _converted_first(shape, scale_shape, axis, block_size, integer_type):
    """Where ONNX Runtime takes its scalar path, which converts before it clips."""
    n_bits = (integer_type.qmax - integer_type.qmin).bit_length()
    per_tensor = not block_size and scale_shape in ((), (1,))
    behind_axis = 1 if per_tensor else math.prod(shape[axis % len(shape) + 1 :])
    if n_bits == 2 or (block_size and behind_axis > 1):
        return np.array(True)
    if n_bits > 4:
        return np.array(False)
    size = math.prod(shape)
    if per_tensor:
        return _alone_in_byte(size, size, size).reshape(shape)
    if not block_size:
        return _alone_in_byte(size, behind_axis, behind_axis).reshape(shape)
    return _alone_in_byte(size, shape[axis], block_size).reshape(shape)


def _alone_in_byte(size, row, run):
    """Which of `size` elements share their byte with none of their run; each row is cut into runs."""
    if size == 0:
        return np.zeros(0, bool)
    starts_run = np.arange(size + 1) % row % run == 0
    in_high_half = np.arange(size) % 2 == 1
    return np.where(in_high_half, starts_run[:-1], starts_run[1:])
