"""torch.fake_quantize_per_tensor_affine and torch.fake_quantize_per_channel_affine, each with its backward.

    inv = float32(1) / float32(scale)
    r   = rint(x · inv) + zero_point
    y   = float32(clip(r, quant_min, quant_max) − zero_point) · scale
    dx  = upstream · (quant_min ≤ r ≤ quant_max)

The gradient passes where r is inside, so also for an x beyond the range that rounds into it. The zero
point is added after rounding in every version; PyTorch 2.13.0 thereby contradicts its own
``quantize_per_tensor`` at ties: x = 2.5 with scale 1 and zero point 1 gives 2, and quantized and
dequantized 3.

Source: pytorch/pytorch, aten/src/ATen/native/quantized/cpu/kernels/QuantizedOpKernels.cpp.
"""

import numpy as np

from qbref.conventions.arithmetic import fma32
from qbref.conventions.torch.clipping import as_limits, masked, on_grid, through_int64
from qbref.conventions.torch.dtypes import (
    along_axis,
    as_float32,
    as_scale,
    as_scales,
    as_zero_point,
    as_zero_points,
)
from qbref.conventions.torch.scaling import reciprocal, scale_and_round


def fake_quantize_per_tensor_affine(x, scale, zero_point, quant_min, quant_max):
    """y = (clip(rint(x · inv) + zero_point, quant_min, quant_max) − zero_point) · scale.

    Parameters
    ----------
    x : float32 array, or numbers
    scale : float
    zero_point : int
        Within [quant_min, quant_max].
    quant_min, quant_max : int

    Returns
    -------
    float32 array, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        If `x` is not float32, or an argument breaks its rule.

    Notes
    -----
    NaN is as quant_min; ±inf saturate; the gradient of all three is 0. Verified bit for bit against PyTorch
    2.13.0, with its gradient.

    Examples
    --------
    >>> fake_quantize_per_tensor_affine([2.5, 127.4, 1000.0, np.nan], 1.0, 1, -128, 127)
    array([   2.,  126.,  126., -129.], dtype=float32)
    """
    return on_grid(*_per_tensor(x, scale, zero_point, quant_min, quant_max))


def fake_quantize_per_tensor_affine_backward(upstream, x, scale, zero_point, quant_min, quant_max):
    """dx = upstream · (quant_min ≤ rint(x · inv) + zero_point ≤ quant_max).

    Parameters
    ----------
    upstream : float32 array, the shape of `x`
    x, scale, zero_point, quant_min, quant_max
        As in :func:`fake_quantize_per_tensor_affine`.

    Returns
    -------
    float32 array, the shape of `x`

    Notes
    -----
    Compared in float32, so a limit of 2^31 − 1 is 2^31 here; with channels it is not.

    Examples
    --------
    >>> fake_quantize_per_tensor_affine_backward([5.0, 5.0, 5.0], [127.0, 127.5, 127.6], 1.0, 0, -128, 127)
    array([5., 0., 0.], dtype=float32)
    """
    levels, _, _, limits = _per_tensor(x, scale, zero_point, quant_min, quant_max)
    return masked(upstream, levels, np.float32(limits))


def fake_quantize_per_channel_affine(x, scale, zero_point, axis, quant_min, quant_max):
    """y = (clip(rint(x · inv) + zero_point, quant_min, quant_max) − zero_point) · scale for each channel.

    Parameters
    ----------
    x : float32 array, or numbers
    scale : float array, shape (channels,)
        Rounded to float32.
    zero_point : integer array, or float32 array, shape (channels,)
        Integers within [quant_min, quant_max], or any floats: those are part of the multiply-add, and so
        added before rounding: r = rint(fma(x, inv, zero_point)), and
        y = float32((float64(clip(r)) − zero_point) · float64(scale)).
    axis : int
    quant_min, quant_max : int

    Returns
    -------
    float32 array, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        If `x` is not float32, or an argument breaks its rule.

    Notes
    -----
    Unlike with one scale, the conversion to a 64-bit integer comes before the clip: where |r| ≥ 2^63 it is
    −2^63 (as x86 has it), so +inf and 1e20 become quant_min, as NaN does. Their gradient is 0. Verified bit
    for bit against PyTorch 2.13.0, with its gradient.

    Examples
    --------
    >>> fake_quantize_per_channel_affine([[2.5, np.inf]], [1.0], [1], 0, -128, 127)
    array([[   2., -129.]], dtype=float32)
    >>> fake_quantize_per_channel_affine([[2.5]], [1.0], np.float32([1]), 0, -128, 127)
    array([[3.]], dtype=float32)
    """
    return on_grid(*_per_channel(x, scale, zero_point, axis, quant_min, quant_max))


def fake_quantize_per_channel_affine_backward(upstream, x, scale, zero_point, axis, quant_min, quant_max):
    """dx = upstream · (quant_min ≤ r ≤ quant_max), with the r of :func:`fake_quantize_per_channel_affine`.

    Examples
    --------
    >>> fake_quantize_per_channel_affine_backward([[5.0, 5.0]], [[1.0, np.inf]], [1.0], [1], 0, -128, 127)
    array([[5., 0.]], dtype=float32)
    """
    levels, _, _, limits = _per_channel(x, scale, zero_point, axis, quant_min, quant_max)
    return masked(upstream, levels, limits)


def _per_tensor(x, scale, zero_point, quant_min, quant_max):
    """Return (levels before the clip, scale, zero point, limits), checked."""
    x, limits = as_float32("x", x), as_limits(quant_min, quant_max)
    scale, zero_point = np.float32(as_scale(scale)), as_zero_point(zero_point, *limits)
    return scale_and_round(x, reciprocal(scale)) + np.float32(zero_point), scale, zero_point, limits


def _per_channel(x, scale, zero_point, axis, quant_min, quant_max):
    """The same; scale is float64, in which the result is formed."""
    x, limits = as_float32("x", x), as_limits(quant_min, quant_max)
    scale = as_scales("scale", scale, x.shape, axis).astype(np.float32)
    if np.asarray(zero_point).dtype == np.float32:
        zero_point = along_axis("zero_point", zero_point, x.shape, axis)
        levels = np.rint(fma32(x, reciprocal(scale), zero_point)) + np.float32(0)  # no −0 among integers
        zero_point = zero_point.astype(np.float64)
    else:
        zero_point = as_zero_points("zero_point", zero_point, x.shape, axis, *limits)
        levels = scale_and_round(x, reciprocal(scale)) + zero_point.astype(np.float32)
    return through_int64(levels), scale.astype(np.float64), zero_point, limits
