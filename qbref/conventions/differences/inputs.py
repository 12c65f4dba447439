"""Inputs in order of size, and the places where a step function of floats steps."""

import numpy as np

SCALES = (1.0, *(k / 10 for k in range(1, 10)), *(k / 100 for k in range(1, 10)))
BISECTIONS = 33  # halve 2^32 floats to one


def by_magnitude(x):
    """The distinct numbers of `x`, the smaller magnitude first, then the positive one, NaN last.

    Examples
    --------
    >>> by_magnitude(np.array([-2.0, 1.0, 2.0, -1.0, 1.0, 0.0]))
    array([ 0.,  1., -1.,  2., -2.])
    """
    x = np.unique(x)
    return x[np.lexsort((x < 0, np.abs(x)))]


def pairs(setting, rules):
    """All (a, b) of int8, the least |a| + |b| first, of those the least |b|, positive ones first.

    Examples
    --------
    >>> pairs((), ())[:6].tolist()
    [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1], [2, 0]]
    """
    a, b = np.indices((256, 256)).reshape(2, -1) - 128
    order = np.lexsort((b < 0, a < 0, np.abs(b), np.abs(a) + np.abs(b)))
    return np.stack([a, b], axis=1)[order].astype(np.int8)


def steps(function, levels, reach):
    """Both sides of every step of a monotone function: the least float32 with function(x) ≥ level, and its
    predecessor.

    Parameters
    ----------
    function : callable, float32 array → integer array
        Never decreasing; below every level at −reach, and at the highest at +reach.
    levels : integer array
    reach : float

    Returns
    -------
    float32 array, shape (2 · levels,)

    Notes
    -----
    Bisection over the float32 numbers themselves: their bit patterns, negative ones mirrored, are consecutive
    integers. So nothing between two neighbouring floats is missed: two such functions differ at some x in
    [−reach, reach] exactly if they differ at a step of one of them.

    Examples
    --------
    >>> steps(lambda x: np.rint(x).astype(int), np.array([1]), 10.0)
    array([0.50000006, 0.5       ], dtype=float32)
    """
    highest = int(_key(np.float32(reach)))
    below = np.full(len(levels), -highest, np.int64)
    reached = np.full(len(levels), highest, np.int64)
    for _ in range(BISECTIONS):
        middle = (below + reached) // 2
        at_least = function(_float(middle)) >= levels
        reached = np.where(at_least, middle, reached)
        below = np.where(at_least, below, middle)
    return np.concatenate([_float(reached), _float(below)])


def _key(x):
    """The position of a float32 among all, 0 at 0."""
    bits = np.asarray(x, np.float32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _float(key):
    """The float32 at a position; the inverse of `_key`."""
    bits = np.where(key < 0, -key | 0x80000000, key).astype(np.uint32)
    return bits.view(np.float32)
