"""Activations: functions of one element, and softmax."""

import numpy as np

from qbref import autograd
from qbref.autograd import Tensor, as_tensor


def relu(input):
    """y = max(0, x); the gradient passes where x > 0.

    Examples
    --------
    >>> relu(np.array([-1.0, 0.0, 2.0], np.float32)).numpy()
    array([0., 0., 2.], dtype=float32)
    """
    return autograd.relu(as_tensor(input))


def relu6(input):
    """y = min(max(0, x), 6); the gradient passes where 0 < x < 6."""
    return hardtanh(input, 0.0, 6.0)


def hardtanh(input, min_val=-1.0, max_val=1.0):
    """y = min(max(min_val, x), max_val); the gradient passes where min_val < x < max_val.

    Parameters
    ----------
    input : Tensor
    min_val, max_val : float
        min_val < max_val; may be infinite.

    Notes
    -----
    At both bounds the gradient is 0, as in PyTorch; that of :func:`qbref.autograd.clip` is 1 there.

    Examples
    --------
    >>> x = Tensor([-2.0, -1.0, 0.5], requires_grad=True)
    >>> hardtanh(x).backward(np.ones(3, np.float32))
    >>> x.grad
    array([0., 0., 1.], dtype=float32)
    """
    if not min_val < max_val:
        raise ValueError(f"min_val must be below max_val ({max_val!r}), got {min_val!r}")
    x = as_tensor(input)
    inside = (x.data > min_val) & (x.data < max_val)
    y = np.clip(x.data, x.dtype.type(min_val), x.dtype.type(max_val))
    return Tensor.from_op(y, (x,), lambda upstream: (upstream * inside,))


def gelu(input, approximate="none"):
    """y = x Phi(x), Phi the normal distribution's cumulative probability.

    Hendrycks and Gimpel, arXiv:1606.08415; `approximate` is "none" or "tanh".
    """
    return autograd.gelu(as_tensor(input), approximate)


def sigmoid(input):
    """y = 1 / (1 + exp(-x)), without overflow for any x."""
    return autograd.sigmoid(as_tensor(input))


def tanh(input):
    """y = tanh(x)."""
    return autograd.tanh(as_tensor(input))


def softmax(input, dim=-1):
    """y_i = exp(x_i) / sum_j exp(x_j) along the axis `dim`.

    Examples
    --------
    >>> softmax(np.array([1e4, 1e4], np.float32)).numpy()
    array([0.5, 0.5], dtype=float32)
    """
    return autograd.softmax(as_tensor(input), dim)


def log_softmax(input, dim=-1):
    """y_i = x_i - log sum_j exp(x_j) along the axis `dim`; exact where softmax would give 0."""
    return autograd.log_softmax(as_tensor(input), dim)
