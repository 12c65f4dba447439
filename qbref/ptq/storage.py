"""Bytes that a layer's weights take: dense integers of few bits, or nonzeros with their positions."""

import math

import numpy as np


def dense_bytes(shape, n_bits):
    """rows * ceil(K * width / 8): one row for each output channel, rows padded to whole bytes.

    Parameters
    ----------
    shape : tuple of int
        Of the weights, output channels first; K is the product of the other axes.
    n_bits : int
        2 to 8, or 32 for float32. Stored integers are 2, 4 or 8 bits wide: 3 bits take 4, 5 to 7 take 8.

    Returns
    -------
    int

    Examples
    --------
    >>> [dense_bytes((10, 129), n_bits) for n_bits in (2, 3, 4, 5, 8, 32)]
    [330, 650, 650, 1290, 1290, 5160]
    """
    if n_bits != 32 and not 2 <= n_bits <= 8:
        raise ValueError(f"n_bits must be in 2..8 or 32, got {n_bits!r}")
    width = next(width for width in (2, 4, 8, 32) if n_bits <= width)
    rows, *others = shape
    return rows * -(-math.prod(others) * width // 8)


def sparse_bytes(weight, value_bits, index_bits=None):
    """ceil(entries * (value_bits + index_bits) / 8), an entry being a nonzero and its distance to the last.

    Parameters
    ----------
    weight : ndarray
        Read in C order; zeros are not stored.
    value_bits : int
        Of one stored value: 32 for float32, 8 for int8, 4 for a code of a table.
    index_bits : int or None
        Of one stored distance; None: the number from 1 to 16 that needs the fewest bytes.

    Returns
    -------
    int

    Notes
    -----
    Relative indices of Han et al., "Deep Compression" (arXiv:1510.00149, section 2 and figure 2):
    `index_bits` bits tell distances 1 to 2**index_bits; across a longer gap a zero is stored as an entry of
    its own, every 2**index_bits positions. The first distance counts from just before the array. The paper
    takes 8 bits for convolutions and 5 for fully connected layers.

    Examples
    --------
    The paper's figure 2, whose positions 1, 4, 15 need one stored zero with 3 bits:

    >>> weight = np.zeros(16); weight[[1, 4, 15]] = 3.4, 0.9, 1.7
    >>> sparse_bytes(weight, value_bits=5, index_bits=3)
    4
    """
    positions = np.flatnonzero(weight)
    gaps = np.diff(positions, prepend=-1)
    widths = range(1, 17) if index_bits is None else [index_bits]
    return min(_bytes_of_entries(gaps, value_bits, width) for width in widths)


def _bytes_of_entries(gaps, value_bits, index_bits):
    entries = int(-(-gaps // 2**index_bits).sum())
    return -(-entries * (value_bits + index_bits) // 8)
