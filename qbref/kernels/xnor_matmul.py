"""The product of two matrices of signs, by exclusive or and population count."""

import numpy as np

from qbref.kernels._checks import check_int, check_words

BLOCK_WORDS = 2**20  # 8 MiB of temporary words


def xnor_matmul(a_words, b_words, k):
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

    Returns
    -------
    accumulator : int32 array, shape (M, N)
        From -k to k, always of k's parity.

    Raises
    ------
    TypeError
        If an operand is not a uint64 array.
    ValueError
        If the number of words does not fit `k`, or a bit beyond `k` is set.

    Notes
    -----
    Rastegari et al., "XNOR-Net", ECCV 2016, section 3.2. That paper's form, 2 * popcount(xnor) - k,
    is the same number, but there the unused bits of the last word would have to be masked.

    Examples
    --------
    >>> from qbref.kernels import pack_bits
    >>> a = np.array([[1.0, -1.0, 1.0]])
    >>> b = np.array([[1.0, 1.0, 1.0], [-1.0, 1.0, -1.0]])
    >>> xnor_matmul(pack_bits(a), pack_bits(b), k=3)
    array([[ 1, -3]], dtype=int32)
    """
    k = check_int("k", k, 0, 2**31 - 1)
    check_words("a_words", a_words, k, ndim=2)
    check_words("b_words", b_words, k, ndim=2)
    accumulator = np.empty((len(a_words), len(b_words)), np.int32)
    rows = max(1, BLOCK_WORDS // max(1, b_words.size))
    for start in range(0, len(a_words), rows):
        block = a_words[start : start + rows]
        mismatches = np.bitwise_count(block[:, None, :] ^ b_words).sum(axis=-1, dtype=np.int64)
        accumulator[start : start + rows] = k - 2 * mismatches
    return accumulator
