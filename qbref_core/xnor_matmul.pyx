# Compiled twin of qbref/kernels/xnor_matmul.py
#
# Rows of b are taken in blocks that stay in the first-level cache while every row of a meets them.

import numpy as np

from qbref.kernels._checks import check_int, check_words

from libc.stdint cimport int32_t, int64_t, uint64_t

from qbref_core.cpu cimport flags

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

qb_connect(flags())

cdef extern from "popcount.h" nogil:
    void qb_xnor_row(const uint64_t* a, const uint64_t* b, Py_ssize_t words, Py_ssize_t columns, int64_t k,
                     int32_t* out)

cdef enum:
    BLOCK_WORDS = 2048  # 16 KiB of b


def xnor_matmul(a_words, b_words, k):
    """Compiled twin of :func:`qbref.kernels.xnor_matmul`."""
    k = check_int("k", k, 0, 2**31 - 1)
    check_words("a_words", a_words, k, ndim=2)
    check_words("b_words", b_words, k, ndim=2)
    out = np.zeros((len(a_words), len(b_words)), np.int32)
    if out.size and k:
        multiply(np.ascontiguousarray(a_words), np.ascontiguousarray(b_words), k, out)
    return out


cdef multiply(const uint64_t[:, ::1] a, const uint64_t[:, ::1] b, int64_t k, int32_t[:, ::1] out):
    cdef Py_ssize_t words = a.shape[1], n = b.shape[0], p, i, first
    cdef Py_ssize_t height = max(4, BLOCK_WORDS // words // 4 * 4)
    with nogil:
        for p in range((n + height - 1) // height):
            first = p * height
            for i in range(a.shape[0]):
                qb_xnor_row(&a[i, 0], &b[first, 0], words, min(height, n - first), k, &out[i, first])
