# Compiled twin of qbref/kernels/int8_matmul.py
#
# Both operands are widened to int16 with their zero points subtracted, so the product itself has nothing to
# correct: panels.h multiplies int16 and sums int32, exactly, since the checks bound K.
# lhs is widened as a whole; rhs in panels of 16 columns, each used for all rows while it is still in cache.
# With only a few rows that would not pay, and rows.h reads rhs where it is.

import numpy as np

from qbref.kernels._checks import UINT8, check_int8_matmul

from qbref_core.panels cimport *

from qbref_core.cpu cimport flags

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

qb_connect(flags())

cdef enum:
    FEW_ROWS = 4


def int8_matmul(lhs, rhs, lhs_zero_point=0, rhs_zero_point=0):
    """Compiled twin of :func:`qbref.kernels.int8_matmul`."""
    lhs_zero_point, rhs_zero_point = check_int8_matmul(lhs, rhs, lhs_zero_point, rhs_zero_point)
    (m, k), n = lhs.shape, rhs.shape[1]
    if m == 0 or k == 0 or n == 0:
        return np.zeros((m, n), np.int32)
    out = np.empty((m, n), np.int32)
    wide_lhs = np.empty((m, k + k % 2), np.int16)
    widen_rows(lhs.view(np.uint8), 128 if lhs.dtype == UINT8 else 0, lhs_zero_point, wide_lhs)
    rhs_flip = 128 if rhs.dtype == UINT8 else 0
    if m <= FEW_ROWS and 1 in rhs.strides:
        multiply_rows(wide_lhs, rhs.view(np.uint8), rhs_flip, rhs_zero_point, out)
    else:
        multiply_panels(wide_lhs, rhs.view(np.uint8), rhs_flip, rhs_zero_point, out)
    return out


cdef widen_rows(const uint8_t[:, :] lhs, uint8_t flip, const int16_t[::1] zero_points,
                int16_t[:, ::1] wide_lhs):
    cdef Py_ssize_t i
    with nogil:
        for i in range(lhs.shape[0]):
            qb_widen_row(&lhs[i, 0], lhs.strides[1], lhs.shape[1], flip, zero_points[i], &wide_lhs[i, 0])


cdef multiply_rows(const int16_t[:, ::1] wide_lhs, const uint8_t[:, :] rhs, uint8_t flip,
                   const int16_t[::1] zero_points, int32_t[:, ::1] out):
    cdef Py_ssize_t k = rhs.shape[0], n = rhs.shape[1], i, j
    with nogil:
        for i in range(out.shape[0]):
            if rhs.strides[1] == 1:
                qb_row_times_rows(&wide_lhs[i, 0], &rhs[0, 0], rhs.strides[0], k, n, flip, &zero_points[0],
                                  &out[i, 0])
            else:
                for j in range(n):
                    qb_row_times_column(&wide_lhs[i, 0], &rhs[0, j], k, flip, zero_points[j], &out[i, j])


cdef multiply_panels(const int16_t[:, ::1] wide_lhs, const uint8_t[:, :] rhs, uint8_t flip,
                     const int16_t[::1] zero_points, int32_t[:, ::1] out):
    cdef Py_ssize_t k = rhs.shape[0], n = rhs.shape[1], pairs = wide_lhs.shape[1] // 2, p, first, columns, j
    cdef int16_t[::1] column = np.empty(2 * pairs, np.int16)
    cdef int16_t[::1] panel = np.zeros(2 * pairs * QB_PANEL, np.int16)
    with nogil:
        for p in range((n + QB_PANEL - 1) // QB_PANEL):
            first = p * QB_PANEL
            columns = min(QB_PANEL, n - first)
            if columns == QB_PANEL and rhs.strides[1] == 1 and k % 2 == 0:
                qb_widen_panel(&rhs[0, first], rhs.strides[0], pairs, flip, &zero_points[first], &panel[0])
            else:
                for j in range(columns):
                    qb_widen_row(&rhs[0, first + j], rhs.strides[0], k, flip, zero_points[first + j],
                                 &column[0])
                    qb_place_column(&column[0], pairs, j, &panel[0])
            qb_multiply_panel(&wide_lhs[0, 0], wide_lhs.shape[0], &panel[0], pairs, &out[0, first], n,
                              columns)
