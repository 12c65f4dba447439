"""torch.ops.quantized_decomposed: quantization in exported (PT2E) programs, written out in float32 operators.

Unlike :func:`qbref.conventions.torch.quantize_per_tensor`, one scale is inverted in float64 and then
rounded, so that the same scale can have another reciprocal; the zero point is added after rounding in
every version.

Source: pytorch/pytorch, torch/ao/quantization/fx/_decomposed.py.
"""

import numpy as np

from qbref.conventions.torch.dtypes import (
    as_float32,
    as_levels,
    as_scale,
    as_scales,
    as_zero_point,
    as_zero_points,
    rounded_to_float32,
)
from qbref.conventions.torch.scaling import clip_and_convert, reciprocal, scale_and_round
from qbref.quant.checks import as_integer

DTYPES = tuple(map(np.dtype, (np.int8, np.uint8, np.int16, np.uint16, np.int32)))
INT32 = -(2**31), 2**31 - 1


def quantize_per_tensor(x, scale, zero_point, quant_min, quant_max, dtype):
    """q = clip(rint(x · inv) + zero_point, quant_min, quant_max) with inv = float32(1 / scale).

    Parameters
    ----------
    x : float32 array, or numbers
    scale : float
    zero_point : int
    quant_min, quant_max : int
        Within the range of `dtype`.
    dtype : int8, uint8, int16, uint16 or int32

    Returns
    -------
    array of `dtype`, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        If `x` is not float32, or an argument breaks its rule.

    Notes
    -----
    All in float32, to which the limits and the zero point are rounded too. ±inf saturate and NaN becomes 0,
    except in int32: there quant_max = 2^31 − 1 is rounded to 2^31, whose conversion gives −2^31, and so
    does NaN. Verified bit for bit against PyTorch 2.13.0.

    Examples
    --------
    >>> quantize_per_tensor([0.5, 1.5, 3e9, np.nan], 1.0, 1, -128, 127, np.int8)
    array([  1,   3, 127,   0], dtype=int8)
    """
    x, dtype = as_float32("x", x), _checked_limits(quant_min, quant_max, dtype)
    zero_point = as_zero_point(zero_point, *INT32)
    inverse = rounded_to_float32(1.0 / as_scale(scale))
    return _quantize(x, inverse, zero_point, quant_min, quant_max, dtype)


def quantize_per_channel(x, scales, zero_points, axis, quant_min, quant_max, dtype):
    """q = clip(rint(x · inv) + zero_point, quant_min, quant_max) with inv = float32(1) / float32(scale).

    Parameters
    ----------
    x : float32 array, or numbers
    scales : float array, shape (channels,)
    zero_points : integer array, shape (channels,)
    axis : int
    quant_min, quant_max, dtype
        As in :func:`quantize_per_tensor`, and so are result, errors and special values.

    Examples
    --------
    >>> quantize_per_channel([[1.0, 1.0]], [0.5, 0.25], [0, 3], 1, -128, 127, np.int8)
    array([[2, 7]], dtype=int8)
    """
    x, dtype = as_float32("x", x), _checked_limits(quant_min, quant_max, dtype)
    inverse = reciprocal(as_scales("scales", scales, x.shape, axis))
    zero_points = as_zero_points("zero_points", zero_points, x.shape, axis, *INT32)
    return _quantize(x, inverse, zero_points, quant_min, quant_max, dtype)


def dequantize_per_tensor(q, scale, zero_point):
    """x_hat = (float32(q) − float32(zero_point)) · float32(scale).

    Parameters
    ----------
    q : int8, uint8, int16, uint16 or int32 array
    scale : float
    zero_point : int

    Returns
    -------
    float32 array, the shape of `q`

    Raises
    ------
    TypeError, ValueError
        If `q` has another dtype, or an argument breaks its rule.

    Notes
    -----
    PyTorch's arguments quant_min, quant_max and dtype are left out: it does not use their values.
    Verified bit for bit against PyTorch 2.13.0.

    Examples
    --------
    >>> dequantize_per_tensor(np.array([-128, 3, 127], np.int8), 0.5, 3)
    array([-65.5,   0. ,  62. ], dtype=float32)
    """
    q, scale = as_levels(q, DTYPES), np.float32(as_scale(scale))
    zero_point = np.float32(as_zero_point(zero_point, *INT32))
    with np.errstate(over="ignore"):
        return np.asarray((q.astype(np.float32) - zero_point) * scale)


def dequantize_per_channel(q, scales, zero_points, axis):
    """x_hat = float32(q − zero_point) · float32(scale), the difference in 64-bit integers.

    Parameters
    ----------
    q
        As in :func:`dequantize_per_tensor`, and so are result and errors.
    scales : float array, shape (channels,)
    zero_points : integer array, shape (channels,)
    axis : int

    Examples
    --------
    >>> dequantize_per_channel(np.array([[2, 7]], np.int8), [0.5, 0.25], [0, 3], axis=1)
    array([[1., 1.]], dtype=float32)
    """
    q = as_levels(q, DTYPES)
    scales = as_scales("scales", scales, q.shape, axis).astype(np.float32)
    zero_points = as_zero_points("zero_points", zero_points, q.shape, axis, *INT32)
    with np.errstate(over="ignore"):
        return (q.astype(np.int64) - zero_points).astype(np.float32) * scales


def _quantize(x, inverse, zero_point, quant_min, quant_max, dtype):
    levels = scale_and_round(x, inverse) + np.asarray(zero_point, np.float32)
    return clip_and_convert(levels, np.float32(quant_min), np.float32(quant_max), dtype)


def _checked_limits(quant_min, quant_max, dtype):
    dtype = np.dtype(dtype)
    if dtype not in DTYPES:
        raise TypeError(f"dtype must be one of {', '.join(map(str, DTYPES))}, got {dtype}")
    quant_min, quant_max = as_integer("quant_min", quant_min), as_integer("quant_max", quant_max)
    limits = np.iinfo(dtype)
    if not limits.min <= quant_min <= quant_max <= limits.max:
        raise ValueError(f"quant_min and quant_max must be in order in {dtype}, got {quant_min}, {quant_max}")
    return dtype
