"""Reductions over axes.

`axis` is None (all axes), an integer or a tuple of integers; `keepdims` keeps reduced axes with length 1.
"""

import math

import numpy as np

from qbref.autograd.shapes import normalize_axes
from qbref.autograd.tensor import Tensor, as_tensor


def _reduced(x, axis):
    """The result's shape with keepdims, the axes, and how many elements each result is made of."""
    axes = normalize_axes(axis, x.ndim)
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return kept, axes, math.prod(x.shape[i] for i in axes)


def _require_elements(x, axes, count):
    if count == 0:
        raise ValueError(f"x must have elements along axes {axes}, got shape {x.shape}")


def sum(x, axis=None, keepdims=False):
    """Σ x; every summand gets the upstream."""
    x = as_tensor(x)
    kept, axes, _ = _reduced(x, axis)

    def backward(upstream):
        return (np.broadcast_to(upstream.reshape(kept), x.shape),)

    return Tensor.from_op(x.data.sum(axis=axes, keepdims=keepdims), (x,), backward)


def mean(x, axis=None, keepdims=False):
    """Σ x / n over the n elements reduced; each gets upstream / n. No elements: ValueError."""
    x = as_tensor(x)
    kept, axes, count = _reduced(x, axis)
    _require_elements(x, axes, count)

    def backward(upstream):
        return (np.broadcast_to(upstream.reshape(kept) / count, x.shape),)

    return Tensor.from_op(x.data.mean(axis=axes, keepdims=keepdims), (x,), backward)


def var(x, axis=None, keepdims=False, correction=0):
    """Σ (x − mean)² / (n − correction); gradient 2 (x − mean) / (n − correction) · upstream.

    Parameters
    ----------
    x : Tensor
    axis, keepdims
        As in :func:`sum`.
    correction : float
        0 for the variance of the elements at hand, 1 for the unbiased estimate from a sample.

    Raises
    ------
    ValueError
        If there are not more than `correction` elements.

    Examples
    --------
    >>> from qbref.autograd import Tensor, var
    >>> var(Tensor([1.0, 2.0, 3.0]), correction=1)
    Tensor(1.)
    """
    x = as_tensor(x)
    kept, axes, count = _reduced(x, axis)
    if count <= correction:
        raise ValueError(f"correction must be less than the {count} elements reduced, got {correction}")
    centered = x.data - x.data.mean(axis=axes, keepdims=True)
    divisor = count - correction

    def backward(upstream):
        return (centered * (upstream.reshape(kept) * (2 / divisor)),)

    y = (centered * centered).sum(axis=axes, keepdims=keepdims) / divisor
    return Tensor.from_op(y, (x,), backward)


def max(x, axis=None, keepdims=False):
    """Largest element; of equal ones the first gets the upstream if `axis` is an integer, else they share it.

    Notes
    -----
    The two rules are those of PyTorch's ``max(dim)``, which picks an index, and of ``amax`` and ``max()``.

    Examples
    --------
    >>> from qbref.autograd import Tensor
    >>> x = Tensor([[2.0, 2.0]], requires_grad=True)
    >>> x.max(axis=1).sum().backward()
    >>> x.max().backward()
    >>> x.grad
    array([[1.5, 0.5]], dtype=float32)
    """
    return _extremum(np.max, np.argmax, x, axis, keepdims)


def min(x, axis=None, keepdims=False):
    """Smallest element; equal minima are treated as in :func:`max`."""
    return _extremum(np.min, np.argmin, x, axis, keepdims)


def _extremum(choose, first, x, axis, keepdims):
    x = as_tensor(x)
    x_data = x.data
    kept, axes, count = _reduced(x, axis)
    _require_elements(x, axes, count)
    y = choose(x_data, axis=axes, keepdims=True)

    def share_evenly(upstream):
        ties = x_data == y
        count = np.maximum(ties.sum(axis=axes, keepdims=True), 1)  # a NaN equals nothing
        return (ties * (upstream.reshape(kept) / count),)

    def give_to_first(upstream):
        grad = np.zeros_like(x_data)
        np.put_along_axis(grad, first(x_data, axis=axes[0], keepdims=True), upstream.reshape(kept), axes[0])
        return (grad,)

    backward = share_evenly if axis is None or isinstance(axis, (tuple, list)) else give_to_first
    return Tensor.from_op(y if keepdims else y.squeeze(axes), (x,), backward)
