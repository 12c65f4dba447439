"""The arithmetic of the layers, given their weights."""

import numpy as np

from qbref import autograd
from qbref.autograd import Tensor, as_tensor


def linear(input, weight, bias=None):
    """y = x W^T + b.

    Parameters
    ----------
    input : Tensor, shape (..., in_features)
    weight : Tensor, shape (out_features, in_features)
    bias : Tensor, shape (out_features,), or None

    Returns
    -------
    Tensor, shape (..., out_features)

    Examples
    --------
    >>> linear(Tensor([[1.0, 2.0]]), Tensor([[3.0, 4.0]]), Tensor([5.0])).numpy()
    array([[16.]], dtype=float32)
    """
    y = as_tensor(input) @ as_tensor(weight).T
    return y if bias is None else y + bias


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """The formula of :class:`qbref.nn.Conv2d`.

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W)
    weight : Tensor, shape (O, C / groups, KH, KW)
    bias : Tensor, shape (O,), or None
    stride, padding, dilation : int or (int, int)
    groups : int

    Returns
    -------
    Tensor, shape (N, O, OH, OW)
        OH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1, OW likewise.
    """
    return autograd.conv2d(as_tensor(input), weight, bias, stride, padding, dilation, groups)


def max_pool2d(input, kernel_size, stride=None, padding=0):
    """y = the largest value of each window of (N, C, H, W); a stride of None is the kernel's size."""
    return autograd.max_pool2d(as_tensor(input), kernel_size, stride, padding)


def avg_pool2d(input, kernel_size, stride=None, padding=0):
    """y = the mean of each window of (N, C, H, W), zeros of the padding included."""
    return autograd.avg_pool2d(as_tensor(input), kernel_size, stride, padding)


def batch_norm(
    input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):
    """y = (x - mean) / sqrt(var + eps) * weight + bias for every channel (axis 1).

    Parameters
    ----------
    input : Tensor, shape (N, C, ...)
    running_mean, running_var : float ndarray, shape (C,)
        Used in evaluation; in training, updated in place with the batch's mean and unbiased variance.
    weight, bias : Tensor, shape (C,), or None
        None: 1 and 0.
    training : bool
    momentum : float
        Weight of the new batch in the running statistics.
    eps : float
    """
    x = as_tensor(input)
    weight = Tensor(np.ones(x.shape[1], x.dtype)) if weight is None else weight
    bias = Tensor(np.zeros(x.shape[1], x.dtype)) if bias is None else bias
    return autograd.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last axes, of sizes `normalized_shape`."""
    return autograd.layer_norm(as_tensor(input), normalized_shape, weight, bias, eps)


def dropout(input, p=0.5, training=True, rng=None):
    """While training, y = x * mask / (1 - p) with mask 0 with probability p; otherwise y = x."""
    return autograd.dropout(as_tensor(input), p, training, rng)


def embedding(input, weight, padding_idx=None):
    """y[..., :] = weight[input[...]] for integers `input`; the row `padding_idx` gets no gradient."""
    return autograd.embedding(input, weight, padding_idx)


def pad(input, pad, value=0.0):
    """Surround `input` with `value`.

    Parameters
    ----------
    input : Tensor
    pad : sequence of int
        (before, after) of the last axis, then of the one before it, and so on: PyTorch's order.
    value : float

    Examples
    --------
    >>> pad(Tensor([[1.0, 2.0]]), (1, 0)).numpy()
    array([[0., 1., 2.]], dtype=float32)
    """
    x = as_tensor(input)
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad must be pairs for at most {x.ndim} axes, got {pad!r}")
    from_last = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return autograd.pad(x, [(0, 0)] * (x.ndim - len(from_last)) + from_last[::-1], value)
