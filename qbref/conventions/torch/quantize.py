"""torch.quantize_per_tensor and torch.quantize_per_channel.

Both multiply by the float32 reciprocal of the scale instead of dividing, and round half to even. There
are two kernels, which differ only far outside the range of integers: a vector kernel that converts to
int32 before it clips (one scale, 8 bits), and a scalar one that clips first (everything else).

PyTorch 2.13.0 alone, through the version of FBGEMM it was built with, adds the zero point before it
rounds; with an odd zero point its ties go the other way. ``zero_point_before_rounding`` selects that.

Sources: pytorch/pytorch, aten/src/ATen/native/quantized/AffineQuantizerBase.cpp; pytorch/FBGEMM,
include/fbgemm/QuantUtils.h and src/QuantUtilsAvx2.cc.
"""

import numpy as np

from qbref.conventions.arithmetic import fma32, saturate, to_int32
from qbref.conventions.torch.dtypes import (
    as_float32,
    as_scale,
    as_scales,
    as_zero_point,
    as_zero_points,
    storage_type,
)
from qbref.conventions.torch.scaling import clip_and_convert, reciprocal, scale_and_round

LARGEST_BELOW_2_31 = np.float32(2147483520)


def quantize_per_tensor(x, scale, zero_point, dtype, zero_point_before_rounding=False):
    """q = clip(rint(x · inv) + zero_point, qmin, qmax) with inv = float32(1) / float32(scale).

    Parameters
    ----------
    x : float32 array, or numbers
    scale : float
        Positive; rounded to float32 first.
    zero_point : int
        A value of `dtype`.
    dtype : {"qint8", "quint8", "qint32"}
    zero_point_before_rounding : bool
        The order of PyTorch 2.13.0: clip(rint(fma(x, inv, zero_point)), qmin, qmax); for qint32 with a
        rounding between product and sum.

    Returns
    -------
    int8, uint8 or int32 array, the shape of `x`
        What ``torch.quantize_per_tensor(…).int_repr()`` returns.

    Raises
    ------
    TypeError, ValueError
        If `x` is not float32, or an argument breaks its rule.

    Notes
    -----
    With 8 bits the product, but at most 2147483520, is converted to int32 as x86 does it, and the zero
    point is added with wrap-around. So NaN is as +inf; −inf and −3e9 become qmax if the zero point is
    negative, and +inf becomes 0 in quint8 if it is at least 128. Adding the zero point first has no such
    wrap: NaN and +inf give qmax, −inf gives qmin.
    In qint32 ±inf saturate and NaN becomes −2^31.

    Verified bit for bit against PyTorch 2.12.1 and 2.15.0, and against 2.13.0 with its option, on x86.

    Examples
    --------
    >>> quantize_per_tensor([0.5, 1.5, 2.5], scale=1.0, zero_point=1, dtype="qint8")
    array([1, 3, 3], dtype=int8)
    >>> quantize_per_tensor([0.5, 1.5, 2.5], 1.0, 1, "qint8", zero_point_before_rounding=True)
    array([2, 2, 4], dtype=int8)
    """
    x, storage = as_float32("x", x), storage_type(dtype)
    limits = np.iinfo(storage)
    zero_point = as_zero_point(zero_point, limits.min, limits.max)
    inverse = reciprocal(as_scale(scale))
    if dtype == "qint32":
        return scalar_kernel(x, inverse, zero_point, storage, zero_point_before_rounding)
    return _vector_kernel(x, inverse, zero_point, storage, zero_point_before_rounding)


def quantize_per_channel(x, scales, zero_points, axis, dtype, zero_point_before_rounding=False):
    """q = clip(rint(x · inv) + zero_point, qmin, qmax), with a scale and a zero point for each channel.

    Parameters
    ----------
    x : float32 array, or numbers
    scales : float array, shape (channels,)
    zero_points : integer array, shape (channels,)
    axis : int
        The channels' dimension of `x`.
    dtype, zero_point_before_rounding
        As in :func:`quantize_per_tensor`. Before rounding, product and sum are rounded apart here:
        clip(rint(float32(x · inv + zero_point)), qmin, qmax).

    Returns
    -------
    int8, uint8 or int32 array, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        If `x` is not float32, or an argument breaks its rule.

    Notes
    -----
    ±inf saturate. NaN gives 0 in 8 bits, whatever the zero point, and −2^31 in qint32.
    Verified against the same versions as :func:`quantize_per_tensor`.

    Examples
    --------
    >>> x = np.array([[2.5, np.nan], [2.5, np.inf]], np.float32)
    >>> quantize_per_channel(x, [1.0, 0.5], [1, 0], axis=0, dtype="qint8")
    array([[  3,   0],
           [  5, 127]], dtype=int8)
    """
    x, storage = as_float32("x", x), storage_type(dtype)
    limits = np.iinfo(storage)
    inverse = reciprocal(as_scales("scales", scales, x.shape, axis))
    zero_points = as_zero_points("zero_points", zero_points, x.shape, axis, limits.min, limits.max)
    return scalar_kernel(x, inverse, zero_points, storage, zero_point_before_rounding)


def _vector_kernel(x, inverse, zero_point, storage, zero_point_before_rounding):
    limits = np.iinfo(storage)
    if zero_point_before_rounding:
        q = _converted(np.rint(fma32(x, inverse, np.float32(zero_point))))
    else:
        q = _converted(scale_and_round(x, inverse))
        q += np.int32(zero_point)  # wraps
    return saturate(q, limits.min, limits.max, storage)


def _converted(levels):
    """to_int32(min(levels, 2147483520)), where the minimum takes NaN for larger."""
    return np.asarray(to_int32(np.fmin(levels, LARGEST_BELOW_2_31)))


def scalar_kernel(x, inverse, zero_point, storage, zero_point_before_rounding=False):
    """The rule of :func:`quantize_per_channel` for arrays that broadcast together; `storage` is the dtype."""
    zero_point = np.asarray(zero_point, np.float32)
    if zero_point_before_rounding:
        with np.errstate(over="ignore", invalid="ignore"):
            levels = np.rint(np.asarray(x * inverse) + zero_point)
    else:
        levels = scale_and_round(x, inverse) + zero_point
    exact = np.promote_types(storage, np.float32).type  # float64 for the limits of int32
    limits = np.iinfo(storage)
    return clip_and_convert(levels, exact(limits.min), exact(limits.max), storage)
