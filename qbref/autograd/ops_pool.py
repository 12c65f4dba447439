"""Pooling: one number from each window."""

import numpy as np

from qbref.autograd.shapes import pair
from qbref.autograd.tensor import Tensor, as_tensor
from qbref.autograd.windows import inside, surround, to_chwn, to_nchw, windows


def max_pool2d(x, kernel_size, stride=None, padding=0):
    """Largest element of each window; of equal ones the first in row-major order gets the upstream.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    kernel_size : int or pair of int
    stride : int, pair of int or None
        None means `kernel_size`.
    padding : int or pair of int
        Added on each side with −inf, at most half the kernel.

    Returns
    -------
    Tensor, shape (N, C, OH, OW)
        OH = (H + 2·PH − KH) // SH + 1: an incomplete window at the end is dropped.

    Raises
    ------
    ValueError
        If `x` has not four axes, no window fits, or `padding` exceeds half the kernel.

    Examples
    --------
    >>> from qbref.autograd import Tensor, max_pool2d
    >>> x = Tensor([[[[1, 2], [2, 0]]]], requires_grad=True)
    >>> max_pool2d(x, 2).backward()
    >>> x.grad
    array([[[[0., 1.],
             [0., 0.]]]], dtype=float32)
    """
    x = as_tensor(x)
    kernel_size, stride, padding = _checked(x, kernel_size, stride, padding)
    image = to_chwn(x.data) if padding == (0, 0) else surround(to_chwn(x.data), padding, -np.inf)
    taps = windows(image, kernel_size, stride)
    y = taps[:, 0, 0].copy()
    for row, col in np.ndindex(kernel_size):
        np.maximum(y, taps[:, row, col], out=y)

    def backward(upstream):
        g = np.ascontiguousarray(to_chwn(upstream))
        grad_image = np.zeros(image.shape, g.dtype)
        grad_taps = windows(grad_image, kernel_size, stride)
        unmet = np.ones(y.shape, bool)  # windows whose maximum has not been met yet
        for row, col in np.ndindex(kernel_size):  # row-major
            first = taps[:, row, col] == y
            first &= unmet
            unmet ^= first
            grad_taps[:, row, col] += g * first
        return (to_nchw(inside(grad_image, padding)),)

    return Tensor.from_op(to_nchw(y), (x,), backward)


def avg_pool2d(x, kernel_size, stride=None, padding=0):
    """Mean of each window, padded zeros counted; every element gets upstream / (KH · KW).

    Parameters
    ----------
    x, kernel_size, stride, padding
        As in :func:`max_pool2d`, but padded with zeros.

    Returns
    -------
    Tensor, shape (N, C, OH, OW)

    Examples
    --------
    >>> from qbref.autograd import Tensor, avg_pool2d
    >>> avg_pool2d(Tensor([[[[1, 2], [2, 0]]]]), 2)
    Tensor([[[[1.25]]]])
    """
    x = as_tensor(x)
    kernel_size, stride, padding = _checked(x, kernel_size, stride, padding)
    image = to_chwn(x.data) if padding == (0, 0) else surround(to_chwn(x.data), padding)
    taps = windows(image, kernel_size, stride)
    share = 1 / (kernel_size[0] * kernel_size[1])
    y = taps.sum(axis=(1, 2)) * share
    image_shape = image.shape

    def backward(upstream):
        g = np.ascontiguousarray(to_chwn(upstream)) * share
        grad_image = np.zeros(image_shape, g.dtype)
        grad_taps = windows(grad_image, kernel_size, stride)
        for row, col in np.ndindex(kernel_size):
            grad_taps[:, row, col] += g
        return (to_nchw(inside(grad_image, padding)),)

    return Tensor.from_op(to_nchw(y), (x,), backward)


def _checked(x, kernel_size, stride, padding):
    kernel_size = pair("kernel_size", kernel_size, 1)
    stride = kernel_size if stride is None else pair("stride", stride, 1)
    padding = pair("padding", padding, 0)
    if x.ndim != 4:
        raise ValueError(f"x must have shape (N, C, H, W), got {x.shape}")
    if 2 * padding[0] > kernel_size[0] or 2 * padding[1] > kernel_size[1]:
        raise ValueError(f"padding must be at most half of kernel_size {kernel_size}, got {padding}")
    return kernel_size, stride, padding
