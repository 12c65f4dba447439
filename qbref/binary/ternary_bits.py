"""Ternary vectors in two bit-planes, and their product by population count.

    nonzero   bit set where the element is ±1
    negative  bit set where it is −1

Elements lie in the words as :func:`qbref.kernels.pack_bits` puts signs: element i at bit i % 64 of word
i // 64, a set bit of `negative` meaning −1. A binary vector is one whose `nonzero` bits are all set.
"""

from typing import NamedTuple

import numpy as np

from qbref.quant.checks import as_integer, as_integer_array, check_within


class TernaryWords(NamedTuple):
    """Two bit-planes.

    Attributes
    ----------
    nonzero, negative : uint64 arrays, last axis ceil(k / 64)
        `negative` has no bit that `nonzero` has not; bits beyond k are 0.
    """

    nonzero: np.ndarray
    negative: np.ndarray


def pack_ternary(q):
    """nonzero, negative = bits of (q ≠ 0), bits of (q < 0), along the last axis.

    Parameters
    ----------
    q : integer array of −1, 0 and 1, at least one dimension, last axis k

    Returns
    -------
    TernaryWords

    Raises
    ------
    TypeError, ValueError
        If `q` is not an integer array, is a scalar, or has other values.

    Examples
    --------
    >>> nonzero, negative = pack_ternary(np.array([1, -1, 0, -1]))
    >>> bin(nonzero[0]), bin(negative[0])
    ('0b1011', '0b1010')
    """
    q = as_integer_array("q", q)
    if q.ndim == 0:
        raise ValueError("q must have at least one dimension, got a scalar")
    check_within("q", q, -1, 1)
    return TernaryWords(_words(q != 0), _words(q < 0))


def unpack_ternary(words, k):
    """Undo :func:`pack_ternary`: q[..., i] = nonzero bit i − 2 · negative bit i, for i < k.

    Parameters
    ----------
    words : TernaryWords
    k : int
        Number of elements in a row.

    Returns
    -------
    int8 array, last axis k

    Raises
    ------
    TypeError, ValueError
        If the planes are not two uint64 arrays of one shape, do not fit `k`, or mark a zero as negative.

    Examples
    --------
    >>> unpack_ternary(pack_ternary(np.array([1, -1, 0, -1])), 4)
    array([ 1, -1,  0, -1], dtype=int8)
    """
    words, k = _checked("words", words), as_integer("k", k)
    n_words = words.nonzero.shape[-1]
    if k < 0 or n_words != -(-k // 64):
        raise ValueError(f"words must have {-(-k // 64)} words a row for k {k}, got {n_words}")
    nonzero, negative = (_bits(plane) for plane in words)
    if nonzero[..., k:].any():
        raise ValueError(f"words must have no bit set beyond k, got one beyond {k}")
    return (nonzero - 2 * negative)[..., :k]


def ternary_matmul(a, b):
    """accumulator[m, n] = popcount(both) − 2 · popcount(both and (a.negative[m] xor b.negative[n])).

    ``both = a.nonzero[m] and b.nonzero[n]``: where it is set the product is +1, or −1 if the signs differ.

    Parameters
    ----------
    a : TernaryWords of shape (M, W)
    b : TernaryWords of shape (N, W)
        Rows as well, so that this is ``a @ b.T``.

    Returns
    -------
    accumulator : int32 array, shape (M, N)

    Raises
    ------
    TypeError, ValueError
        If an operand is not two uint64 matrices of one shape, or the rows differ in length.

    Notes
    -----
    The number of elements does not enter, unlike in :func:`qbref.kernels.xnor_matmul`: bits beyond it are
    zeros like any other.

    Examples
    --------
    >>> a, b = np.array([[1, -1, 0]]), np.array([[1, 1, 1], [0, -1, -1]])
    >>> ternary_matmul(pack_ternary(a), pack_ternary(b))
    array([[0, 1]], dtype=int32)
    """
    a, b = _checked("a", a), _checked("b", b)
    if a.nonzero.ndim != 2 or b.nonzero.ndim != 2 or a.nonzero.shape[1] != b.nonzero.shape[1]:
        got = f"{a.nonzero.shape} and {b.nonzero.shape}"
        raise ValueError(f"a and b must be matrices with rows of one length, got {got}")
    both = a.nonzero[:, np.newaxis] & b.nonzero
    differ = both & (a.negative[:, np.newaxis] ^ b.negative)
    return (_popcount(both) - 2 * _popcount(differ)).astype(np.int32)


def _words(bits):
    padding = [(0, 0)] * (bits.ndim - 1) + [(0, -bits.shape[-1] % 64)]
    octets = np.packbits(np.pad(bits, padding), axis=-1, bitorder="little")
    return octets.view("<u8").astype(np.uint64)


def _bits(words):
    octets = np.ascontiguousarray(words, "<u8").view(np.uint8)
    return np.unpackbits(octets, axis=-1, bitorder="little").astype(np.int8)


def _popcount(words):
    return np.bitwise_count(words).sum(axis=-1, dtype=np.int64)


def _checked(name, words):
    planes = TernaryWords(*map(np.asarray, words))
    if any(plane.dtype != np.uint64 for plane in planes):
        raise TypeError(f"{name} must hold uint64 planes, got {[plane.dtype.name for plane in planes]}")
    nonzero, negative = planes
    if nonzero.ndim == 0 or nonzero.shape != negative.shape:
        raise ValueError(f"{name} must hold planes of one shape, got {nonzero.shape} and {negative.shape}")
    if (negative & ~nonzero).any():
        raise ValueError(f"{name} must mark only nonzero elements as negative, got a negative zero")
    return planes
