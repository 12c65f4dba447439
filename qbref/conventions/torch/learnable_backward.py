"""The backward pass of :mod:`qbref.conventions.torch.learnable`.

It rounds the zero point in its own way (zb) and adds it before it rounds,

    r = rint(fma(x, inv, zb)),    inv = float32(1) / float32(scale),

so for an odd zero point the two passes disagree at ties. Per element, with the values at the limits
held constant outside of them:

    dx          = upstream inside,                                0 outside
    dscale      = upstream · fma(clip(r) − zb, scale, −x) · inv,  upstream · (limit − zb)
    dzero_point = 0,                                              −upstream · scale

The last two are multiplied by grad_factor, which Esser et al. set to 1/√(numel · quant_max), and summed.

Source: pytorch/pytorch, aten/src/ATen/native/quantized/FakeQuantPerTensorAffine.cpp and
FakeQuantPerChannelAffine.cpp.
"""

from typing import NamedTuple

import numpy as np

from qbref.conventions.arithmetic import fma32
from qbref.conventions.torch.clipping import as_limits, masked, through_int64
from qbref.conventions.torch.dtypes import along_axis, as_float32, as_scale, as_scales, rounded_to_float32
from qbref.conventions.torch.learnable import as_finite, as_finite_number, nearest_level
from qbref.conventions.torch.scaling import reciprocal


class LearnableGradients(NamedTuple):
    """Gradients for the input, the scale and the zero point."""

    dx: np.ndarray
    dscale: np.ndarray
    dzero_point: np.ndarray


def fake_quantize_learnable_per_tensor_affine_backward(
    upstream, x, scale, zero_point, quant_min, quant_max, grad_factor=1.0
):
    """Gradients as the module states them, with zb = trunc(clip(zero_point + 1/2, quant_min, quant_max)).

    Parameters
    ----------
    upstream : float32 array, the shape of `x`
    x, scale, zero_point, quant_min, quant_max
        As in :func:`fake_quantize_learnable_per_tensor_affine`.
    grad_factor : float

    Returns
    -------
    LearnableGradients
        dx in the shape of `x`; dscale and dzero_point float32 scalars.

    Notes
    -----
    Mind that zb is one more than a negative integer zero_point, which the forward pass takes as it is.
    NaN and |r| ≥ 2^63 count as lying below quant_min. The terms are PyTorch's bit for bit (2.13.0); their
    sums, formed in float64 here and in float32 there, agree to a few units in the last place of the largest
    partial sum.

    Examples
    --------
    >>> gradients = fake_quantize_learnable_per_tensor_affine_backward(
    ...     [1.0, 1.0], [0.75, 300.0], 1.0, 0.0, -128, 127
    ... )
    >>> print(*gradients)
    [1. 0.] 127.25 -1.0
    """
    x, limits, scale = as_float32("x", x), as_limits(quant_min, quant_max), np.float32(as_scale(scale))
    zero_point = np.trunc(np.clip(as_finite_number(zero_point) + np.float32(0.5), *limits))
    dx, dscale, dzero_point = _gradients(upstream, x, scale, zero_point, limits, grad_factor)
    return LearnableGradients(dx, _sum(dscale), _sum(dzero_point))


def fake_quantize_learnable_per_channel_affine_backward(
    upstream, x, scale, zero_point, axis, quant_min, quant_max, grad_factor=1.0
):
    """Gradients as the module states them, with zb = zi = clip(rint(zero_point), quant_min, quant_max).

    Parameters, result and notes as for :func:`fake_quantize_learnable_per_tensor_affine_backward`; dscale
    and dzero_point have shape (channels,).

    Examples
    --------
    >>> gradients = fake_quantize_learnable_per_channel_affine_backward(
    ...     [[1.0], [1.0]], [[0.75], [300.0]], [1.0, 2.0], [0.0, 0.0], 0, -128, 127
    ... )
    >>> gradients.dscale, gradients.dzero_point
    (array([  0.25, 127.  ], dtype=float32), array([ 0., -2.], dtype=float32))
    """
    x, limits = as_float32("x", x), as_limits(quant_min, quant_max)
    scale = as_scales("scale", scale, x.shape, axis).astype(np.float32)
    zero_point = along_axis("zero_point", nearest_level(as_finite(zero_point), limits), x.shape, axis)
    dx, dscale, dzero_point = _gradients(
        upstream, x, scale, zero_point.astype(np.float32), limits, grad_factor
    )
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    return LearnableGradients(dx, _sum(dscale, others), _sum(dzero_point, others))


def _gradients(upstream, x, scale, zero_point, limits, grad_factor):
    """The terms of each element."""
    inverse, grad_factor = reciprocal(scale), rounded_to_float32(grad_factor)[()]
    levels = through_int64(np.rint(fma32(x, inverse, zero_point)))
    dx = masked(upstream, levels, limits)
    upstream = as_float32("upstream", upstream)
    with np.errstate(over="ignore", invalid="ignore"):
        below, above = levels < np.float64(limits[0]), levels > np.float64(limits[1])
        error = fma32(np.clip(levels, *limits) - zero_point, scale, -x)
        dscale = upstream * error * inverse
        dscale = np.where(below, upstream * (limits[0] - zero_point), dscale)
        dscale = np.where(above, upstream * (limits[1] - zero_point), dscale)
        dzero_point = np.where(below | above, -upstream * scale, np.float32(0))
        return dx, dscale * grad_factor, dzero_point * grad_factor


def _sum(terms, axis=None):
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sum(terms, axis, dtype=np.float64).astype(np.float32)[()]
