"""DequantizeLinear: integers back to float32 or float16."""

import numpy as np

from qbref.conventions.onnx.operands import as_float, as_float_type, as_zero_point, spread
from qbref.quant.checks import as_integer_array

DTYPES = ("int8", "uint8", "int16", "uint16", "int32")


def dequantize_linear(x, x_scale, x_zero_point=None, axis=1, block_size=0, output_dtype=None):
    """y = f32(f32(x − x_zero_point) · x_scale), the difference exact; a float16 y is that, rounded.

    Parameters
    ----------
    x : int8, uint8, int16, uint16 or int32 array
        2- and 4-bit values stand in int8 or uint8 (:func:`qbref.quant.unpack_int4`).
    x_scale, axis, block_size
        As `y_scale`, `axis`, `block_size` of :func:`quantize_linear`.
    x_zero_point : array of the dtype of `x` and the shape of `x_scale`, optional
        Must be 0 for int32.
    output_dtype : {"float32", "float16"} or dtype, optional
        The type of y, by default that of `x_scale`.

    Returns
    -------
    y : float32 or float16 array, the shape of `x`
        A product too large for its type is ±inf; int32 values beyond 2^24 round to float32 first.

    Raises
    ------
    TypeError, ValueError
        If a dtype, a shape or the axis is not one of these. ONNX's bfloat16 and float8 are not taken.

    Notes
    -----
    Specification, ONNX Runtime 1.31.1 and the reference evaluator of onnx 1.23.2 give the same bits; but that
    the type of y "determines the precision of the multiplication" is the specification's, and both systems
    multiply in float32.

    ONNX operator DequantizeLinear, opsets 10 to 25 (docs/Operators.md).

    Examples
    --------
    >>> dequantize_linear(np.array([-128, 0, 127], np.int8), 0.1, np.int8(-3))
    array([-12.5,   0.3,  13. ], dtype=float32)
    """
    x, x_scale = as_integer_array("x", x), as_float("x_scale", x_scale)
    if x.dtype.name not in DTYPES:
        raise TypeError(f"x must be one of {', '.join(DTYPES)}, got {x.dtype}")
    if getattr(x_zero_point, "dtype", x.dtype) != x.dtype:
        raise TypeError(f"x_zero_point must have the dtype of x, {x.dtype}, got {x_zero_point.dtype}")
    limits = np.iinfo(x.dtype)
    qmin, qmax = (0, 0) if x.dtype == np.int32 else (limits.min, limits.max)
    zero_point = as_zero_point("x_zero_point", x_zero_point, x_scale, qmin, qmax)
    dtype = x_scale.dtype if output_dtype is None else as_float_type("output_dtype", output_dtype)
    scale = spread("x_scale", x_scale, x.shape, axis, block_size)
    zero_point = spread("x_zero_point", zero_point, x.shape, axis, block_size)
    difference = np.asarray(x.astype(np.int32) - zero_point).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.multiply(difference, scale, out=difference).astype(dtype, copy=False)
