# Compiled twin of qbref/kernels/int8_matmul.py
#
# int8_gemm.h has the loops, int8_variant.h what instruction sets contribute. A rhs that was not packed ahead
# is packed for the call, unless there are so few rows that reading it where it is costs less
# (int8_few_rows.h).

import numpy as np

from qbref.kernels._batches import over_batches
from qbref.kernels._checks import UINT8
from qbref.kernels._checks_int8 import check_int8_matmul

from libc.stdint cimport int16_t, int32_t, uint8_t

from qbref_core.cpu cimport flags
from qbref_core.int8_gemm cimport qb_arrange_matrix, qb_gemm, qb_matrix
from qbref_core.int8_product cimport Epilogue, conversion_for, epilogue_of, run
from qbref_core.pack_rhs cimport PackedRhs

from qbref_core.pack_rhs import pack_rhs
from qbref_core.requantize import requantize

cdef extern from "int8_few_rows.h" nogil:
    void qb_connect(const int *flags)
    void qb_widen_row(const uint8_t *row, Py_ssize_t stride, Py_ssize_t count, uint8_t flip,
                      int16_t zero_point, int16_t *out)
    void qb_row_times_column(const int16_t *lhs, const uint8_t *column, Py_ssize_t count, uint8_t flip,
                             int16_t zero_point, int32_t *out)
    void qb_row_times_rows(const int16_t *lhs, const uint8_t *rhs, Py_ssize_t k_stride, Py_ssize_t count,
                           Py_ssize_t columns, uint8_t flip, const int16_t *zero_points, int32_t *out)

qb_connect(flags())

cdef enum:
    FEW_ROWS = 4


def int8_matmul(lhs, rhs, lhs_zero_point=0, rhs_zero_point=0, bias=None, requantization=None):
    """Compiled twin of :func:`qbref.kernels.int8_matmul`."""
    return over_batches(_matmul, lhs, rhs, lhs_zero_point, rhs_zero_point, bias, requantization)


def _matmul(lhs, rhs, lhs_zero_point, rhs_zero_point, bias, requantization):
    lhs_zero_point, rhs_zero_point, constants, dtype = check_int8_matmul(
        lhs, rhs, lhs_zero_point, rhs_zero_point, bias, requantization, PackedRhs
    )
    (m, k), n = lhs.shape, rhs.shape[1]
    if m == 0 or n == 0:
        return np.empty((m, n), dtype)
    if not isinstance(rhs, PackedRhs) and 0 < k and m <= FEW_ROWS and 1 in rhs.strides:
        sums = few_rows(lhs, rhs, lhs_zero_point, rhs_zero_point)
        sums += 0 if bias is None else bias
        return sums if requantization is None else requantize(sums, *requantization)
    out = np.empty((m, n), dtype)
    packed = rhs if isinstance(rhs, PackedRhs) else pack_rhs(rhs)
    epilogue = epilogue_of(packed, lhs.dtype == UINT8, m, lhs_zero_point, rhs_zero_point, bias)
    multiply(lhs, packed, epilogue, constants, out)
    return out


cdef multiply(lhs, PackedRhs packed, Epilogue epilogue, constants, out):
    cdef const uint8_t[:, :] values = lhs.view(np.uint8)
    cdef char[::1] memory = out.reshape(-1).view(np.int8)
    cdef qb_matrix matrix
    cdef qb_gemm g
    matrix.data = &values[0, 0] if lhs.size else NULL
    matrix.row_stride, matrix.k_stride, matrix.k = values.strides[0], values.strides[1], packed.k
    g.variant, g.arrange, g.source = packed.chosen, qb_arrange_matrix, &matrix
    g.conversion = conversion_for(packed, lhs.dtype == UINT8)
    g.m, g.n, g.k, g.depth = values.shape[0], packed.n, packed.k, packed.depth
    g.panels = &packed.panels[0] if packed.depth else NULL
    g.row_terms, g.out, g.out_stride = NULL, &memory[0], packed.n
    if constants is not None:
        epilogue.requantize_with(constants, 0, packed.n, packed.column_sums.shape[0])
    run(g, epilogue)


cdef few_rows(lhs, rhs, lhs_zero_point, rhs_zero_point):
    """(M, K) times (K, N) that is contiguous along k or n; zero points are taken off while widening."""
    cdef const uint8_t[:, :] left = lhs.view(np.uint8), right = rhs.view(np.uint8)
    cdef uint8_t left_flip = 128 if lhs.dtype == UINT8 else 0, right_flip = 128 if rhs.dtype == UINT8 else 0
    cdef Py_ssize_t m = left.shape[0], k = left.shape[1], n = right.shape[1], i, j
    cdef const int16_t[::1] rows = np.array(np.broadcast_to(lhs_zero_point, m), np.int16)
    cdef const int16_t[::1] columns = np.array(np.broadcast_to(rhs_zero_point, n), np.int16)
    cdef int16_t[::1] wide = np.empty(k, np.int16)
    sums = np.empty((m, n), np.int32)
    cdef int32_t[:, ::1] out = sums
    with nogil:
        for i in range(m):
            qb_widen_row(&left[i, 0], left.strides[1], k, left_flip, rows[i], &wide[0])
            if right.strides[1] == 1:
                qb_row_times_rows(&wide[0], &right[0, 0], right.strides[0], k, n, right_flip, &columns[0],
                                  &out[i, 0])
            else:
                for j in range(n):
                    qb_row_times_column(&wide[0], &right[0, j], k, right_flip, columns[j], &out[i, j])
    return sums
