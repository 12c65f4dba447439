"""Large arrays a part at a time, so that what a rule computes on its way stays small beside them."""

import math

LARGEST = 2**20
"""Bytes of a part, if one item has no more."""


def parts(y, *read):
    """Yield indices, two slices each, that cover the first two axes of `y` and of the arrays it comes from.

    A part is as many whole runs of the second axis as fit into 2^20 bytes, or, where one run does not fit, a
    piece of one. An element of `y` counts as two int64 numbers, in which rules work.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.zeros((3, 10, 4096), np.int8)
    >>> [y[part].shape[:2] for part in parts(y)]
    [(1, 10), (1, 10), (1, 10)]
    >>> y = np.zeros((1, 30, 4096), np.int8)
    >>> [y[part].shape[:2] for part in parts(y)]
    [(1, 16), (1, 14)]
    """
    runs, length = y.shape[:2]
    item = max(16 * math.prod(y.shape[2:]), *(x.itemsize * math.prod(x.shape[2:]) for x in read), 1)
    items = max(1, LARGEST // item)
    step = max(1, items // max(1, length))
    for i in range(0, runs, step):
        for j in range(0, length, items):
            yield slice(i, i + step), slice(j, j + items)
