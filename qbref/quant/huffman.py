"""Huffman coding of the codes of a lookup table: how many bits a compressed layer needs.

A code that occurs often gets a short bit string, a rare one a long string. No bit is written here:
the lengths alone give the exact size.
"""

import heapq
from typing import NamedTuple

import numpy as np

from qbref.quant.checks import as_integer_array, check_within


class CompressedSize(NamedTuple):
    """Bits of a table-quantized tensor: coded indices, code table, levels."""

    indices: int
    table: int
    levels: int

    @property
    def total(self):
        """All bits."""
        return sum(self)


def huffman_lengths(counts):
    """Return the bits of each symbol in a prefix code with the smallest Σ counts · lengths.

    Parameters
    ----------
    counts : integer array, shape (n,)
        How often each symbol occurs.

    Returns
    -------
    int64 array, shape (n,)
        0 for a symbol that does not occur. A lone symbol gets 1 bit.

    Raises
    ------
    TypeError, ValueError
        If `counts` is not an integer array of one dimension, or holds a negative number.

    Notes
    -----
    Huffman, "A Method for the Construction of Minimum-Redundancy Codes" (1952): join the two rarest groups
    of symbols until one is left; each join adds a bit to every member. Different choices among equal
    counts give different lengths, but the same total.

    Examples
    --------
    >>> huffman_lengths(np.array([5, 1, 0, 2]))
    array([1, 2, 0, 2])
    """
    counts = as_integer_array("counts", counts)
    if counts.ndim != 1:
        raise ValueError(f"counts must have one dimension, got shape {counts.shape}")
    if counts.size and counts.min() < 0:
        raise ValueError(f"counts must not be negative, got {counts.min()}")
    lengths = np.zeros(len(counts), np.int64)
    groups = [(int(counts[symbol]), int(symbol), [int(symbol)]) for symbol in np.flatnonzero(counts)]
    if len(groups) == 1:
        lengths[groups[0][1]] = 1
    heapq.heapify(groups)  # ordered by count, then by lowest symbol: the lists are never compared
    while len(groups) > 1:
        count, symbol, members = heapq.heappop(groups)
        other_count, other_symbol, other_members = heapq.heappop(groups)
        members = members + other_members
        lengths[members] += 1
        heapq.heappush(groups, (count + other_count, min(symbol, other_symbol), members))
    return lengths


def huffman_size(codes, codebook):
    """Return the bits of `codes` after Huffman coding, with everything needed to read them back.

    Parameters
    ----------
    codes : integer array with values in [0, 2^n_bits), not empty
    codebook : Codebook
        Of any granularity; one Huffman code serves all its tables.

    Returns
    -------
    CompressedSize
        indices: Σ counts · lengths. table: a canonical code is known from the length of each of the
        2^n_bits symbols, each stored in as many bits as the greatest length needs. levels: 32 bits each.

    Raises
    ------
    TypeError, ValueError
        If `codes` is not an integer array, is empty, or a code is out of range.

    Notes
    -----
    The last stage of Han et al., "Deep Compression" (arXiv 1510.00149, section 4). With H the entropy of
    the codes, the indices take at least H and less than H + 1 bits a value; 1 bit if only one code occurs.

    Examples
    --------
    >>> from qbref.quant.lut import Codebook
    >>> size = huffman_size([1, 1, 1, 1, 1, 0, 3, 3], Codebook([-1.0, 0.0, 0.5, 2.0], n_bits=2))
    >>> size, size.total  # lengths 2, 1, 0, 2: two bits for each
    (CompressedSize(indices=11, table=8, levels=128), 147)
    """
    codes = as_integer_array("codes", codes)
    if codes.size == 0:
        raise ValueError(f"codes must not be empty, got shape {codes.shape}")
    n_symbols = 2**codebook.n_bits
    check_within("codes", codes, 0, n_symbols - 1)
    counts = np.bincount(codes.ravel(), minlength=n_symbols)
    lengths = huffman_lengths(counts)
    table = n_symbols * int(lengths.max()).bit_length()
    return CompressedSize(int(counts @ lengths), table, 32 * codebook.levels.size)
