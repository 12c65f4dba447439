"""torch._fake_quantize_learnable_per_tensor_affine and _per_channel_affine: scale and zero point are trained.

The forward pass is that of :mod:`qbref.conventions.torch.fake_quantize` with the zero point

    zi = clip(rint(zero_point), quant_min, quant_max)

The quantizer is that of Esser et al., "Learned Step Size Quantization", ICLR 2020.

Source: pytorch/pytorch, aten/src/ATen/native/quantized/FakeQuantPerTensorAffine.cpp and
FakeQuantPerChannelAffine.cpp.
"""

import numpy as np

from qbref.conventions.torch.clipping import as_limits
from qbref.conventions.torch.dtypes import rounded_to_float32
from qbref.conventions.torch.fake_quantize import (
    fake_quantize_per_channel_affine,
    fake_quantize_per_tensor_affine,
)


def fake_quantize_learnable_per_tensor_affine(x, scale, zero_point, quant_min, quant_max):
    """y = (clip(rint(x · inv) + zi) − zi) · scale with zi = clip(rint(zero_point), quant_min, quant_max).

    Parameters
    ----------
    x : float32 array, or numbers
    scale, zero_point : float
        Rounded to float32.
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
    Special values as in :func:`qbref.conventions.torch.fake_quantize_per_tensor_affine`.
    Verified bit for bit against PyTorch 2.13.0.

    Examples
    --------
    >>> fake_quantize_learnable_per_tensor_affine([0.5, 1.5, 300.0], 1.0, 2.5, -128, 127)
    array([  0.,   2., 125.], dtype=float32)
    """
    zero_point = nearest_level(as_finite_number(zero_point), as_limits(quant_min, quant_max))
    return fake_quantize_per_tensor_affine(x, scale, int(zero_point), quant_min, quant_max)


def fake_quantize_learnable_per_channel_affine(x, scale, zero_point, axis, quant_min, quant_max):
    """y = (clip(rint(x · inv) + zi) − zi) · scale for each channel, zi = clip(rint(zero_point), …).

    Parameters, result and errors as for :func:`fake_quantize_learnable_per_tensor_affine`; `scale` and
    `zero_point` have shape (channels,). Special values as in
    :func:`qbref.conventions.torch.fake_quantize_per_channel_affine`.

    Examples
    --------
    >>> fake_quantize_learnable_per_channel_affine([[0.5], [1.5]], [1.0, 2.0], [0.0, 0.0], 0, -128, 127)
    array([[0.],
           [2.]], dtype=float32)
    """
    zero_point = nearest_level(as_finite(zero_point), as_limits(quant_min, quant_max))
    return fake_quantize_per_channel_affine(x, scale, zero_point, axis, quant_min, quant_max)


def as_finite_number(zero_point):
    """Return one zero point as float32."""
    if np.ndim(zero_point) != 0:
        raise ValueError(f"zero_point must be a single number, got shape {np.shape(zero_point)}")
    return as_finite(zero_point)[()]


def as_finite(zero_point):
    """Return zero points as a float32 array."""
    zero_point = rounded_to_float32(zero_point)
    if not np.isfinite(zero_point).all():
        raise ValueError(f"zero_point must be finite, got {zero_point}")
    return zero_point


def nearest_level(zero_point, limits):
    """clip(rint(zero_point), quant_min, quant_max) as int64."""
    return np.clip(np.rint(zero_point.astype(np.float64)), *limits).astype(np.int64)
