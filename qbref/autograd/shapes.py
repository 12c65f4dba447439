"""Small helpers about shapes, axes and pairs that the operations share."""

from operator import index

import numpy as np


def unbroadcast(grad, shape):
    """Sum `grad` over the axes along which an operand of shape `shape` was broadcast.

    Broadcasting copies an element to many places; its gradient is the sum over those places.

    Parameters
    ----------
    grad : ndarray
        Gradient of the broadcast operand.
    shape : tuple of int
        Shape of the operand before broadcasting.

    Returns
    -------
    ndarray of shape `shape`
        `grad` itself when nothing was broadcast.

    Examples
    --------
    >>> unbroadcast(np.ones((4, 3)), (1, 3))
    array([[4., 4., 4.]])
    """
    if grad.shape == shape:
        return grad
    added = grad.ndim - len(shape)
    stretched = (added + i for i, n in enumerate(shape) if n == 1 and grad.shape[added + i] != 1)
    return grad.sum(axis=(*range(added), *stretched)).reshape(shape)


def normalize_axis(axis, ndim):
    """`axis` as an index from 0 to ndim - 1."""
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"axis must be an integer, got {axis!r}")
    if not -ndim <= index(axis) < ndim:
        raise ValueError(f"axis must be in [{-ndim}, {ndim - 1}] for {ndim} dimensions, got {axis}")
    return index(axis) % ndim


def normalize_axes(axis, ndim):
    """`axis` (None for all, an integer or a tuple) as a tuple of distinct non-negative integers."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(normalize_axis(a, ndim) for a in axes)
    if len(set(axes)) < len(axes):
        raise ValueError(f"axis must not name an axis twice, got {axis}")
    return axes


def pair(name, value, least):
    """`value` (an integer or two) as a pair of integers not below `least`."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    integers = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values)
    if not integers or len(values) != 2:
        raise TypeError(f"{name} must be an integer or a pair of integers, got {value!r}")
    if min(values) < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(values[0]), int(values[1])
