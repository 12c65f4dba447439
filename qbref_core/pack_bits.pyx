# Compiled twin of qbref/kernels/pack_bits.py
#
# 64 comparisons make 64 bytes of 0 or 1, a loop that the compiler vectorizes. One multiplication then gathers
# eight such bytes into eight bits: it moves byte j to bit 56 + j, for every j, and no two bits of the product
# meet below.

import numpy as np

from qbref.kernels._checks import check_int, check_pack_bits, check_words

from libc.stdint cimport int8_t, uint8_t, uint64_t

ctypedef fused packable:
    float
    double
    int8_t
    uint8_t  # bool, already the bit


def pack_bits(x):
    """Compiled twin of :func:`qbref.kernels.pack_bits`."""
    check_pack_bits(x)
    *leading, k = x.shape
    n_words = (k + 63) // 64
    words = np.empty((*leading, n_words), np.uint64)
    if words.size == 0:
        return words
    rows, out = np.ascontiguousarray(x).reshape(-1, k), words.reshape(-1, n_words)
    if x.dtype == np.float32:
        pack[float](rows, out)
    elif x.dtype == np.float64:
        pack[double](rows, out)
    elif x.dtype == np.int8:
        pack[int8_t](rows, out)
    else:
        pack[uint8_t](rows.view(np.uint8), out)
    return words


def unpack_bits(words, k):
    """Compiled twin of :func:`qbref.kernels.unpack_bits`."""
    k = check_int("k", k, 0, 2**31 - 1)
    check_words("words", words, k)
    *leading, n_words = words.shape
    x = np.empty((*leading, k), np.int8)
    if x.size:
        unpack(np.ascontiguousarray(words).reshape(-1, n_words), x.reshape(-1, k))
    return x


cdef inline uint64_t word(const packable* x, Py_ssize_t count) noexcept nogil:
    """The bits of x[:count], for count up to 64."""
    cdef uint8_t[64] below_zero
    cdef uint64_t octet, bits = 0
    cdef Py_ssize_t i, j
    for i in range(count):
        if packable is uint8_t:
            below_zero[i] = x[i]
        else:
            below_zero[i] = x[i] < 0
    for i in range(count, 64):
        below_zero[i] = 0
    for i in range(8):
        octet = 0
        for j in range(8):
            octet |= <uint64_t>below_zero[8 * i + j] << (8 * j)  # one load, if little-endian
        bits |= (octet * <uint64_t>0x0102040810204080 >> 56) << (8 * i)
    return bits


cdef pack(const packable[:, ::1] x, uint64_t[:, ::1] words):
    cdef Py_ssize_t whole = x.shape[1] // 64, rest = x.shape[1] % 64, i, w
    with nogil:
        for i in range(x.shape[0]):
            for w in range(whole):
                words[i, w] = word(&x[i, 64 * w], 64)
            if rest:
                words[i, whole] = word(&x[i, 64 * whole], rest)


cdef unpack(const uint64_t[:, ::1] words, int8_t[:, ::1] x):
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                x[i, j] = 1 - 2 * <int8_t>(words[i, j // 64] >> (j % 64) & 1)
