"""The DEQUANTIZE operator."""

import numpy as np

from qbref.conventions.tflite.quantize import BLOCK
from qbref.conventions.tflite.tensors import along_axis, as_kernels, as_quantized, as_scales, as_zero_points


def dequantize(q, scale, zero_point, axis=None, kernels="ref"):
    """x̂ = scale · (q − zero_point).

    ``"ref"``, ``"xnnpack"``
        f32(f64(s) · (q − z)): one rounding.
    ``"opt"``
        x86: int8 and uint8 in whole blocks of eight use f32(f32(q · s) + f32(−z · s)), three roundings; the
        last n mod 8 elements, int16 and per-axis scales are as "ref".

    Parameters
    ----------
    q : int8, uint8 or int16 array
    scale : float32, or array (C,) with `axis`
    zero_point : int, or integer array (C,)
    axis : int, optional
    kernels : {"ref", "opt", "xnnpack"}

    Returns
    -------
    float32 array, the shape of `q`

    Notes
    -----
    Verified bit for bit, LiteRT 2.3.0 on x86-64.

    Examples
    --------
    >>> dequantize(np.array([-128, 3, 127], np.int8), 0.5, 3)
    array([-65.5,   0. ,  62. ], dtype=float32)
    """
    q, kernels = as_quantized("q", q, np.int8, np.uint8, np.int16), as_kernels(kernels)
    s, z = along_axis(as_scales(scale), q, axis), along_axis(as_zero_points(zero_point, q.dtype), q, axis)
    with np.errstate(over="ignore"):
        x_hat = np.asarray((np.float64(s) * (q - z)).astype(np.float32))
        if kernels == "opt" and axis is None and q.dtype != np.int16:
            blocks = q.size - q.size % BLOCK
            terms = q.ravel()[:blocks].astype(np.float32) * s + np.float32(-z) * s
            x_hat = np.concatenate([terms, x_hat.ravel()[blocks:]]).reshape(q.shape)
    return x_hat
