# Compiled twin of qbref/kernels/pack_bits.py
#
# Rows lie along the packed axis: pack_signs.h takes 64 neighbours at a time, the last few of a row through a
# small buffer. Another axis than the last, and any other layout, is first copied into such rows.

import numpy as np

from qbref.kernels._checks_binary import check_pack_bits, check_unpack_bits

from libc.stdint cimport int8_t, uint8_t, uint64_t
from libc.string cimport memcpy

from qbref_core.cpu cimport flags

from qbref_core import threads

cdef extern from "pack_signs.h" nogil:
    void qb_connect(const int *flags)
    uint64_t qb_word_float(const float* x)
    uint64_t qb_word_double(const double* x)
    uint64_t qb_word_int8(const int8_t* x)
    uint64_t qb_word_bool(const uint8_t* x)
    void qb_unpack_word(uint64_t word, int8_t* x)

qb_connect(flags())

ctypedef fused packable:
    float
    double
    int8_t
    uint8_t  # bool

BYTES_PER_SECOND = 1e10


def pack_bits(x, axis=-1):
    """Compiled twin of :func:`qbref.kernels.pack_bits`."""
    axis = check_pack_bits(x, axis)
    rows = np.require(_moved(x, axis, x.ndim - 1), requirements="CA")
    *others, k = rows.shape
    n_words = (k + 63) // 64
    words = np.empty((*others, n_words), np.uint64)
    if words.size:
        _pack_rows(rows.reshape(-1, k), words.reshape(-1, n_words))
    return np.ascontiguousarray(_moved(words, x.ndim - 1, axis))


def unpack_bits(words, k, axis=-1):
    """Compiled twin of :func:`qbref.kernels.unpack_bits`."""
    k, axis = check_unpack_bits(words, k, axis)
    rows = np.require(_moved(words, axis, words.ndim - 1), requirements="CA")
    *others, n_words = rows.shape
    x = np.empty((*others, k), np.int8)
    if x.size:
        _unpack_rows(rows.reshape(-1, n_words), x.reshape(-1, k))
    return np.ascontiguousarray(_moved(x, words.ndim - 1, axis))


def _moved(x, axis, to):
    return x if axis == to else np.moveaxis(x, axis, to)  # moveaxis takes longer than packing a short row


def _pack_rows(x, words):
    seconds = x.nbytes / BYTES_PER_SECOND
    if x.dtype == np.float32:
        threads.run(lambda first, last: pack[float](x[first:last], words[first:last]), len(x), seconds)
    elif x.dtype == np.float64:
        threads.run(lambda first, last: pack[double](x[first:last], words[first:last]), len(x), seconds)
    elif x.dtype == np.int8:
        threads.run(lambda first, last: pack[int8_t](x[first:last], words[first:last]), len(x), seconds)
    else:
        bits = x.view(np.uint8)
        threads.run(lambda first, last: pack[uint8_t](bits[first:last], words[first:last]), len(x), seconds)


def _unpack_rows(words, x):
    seconds = x.nbytes / BYTES_PER_SECOND
    threads.run(lambda first, last: unpack(words[first:last], x[first:last]), len(x), seconds)


cdef inline uint64_t word_of(const packable* x) noexcept nogil:
    if packable is float:
        return qb_word_float(x)
    elif packable is double:
        return qb_word_double(x)
    elif packable is int8_t:
        return qb_word_int8(x)
    else:
        return qb_word_bool(x)


cdef pack(const packable[:, ::1] x, uint64_t[:, ::1] words):
    cdef Py_ssize_t whole = x.shape[1] // 64, rest = x.shape[1] % 64, i, w
    cdef packable[64] last
    with nogil:
        for i in range(64):
            last[i] = 0
        for i in range(x.shape[0]):
            for w in range(whole):
                words[i, w] = word_of(&x[i, 64 * w])
            if rest:
                memcpy(last, &x[i, 64 * whole], rest * sizeof(packable))
                words[i, whole] = word_of(<const packable*>last)


cdef unpack(const uint64_t[:, ::1] words, int8_t[:, ::1] x):
    cdef Py_ssize_t whole = x.shape[1] // 64, rest = x.shape[1] % 64, i, w
    cdef int8_t[64] last
    with nogil:
        for i in range(x.shape[0]):
            for w in range(whole):
                qb_unpack_word(words[i, w], &x[i, 64 * w])
            if rest:
                qb_unpack_word(words[i, whole], last)
                memcpy(&x[i, 64 * whole], last, rest)
