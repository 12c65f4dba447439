"""Signs packed 64 to a word, and back."""

import numpy as np

from qbref.kernels._checks import UINT64
from qbref.kernels._checks_binary import check_pack_bits, check_unpack_bits


def pack_bits(x, axis=-1):
    """bit i % 64 of words[..., i // 64] = (x[..., i] < 0): a set bit means -1.

    Parameters
    ----------
    x : float32, float64, int8 or bool array
        A bool is taken as the bit itself.
    axis : int
        Where the k signs lie that are packed together; written as the last one above.

    Returns
    -------
    words : uint64 array
        Shaped like `x`, but with ceil(k / 64) words along `axis`. Bits beyond k are 0.

    Raises
    ------
    TypeError
        If `x` has another dtype.
    ValueError
        If `x` has no axis, or not this one.

    Notes
    -----
    0, -0.0 and NaN are not below zero, so they become bit 0, that is +1. Both choices, and the
    polarity, are those of Larq Compute Engine (``core/bitpacking``), which packs into 32-bit words.

    Examples
    --------
    >>> pack_bits(np.array([-0.5, 2.0, -3.0, -0.0], np.float32))
    array([5], dtype=uint64)
    """
    axis = check_pack_bits(x, axis)
    rows = np.moveaxis(x, axis, -1)
    k = rows.shape[-1]
    n_words = (k + 63) // 64
    bits = np.zeros((*rows.shape[:-1], 64 * n_words), np.bool_)
    bits[..., :k] = rows if x.dtype == np.bool_ else rows < 0
    octets = np.packbits(bits, axis=-1, bitorder="little")
    # little-endian words, whatever the machine, then its own byte order
    words = octets.view("<u8").astype(UINT64, copy=False)
    return np.ascontiguousarray(np.moveaxis(words, -1, axis))


def unpack_bits(words, k, axis=-1):
    """x[..., i] = -1 where bit i % 64 of words[..., i // 64] is set, else +1, for i < k.

    Parameters
    ----------
    words : uint64 array
        ceil(k / 64) words along `axis`.
    k : int
    axis : int
        The packed axis; written as the last one above.

    Returns
    -------
    x : int8 array
        Shaped like `words`, but with k elements along `axis`.

    Raises
    ------
    TypeError
        If `words` is not a uint64 array.
    ValueError
        If `words` has no such axis, the number of words does not fit `k`, or a bit beyond `k` is set.

    Examples
    --------
    >>> unpack_bits(np.array([5], np.uint64), 4)
    array([-1,  1, -1,  1], dtype=int8)
    """
    k, axis = check_unpack_bits(words, k, axis)
    octets = np.ascontiguousarray(np.moveaxis(words, axis, -1), dtype="<u8").view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, bitorder="little")[..., :k]
    return np.ascontiguousarray(np.moveaxis(1 - 2 * bits.astype(np.int8), -1, axis))
