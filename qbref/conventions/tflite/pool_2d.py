"""AVERAGE_POOL_2D and MAX_POOL_2D: the grid of the input is that of the output."""

from functools import reduce

import numpy as np

from qbref.conventions.arithmetic import saturate
from qbref.conventions.parts import parts
from qbref.conventions.tflite.activation import activation_range
from qbref.conventions.tflite.tensors import as_kernels, as_quantized, as_scale
from qbref.conventions.tflite.windows import as_pair, pad_image, windows


def average_pool_2d(
    x, window, stride=None, padding="VALID", scale=1.0, zero_point=0, activation="none", kernels="ref"
):
    """y = clip(half_away(Σ x / n)), over the n taps that lie inside the image; in integers.

    Parameters
    ----------
    x : int8 or int16 array (N, H, W, C)
    window, stride : int or pair
        The stride is the window if not given.
    padding : {"VALID", "SAME"}
    scale, zero_point : float32, int
        Of input and output alike; only the activation asks for them.
    activation : {"none", "relu", "relu6", "relu_n1_to_1"}
    kernels : {"ref", "opt", "xnnpack"}
        The arithmetic of all three is the same.

    Returns
    -------
    array (N, OH, OW, C) of x's dtype

    Notes
    -----
    In C: ``acc > 0 ? (acc + n / 2) / n : (acc - n / 2) / n``. Verified bit for bit, LiteRT 2.3.0.

    Examples
    --------
    >>> x = np.array([-1, 0, 3, 4], np.int8).reshape(1, 1, 4, 1)
    >>> average_pool_2d(x, (1, 2)).ravel()  # -0.5 and 3.5
    array([-1,  4], dtype=int8)
    """
    x, window, stride, limits = _prepare(x, window, stride, scale, zero_point, activation, kernels)
    seen = windows(pad_image(x, window, stride, (1, 1), padding, 0), window, stride)
    inside = pad_image(np.ones((1, *x.shape[1:3], 1), np.int32), window, stride, (1, 1), padding, 0)
    n = sum(_taps(windows(inside, window, stride)))
    y = np.empty((*seen.shape[:3], x.shape[3]), x.dtype)
    for part in parts(y):
        acc = sum(tap.astype(np.int64) for tap in _taps(seen[part]))
        counts = n[:, part[1]]
        y[part] = saturate(np.sign(acc) * ((np.abs(acc) + counts // 2) // counts), *limits, x.dtype)
    return y


def max_pool_2d(
    x, window, stride=None, padding="VALID", scale=1.0, zero_point=0, activation="none", kernels="ref"
):
    """y = clip(max x), over the taps that lie inside the image.

    Parameters and result as for :func:`average_pool_2d`.

    Examples
    --------
    >>> max_pool_2d(np.array([-1, 0, 3, 4], np.int8).reshape(1, 1, 4, 1), (1, 2)).ravel()
    array([0, 4], dtype=int8)
    """
    x, window, stride, limits = _prepare(x, window, stride, scale, zero_point, activation, kernels)
    padded = pad_image(x, window, stride, (1, 1), padding, np.iinfo(x.dtype).min)
    return saturate(reduce(np.maximum, _taps(windows(padded, window, stride))), *limits, x.dtype)


def _taps(seen):
    """What each tap sees, from windows (N, OH, OW, KH, KW, C): KH · KW views (N, OH, OW, C)."""
    return (seen[:, :, :, i, j] for i, j in np.ndindex(seen.shape[3:5]))


def _prepare(x, window, stride, scale, zero_point, activation, kernels):
    x = as_quantized("x", x, np.int8, np.int16)
    if x.ndim != 4:
        raise ValueError(f"x must have shape (N, H, W, C), got {x.shape}")
    window = as_pair("window", window)
    stride = window if stride is None else as_pair("stride", stride)
    limits = activation_range(activation, as_scale(scale), zero_point, x.dtype, as_kernels(kernels))
    return x, window, stride, limits
