"""The product of two matrices of signs, by exclusive or and population count."""

from typing import NamedTuple

import numpy as np

from qbref.binary.threshold import apply_threshold
from qbref.kernels._checks_binary import check_xnor_matmul
from qbref.kernels.pack_bits import pack_bits

BLOCK_WORDS = 2**20  # 8 MiB of temporary words


class Threshold(NamedTuple):
    """Batch normalization and sign in one comparison: +1 where (accumulator >= threshold) != flip.

    Attributes
    ----------
    threshold : int32 array, shape (N,)
        One for each column, as :func:`qbref.binary.integer_threshold` finds them.
    flip : bool array, shape (N,)
        True where batch normalization has a negative factor, so that smaller sums are +1.
    """

    threshold: np.ndarray
    flip: np.ndarray


def xnor_matmul(a_words, b_words, k, threshold=None):
    """accumulator[m, n] = k - 2 * popcount(a_words[m] xor b_words[n]) = sum_i a[m, i] * b[n, i].

    a and b hold k signs a row. Equal signs add +1 and different ones -1, and the exclusive or has
    exactly the different ones set; it does not matter which of the two bits stands for -1.

    Parameters
    ----------
    a_words : uint64 array, shape (M, ceil(k / 64))
        Rows of signs, from :func:`qbref.kernels.pack_bits`.
    b_words : uint64 array, shape (N, ceil(k / 64))
        Rows as well, so that this is ``a @ b.T``.
    k : int
        The number of signs in a row.
    threshold : Threshold or None
        If given, the accumulators become signs, packed for the next product.

    Returns
    -------
    accumulator : int32 array, shape (M, N)
        From -k to k, always of k's parity.
    words : uint64 array, shape (M, ceil(N / 64))
        With a threshold, in place of the accumulator: bit n % 64 of words[m, n // 64] is
        ``not ((accumulator[m, n] >= threshold[n]) != flip[n])``, a set bit meaning -1.

    Raises
    ------
    TypeError
        If an operand is not a uint64 array, or the threshold not a Threshold of int32 and bool arrays.
    ValueError
        If the number of words does not fit `k`, a bit beyond `k` is set, or the threshold is not
        one for each column.

    Notes
    -----
    Rastegari et al., "XNOR-Net", ECCV 2016, section 3.2. That paper's form, 2 * popcount(xnor) - k,
    is the same number, but there the unused bits of the last word would have to be masked. Umuroglu et
    al., "FINN", FPGA 2017, section 4.2.2, turn batch normalization and sign into a threshold.

    Examples
    --------
    >>> a = np.array([[1.0, -1.0, 1.0]])
    >>> b = np.array([[1.0, 1.0, 1.0], [-1.0, 1.0, -1.0]])
    >>> xnor_matmul(pack_bits(a), pack_bits(b), k=3)
    array([[ 1, -3]], dtype=int32)
    >>> at_least_two = Threshold(np.array([2, 2], np.int32), np.array([False, True]))
    >>> xnor_matmul(pack_bits(a), pack_bits(b), k=3, threshold=at_least_two)  # -1, and flipped +1
    array([[1]], dtype=uint64)
    """
    k, threshold = check_xnor_matmul(a_words, b_words, k, threshold)
    accumulator = np.empty((len(a_words), len(b_words)), np.int32)
    rows = max(1, BLOCK_WORDS // max(1, b_words.size))
    for start in range(0, len(a_words), rows):
        block = a_words[start : start + rows]
        mismatches = np.bitwise_count(block[:, None, :] ^ b_words).sum(axis=-1, dtype=np.int64)
        accumulator[start : start + rows] = k - 2 * mismatches
    return accumulator if threshold is None else pack_bits(~apply_threshold(accumulator, *threshold))
