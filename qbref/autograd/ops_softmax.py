"""Softmax and its logarithm, shifted by the maximum so that no exponential overflows."""

import numpy as np

from qbref.autograd.shapes import normalize_axis
from qbref.autograd.tensor import Tensor, as_tensor


def softmax(x, axis=-1):
    """e^x / Σ e^x along `axis`; gradient y · (upstream − Σ upstream · y).

    Examples
    --------
    >>> from qbref.autograd import Tensor, softmax
    >>> softmax(Tensor([1e4, 1e4]))
    Tensor([0.5, 0.5])
    """
    x = as_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    y = np.exp(x.data - x.data.max(axis=axis, keepdims=True))
    y /= y.sum(axis=axis, keepdims=True)

    def backward(upstream):
        return (y * (upstream - (upstream * y).sum(axis=axis, keepdims=True)),)

    return Tensor.from_op(y, (x,), backward)


def log_softmax(x, axis=-1):
    """x − log Σ e^x along `axis`; gradient upstream − softmax(x) · Σ upstream.

    Examples
    --------
    >>> from qbref.autograd import Tensor, log_softmax
    >>> log_softmax(Tensor([0.0, 1e4]))
    Tensor([-10000.,      0.])
    """
    x = as_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    shifted = x.data - x.data.max(axis=axis, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))

    def backward(upstream):
        return (upstream - np.exp(y) * upstream.sum(axis=axis, keepdims=True),)

    return Tensor.from_op(y, (x,), backward)
