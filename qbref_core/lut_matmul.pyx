# Compiled twin of qbref/kernels/lut_matmul.py
#
# A row of codes is decoded once to a row of int16 weights, which becomes a column of a panel (panels.h); the
# panel then meets all rows of lhs. A large batch costs what int8_matmul costs, one row costs the decoding.

import numpy as np

from qbref.kernels._checks import UINT8, check_lut_matmul

from libc.stdint cimport int8_t

from qbref_core.int8_matmul cimport widen_rows
from qbref_core.panels cimport *

from qbref_core.cpu cimport flags

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

qb_connect(flags())


def lut_matmul(lhs, packed_codes, table, lhs_zero_point=0):
    """Compiled twin of :func:`qbref.kernels.lut_matmul`."""
    lhs_zero_point = check_lut_matmul(lhs, packed_codes, table, lhs_zero_point)
    (m, k), n = lhs.shape, packed_codes.shape[0]
    if m == 0 or k == 0 or n == 0:
        return np.zeros((m, n), np.int32)
    out = np.empty((m, n), np.int32)
    wide_lhs = np.empty((m, k + k % 2), np.int16)
    widen_rows(lhs.view(np.uint8), 128 if lhs.dtype == UINT8 else 0, lhs_zero_point, wide_lhs)
    multiply(wide_lhs, packed_codes, table, out)
    return out


cdef multiply(const int16_t[:, ::1] wide_lhs, const uint8_t[:, :] packed_codes, const int8_t[:] table,
              int32_t[:, ::1] out):
    cdef Py_ssize_t n = packed_codes.shape[0], pairs = packed_codes.shape[1], p, first, columns, j, i
    cdef int16_t[::1] column = np.empty(2 * pairs, np.int16)
    cdef int16_t[::1] panel = np.zeros(2 * pairs * QB_PANEL, np.int16)
    cdef int16_t[16] weights
    cdef uint8_t codes
    with nogil:
        for i in range(16):
            weights[i] = table[i]
        for p in range((n + QB_PANEL - 1) // QB_PANEL):
            first = p * QB_PANEL
            columns = min(QB_PANEL, n - first)
            for j in range(columns):
                for i in range(pairs):
                    codes = packed_codes[first + j, i]
                    column[2 * i] = weights[codes & 15]
                    column[2 * i + 1] = weights[codes >> 4]  # where K is odd, the last one meets a 0 in lhs
                qb_place_column(&column[0], pairs, j, &panel[0])
            qb_multiply_panel(&wide_lhs[0, 0], wide_lhs.shape[0], &panel[0], pairs, &out[0, first], n,
                              columns)
