"""Operations that move elements without changing them."""

import numpy as np

from qbref.autograd.shapes import normalize_axes, normalize_axis
from qbref.autograd.tensor import Tensor, as_tensor


def reshape(x, *shape):
    """The same elements, in row-major order, in another shape; one length may be −1."""
    x = as_tensor(x)
    shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    try:
        y = x.data.reshape(shape)
    except ValueError:
        raise ValueError(f"shape must hold the {x.size} elements of {x.shape}, got {tuple(shape)}") from None
    return Tensor.from_op(y, (x,), lambda upstream: (upstream.reshape(x.shape),))


def transpose(x, *axes):
    """Axis i of the result is axis axes[i] of x; without `axes`, their order is reversed."""
    x = as_tensor(x)
    axes = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
    order = normalize_axes(axes, x.ndim) if axes else tuple(reversed(range(x.ndim)))
    if len(order) != x.ndim:
        raise ValueError(f"axes must name each of {x.ndim} axes once, got {tuple(axes)}")
    inverse = np.argsort(order)
    return Tensor.from_op(x.data.transpose(order), (x,), lambda upstream: (upstream.transpose(inverse),))


def getitem(x, index):
    """x[index] by NumPy's rules; an element taken several times gets the sum of the upstreams."""
    x = as_tensor(x)
    parts = index if isinstance(index, tuple) else (index,)
    takes_once = all(part is None or part is Ellipsis or isinstance(part, (int, slice)) for part in parts)

    def backward(upstream):
        grad = np.zeros_like(x.data)
        if takes_once:
            grad[index] = upstream
        else:
            np.add.at(grad, index, upstream)
        return (grad,)

    return Tensor.from_op(x.data[index], (x,), backward)


def concatenate(tensors, axis=0):
    """Join along an existing axis; each operand gets its slice of the upstream."""
    tensors = [as_tensor(t) for t in tensors]
    if not tensors:
        raise ValueError("tensors must hold at least one tensor, got none")
    axis = normalize_axis(axis, tensors[0].ndim)
    ends = np.cumsum([t.shape[axis] for t in tensors])[:-1]
    y = np.concatenate([t.data for t in tensors], axis=axis)
    return Tensor.from_op(y, tensors, lambda upstream: tuple(np.split(upstream, ends, axis=axis)))


def stack(tensors, axis=0):
    """Join along a new axis; each operand gets its slice of the upstream."""
    tensors = [as_tensor(t) for t in tensors]
    if not tensors:
        raise ValueError("tensors must hold at least one tensor, got none")
    axis = normalize_axis(axis, tensors[0].ndim + 1)
    y = np.stack([t.data for t in tensors], axis=axis)
    return Tensor.from_op(y, tensors, lambda upstream: tuple(np.moveaxis(upstream, axis, 0)))


def pad(x, widths, value=0.0):
    """Surround x with `value`; the gradient is the inner part of the upstream.

    Parameters
    ----------
    x : Tensor
    widths : sequence of (before, after)
        Number of elements added, one pair of non-negative integers per axis.
    value : float

    Examples
    --------
    >>> from qbref.autograd import Tensor, pad
    >>> pad(Tensor([1.0, 2.0]), ((1, 2),))
    Tensor([0., 1., 2., 0., 0.])
    """
    x = as_tensor(x)
    widths = tuple((int(before), int(after)) for before, after in widths)
    if len(widths) != x.ndim or any(w < 0 for pair in widths for w in pair):
        raise ValueError(f"widths must be {x.ndim} pairs of non-negative integers, got {widths}")
    inner = tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))
    y = np.pad(x.data, widths, constant_values=value)
    return Tensor.from_op(y, (x,), lambda upstream: (upstream[inner],))
