"""Which elements of a tensor share one scale (or one table).

===========  ======================  ===================================================
granularity  arguments               shape of the scales for x of shape (A, B)
===========  ======================  ===================================================
per tensor   neither                 ``()``
per channel  ``axis=0``              ``(A,)``
per block    ``axis=1, block_size``  ``(A, ceil(B / block_size))``; the last may be short
===========  ======================  ===================================================

The block layout is that of the ONNX operators QuantizeLinear and DequantizeLinear.
"""

import numpy as np

from qbref.quant.checks import as_integer


def check_granularity(name, shape, axis, block_size):
    """Raise an error unless scales of this shape can belong to `axis` and `block_size`."""
    if axis is None:
        if block_size is not None:
            raise ValueError(f"block_size must come with an axis, got block_size {block_size} and no axis")
        if shape:
            raise ValueError(f"{name} must be a scalar when axis is None, got shape {shape}")
        return
    as_integer("axis", axis)
    if block_size is None:
        if len(shape) != 1:
            raise ValueError(f"{name} must have one dimension when axis is given, got shape {shape}")
        return
    if as_integer("block_size", block_size) < 1:
        raise ValueError(f"block_size must be at least 1, got {block_size}")
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis must be a dimension of {name}, got axis {axis} for shape {shape}")


def scale_shape(shape, axis=None, block_size=None):
    """Return the shape of the scales for an x of the given shape.

    Raises
    ------
    ValueError
        If `axis` is not a dimension of x.

    Examples
    --------
    >>> scale_shape((3, 10)), scale_shape((3, 10), axis=0), scale_shape((3, 10), axis=-1, block_size=4)
    ((), (3,), (3, 3))
    """
    if axis is None:
        return ()
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis must be a dimension of x, got axis {axis} for shape {tuple(shape)}")
    axis %= len(shape)
    if block_size is None:
        return (shape[axis],)
    return (*shape[:axis], -(-shape[axis] // block_size), *shape[axis + 1 :])


def expand(values, shape, axis=None, block_size=None):
    """Return `values`, one per scale, so that they broadcast against an array of the given shape.

    Examples
    --------
    >>> expand(np.array([1, 2, 3]), (3, 10), axis=0)
    array([[1],
           [2],
           [3]])
    >>> expand(np.array([1, 2]), (5,), axis=0, block_size=3)
    array([1, 1, 1, 2, 2])
    """
    if axis is None:
        return values
    axis %= len(shape)
    if block_size is None:
        return values.reshape((-1,) + (1,) * (len(shape) - axis - 1))
    return values.take(np.arange(shape[axis]) // block_size, axis)


def groups(shape, axis=None, block_size=None):
    """Yield (position, index): the elements ``x[index]`` use the scale or table at `position`.

    Examples
    --------
    >>> list(groups((5,), axis=0, block_size=3))
    [((0,), (slice(0, 3, None),)), ((1,), (slice(3, 6, None),))]
    """
    for position in np.ndindex(scale_shape(shape, axis, block_size)):
        if axis is None:
            yield position, ...
        elif block_size is None:
            yield position, (slice(None),) * (axis % len(shape)) + position
        else:
            index = list(position)
            block = index[axis]
            index[axis] = slice(block * block_size, (block + 1) * block_size)
            yield position, tuple(index)
