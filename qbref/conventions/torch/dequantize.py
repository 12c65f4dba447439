"""Tensor.dequantize, per tensor and per channel.

Sources: pytorch/pytorch, aten/src/ATen/native/quantized/AffineQuantizer.cpp and
aten/src/ATen/native/quantized/cpu/kernels/QuantizedOpKernels.cpp.
"""

import numpy as np

from qbref.conventions.arithmetic import wrap32
from qbref.conventions.torch.dtypes import (
    STORAGE,
    as_levels,
    as_scale,
    as_scales,
    as_zero_point,
    as_zero_points,
)

DTYPES = tuple(STORAGE.values())


def dequantize_per_tensor(q, scale, zero_point):
    """x_hat = float32(q − zero_point) · float32(scale).

    Parameters
    ----------
    q : int8, uint8 or int32 array
    scale : float
    zero_point : int
        A value of the dtype of `q`.

    Returns
    -------
    float32 array, the shape of `q`

    Raises
    ------
    TypeError, ValueError
        If `q` has another dtype, or an argument breaks its rule.

    Notes
    -----
    The difference wraps around in int32, which only int32 values can notice: −2^31 with zero point 5 is
    dequantized as 2147483643. Verified bit for bit against PyTorch 2.13.0.

    Examples
    --------
    >>> dequantize_per_tensor(np.array([-128, 3, 127], np.int8), 0.5, 3)
    array([-65.5,   0. ,  62. ], dtype=float32)
    """
    q = as_levels(q, DTYPES)
    scale = np.float32(as_scale(scale))
    zero_point = as_zero_point(zero_point, np.iinfo(q.dtype).min, np.iinfo(q.dtype).max)
    difference = np.asarray(wrap32(q.astype(np.int64) - zero_point))
    with np.errstate(over="ignore"):
        return np.asarray(difference.astype(np.float32) * scale)


def dequantize_per_channel(q, scales, zero_points, axis):
    """x_hat = float32((float32(q) − float32(zero_point)) · float64(scale)).

    Parameters
    ----------
    q : int8, uint8 or int32 array
    scales : float array, shape (channels,)
        PyTorch keeps them in float64, and forms the product in it: a scale that is not a float32 number,
        such as 0.1, gives another result than :func:`dequantize_per_tensor`.
    zero_points : integer array, shape (channels,)
    axis : int

    Returns
    -------
    float32 array, the shape of `q`

    Raises
    ------
    TypeError, ValueError
        If `q` has another dtype, or an argument breaks its rule.

    Notes
    -----
    The difference is a float32 one, without wrap-around: int32 values above 2^24 lose their low bits before
    it. Verified bit for bit against PyTorch 2.13.0.

    Examples
    --------
    >>> q = np.array([[9]], np.int8)
    >>> dequantize_per_channel(q, [0.1], [0], axis=0), dequantize_per_tensor(q, 0.1, 0)
    (array([[0.9]], dtype=float32), array([[0.90000004]], dtype=float32))
    """
    q = as_levels(q, DTYPES)
    limits = np.iinfo(q.dtype)
    scales = as_scales("scales", scales, q.shape, axis)
    zero_points = as_zero_points("zero_points", zero_points, q.shape, axis, limits.min, limits.max)
    difference = np.asarray(q.astype(np.float32) - zero_points.astype(np.float32))
    with np.errstate(over="ignore"):
        return (difference.astype(np.float64) * scales).astype(np.float32)
