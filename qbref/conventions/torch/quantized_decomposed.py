"""torch.ops.quantized_decomposed: quantization in exported (PT2E) programs, written out in float32 operators.

Unlike :func:`qbref.conventions.torch.quantize_per_tensor`, one scale is inverted in float64 and then
rounded, so that the same scale can have another reciprocal; the zero point is added after rounding in
every version.

Source: pytorch/pytorch, torch/ao/quantization/fx/_decomposed.py.
"""

import numpy as np

from qbref.conventions.arithmetic import to_int32
from qbref.conventions.torch.dtypes import (
    as_float32,
    as_scale,
    as_zero_point,
    channel_parameters,
    reciprocal,
    rounded_to_float32,
)
from qbref.quant.checks import as_integer, as_integer_array

DTYPES = tuple(map(np.dtype, (np.int8, np.uint8, np.int16, np.uint16, np.int32)))


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
    zero_point = as_zero_point(zero_point, -(2**31), 2**31 - 1)
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
    scales, zero_points = channel_parameters(scales, zero_points, x.shape, axis, -(2**31), 2**31 - 1)
    return _quantize(x, reciprocal(scales), zero_points, quant_min, quant_max, dtype)


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
    q, scale = _checked(q), np.float32(as_scale(scale))
    zero_point = np.float32(as_zero_point(zero_point, -(2**31), 2**31 - 1))
    with np.errstate(over="ignore"):
        return np.asarray((q.astype(np.float32) - zero_point) * scale)


def dequantize_per_channel(q, scales, zero_points, axis):
    """x_hat = float32(q − zero_point) · float32(scale), the difference in 64-bit integers.

    Parameters
    ----------
    q : int8, uint8, int16, uint16 or int32 array
    scales : float array, shape (channels,)
    zero_points : integer array, shape (channels,)
    axis : int

    Returns
    -------
    float32 array, the shape of `q`

    Raises
    ------
    TypeError, ValueError
        If `q` has another dtype, or an argument breaks its rule.

    Examples
    --------
    >>> dequantize_per_channel(np.array([[2, 7]], np.int8), [0.5, 0.25], [0, 3], axis=1)
    array([[1., 1.]], dtype=float32)
    """
    q = _checked(q)
    scales, zero_points = channel_parameters(scales, zero_points, q.shape, axis, -(2**31), 2**31 - 1)
    with np.errstate(over="ignore"):
        return (q.astype(np.int64) - zero_points).astype(np.float32) * rounded_to_float32(scales)


def _quantize(x, inverse, zero_point, quant_min, quant_max, dtype):
    lowest, highest, zero_point = (np.asarray(v, np.float32) for v in (quant_min, quant_max, zero_point))
    with np.errstate(over="ignore", invalid="ignore"):
        level = np.asarray(x * inverse)
        level = np.clip(np.rint(level) + zero_point, lowest, highest)
    return np.asarray(to_int32(level)).astype(dtype)  # the low bits: 0 for NaN


def _checked_limits(quant_min, quant_max, dtype):
    dtype = np.dtype(dtype)
    if dtype not in DTYPES:
        raise TypeError(f"dtype must be int8, uint8, int16, uint16 or int32, got {dtype}")
    quant_min, quant_max = as_integer("quant_min", quant_min), as_integer("quant_max", quant_max)
    limits = np.iinfo(dtype)
    if not limits.min <= quant_min <= quant_max <= limits.max:
        raise ValueError(f"quant_min and quant_max must be in order in {dtype}, got {quant_min}, {quant_max}")
    return dtype


def _checked(q):
    q = as_integer_array("q", q)
    if q.dtype not in DTYPES:
        raise TypeError(f"q must be int8, uint8, int16, uint16 or int32, got {q.dtype}")
    return q
