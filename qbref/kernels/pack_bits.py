"""Signs packed 64 to a word, and back."""

import numpy as np

from qbref.kernels._checks import UINT64, check_int, check_pack_bits, check_words


def pack_bits(x):
    """bit i % 64 of words[..., i // 64] = (x[..., i] < 0): a set bit means -1.

    Parameters
    ----------
    x : float32, float64, int8 or bool array, shape (..., k)
        A bool is taken as the bit itself.

    Returns
    -------
    words : uint64 array, shape (..., ceil(k / 64))
        Bits beyond k are 0.

    Raises
    ------
    TypeError
        If `x` has another dtype.
    ValueError
        If `x` has no axis.

    Notes
    -----
    0, -0.0 and NaN are not below zero, so they become bit 0, that is +1. Both choices, and the
    polarity, are those of Larq Compute Engine (``core/bitpacking``), which packs into 32-bit words.

    Examples
    --------
    >>> pack_bits(np.array([-0.5, 2.0, -3.0, -0.0], np.float32))
    array([5], dtype=uint64)
    """
    check_pack_bits(x)
    k = x.shape[-1]
    n_words = (k + 63) // 64
    bits = np.zeros((*x.shape[:-1], 64 * n_words), np.bool_)
    bits[..., :k] = x if x.dtype == np.bool_ else x < 0
    octets = np.packbits(bits, axis=-1, bitorder="little")
    # little-endian words, whatever the machine, then its own byte order
    return octets.view("<u8").astype(UINT64, copy=False)


def unpack_bits(words, k):
    """x[..., i] = -1 where bit i % 64 of words[..., i // 64] is set, else +1, for i < k.

    Parameters
    ----------
    words : uint64 array, shape (..., ceil(k / 64))
    k : int

    Returns
    -------
    x : int8 array, shape (..., k)

    Raises
    ------
    TypeError
        If `words` is not a uint64 array.
    ValueError
        If the number of words does not fit `k`, or a bit beyond `k` is set.

    Examples
    --------
    >>> unpack_bits(np.array([5], np.uint64), 4)
    array([-1,  1, -1,  1], dtype=int8)
    """
    k = check_int("k", k, 0, 2**31 - 1)
    check_words("words", words, k)
    octets = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, bitorder="little")[..., :k]
    return 1 - 2 * bits.astype(np.int8)
