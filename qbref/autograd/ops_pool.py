"""Pooling."""

import numpy as np

from qbref.autograd.shapes import pair
from qbref.autograd.tensor import Tensor, as_tensor


def _windows(H, W, kernel_size, stride, padding):
    KH, KW = pair("kernel_size", kernel_size, 1)
    SH, SW = (KH, KW) if stride is None else pair("stride", stride, 1)
    PH, PW = pair("padding", padding, 0)
    OH = (H + 2 * PH - KH) // SH + 1
    OW = (W + 2 * PW - KW) // SW + 1
    taps = [
        np.s_[:, :, k : k + SH * (OH - 1) + 1 : SH, l : l + SW * (OW - 1) + 1 : SW] for k in range(KH) for l in range(KW)
    ]
    return taps, (PH, PW)


def max_pool2d(x, kernel_size, stride=None, padding=0):
    """Largest element of each window; the first one in row-major order gets the upstream."""
    x = as_tensor(x)
    N, C, H, W = x.shape
    taps, (PH, PW) = _windows(H, W, kernel_size, stride, padding)
    xc = x.data.transpose(1, 0, 2, 3)
    if PH or PW:
        xc = np.pad(xc, ((0, 0), (0, 0), (PH, PH), (PW, PW)), constant_values=-np.inf)
    y = xc[taps[0]].copy()
    for window in taps[1:]:
        np.maximum(y, xc[window], out=y)

    def backward(upstream):
        g = upstream.transpose(1, 0, 2, 3)
        dx = np.zeros_like(xc)
        free = np.ones(y.shape, bool)
        for window in taps:
            here = (xc[window] == y) & free
            free &= ~here
            dx[window] += g * here
        return (dx[:, :, PH : PH + H, PW : PW + W].transpose(1, 0, 2, 3),)

    return Tensor.from_op(y.transpose(1, 0, 2, 3), (x,), backward)


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """Mean of each window."""
    x = as_tensor(x)
    N, C, H, W = x.shape
    taps, (PH, PW) = _windows(H, W, kernel_size, stride, padding)
    xc = x.data.transpose(1, 0, 2, 3)
    if PH or PW:
        xc = np.pad(xc, ((0, 0), (0, 0), (PH, PH), (PW, PW)))
    y = xc[taps[0]].copy()
    for window in taps[1:]:
        y += xc[window]
    y *= 1 / len(taps)

    def backward(upstream):
        g = upstream.transpose(1, 0, 2, 3) * (1 / len(taps))
        dx = np.zeros_like(xc)
        for window in taps:
            dx[window] += g
        return (dx[:, :, PH : PH + H, PW : PW + W].transpose(1, 0, 2, 3),)

    return Tensor.from_op(y.transpose(1, 0, 2, 3), (x,), backward)
