# Compiled twin of qbref/kernels/lut_matmul.py
#
# At batch 1 a layer takes as long as reading its weights, so the codes are read as they are stored and
# decoded in registers (nibble_lut.h, nibble_float.h). For many rows of integers it pays to decode all weights
# to int8 once (nibble_decode.h) and leave the rest to int8_matmul.

import numpy as np

from qbref.kernels._checks_weight_only import check_lut_matmul
from qbref_core.int8_matmul import int8_matmul
from qbref_core.threads import run

from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t

from qbref_core.cpu cimport flags

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

qb_connect(flags())

cdef extern from "nibble_lut.h" nogil:
    enum:
        QB_LUT_BLOCK
    void qb_lut_columns(const uint8_t* codes, Py_ssize_t bytes, Py_ssize_t columns, const int8_t* table,
                        Py_ssize_t table_stride, const int16_t* lhs, Py_ssize_t rows, Py_ssize_t width,
                        int32_t* out, Py_ssize_t out_stride)

cdef extern from "nibble_float.h" nogil:
    enum:
        QB_FLOAT_BLOCK
    void qb_float_columns(const uint8_t* codes, Py_ssize_t bytes, Py_ssize_t columns, const float* table,
                          Py_ssize_t table_stride, const float* lhs, Py_ssize_t rows, Py_ssize_t width,
                          float* out, Py_ssize_t out_stride)

cdef extern from "nibble_decode.h" nogil:
    void qb_decode_row(const uint8_t* codes, Py_ssize_t k, const int8_t* table, int8_t* out)

FEW_ROWS = 16


def lut_matmul(lhs, packed_codes, table, lhs_zero_point=0):
    """Compiled twin of :func:`qbref.kernels.lut_matmul`."""
    zero_points = check_lut_matmul(lhs, packed_codes, table, lhs_zero_point)
    (m, k), n = lhs.shape, packed_codes.shape[0]
    if m == 0 or k == 0 or n == 0:
        return np.zeros((m, n), np.int32 if zero_points is not None else np.float32)
    codes, table = np.require(packed_codes, requirements="CA"), np.require(table, requirements="CA")
    if zero_points is None:
        return _float_product(lhs, codes, table)
    if m > FEW_ROWS:
        return int8_matmul(lhs, _decoded(codes, k, table).T, zero_points)
    return _integer_product(lhs, zero_points, codes, table)


def _float_product(lhs, codes, table):
    (m, k), n = lhs.shape, len(codes)
    out = np.empty((m, n), np.float32)
    padded = np.zeros((m, -(-k // QB_FLOAT_BLOCK) * QB_FLOAT_BLOCK), np.float32)
    padded[:, :k] = lhs
    tables = table.reshape(-1, 16)
    run(lambda first, last: float_columns(padded, codes, tables, out, first, last), n, m * k * n / 15e9)
    return out


def _integer_product(lhs, zero_points, codes, table):
    (m, k), n = lhs.shape, len(codes)
    out = np.empty((m, n), np.int32)
    padded = np.zeros((m, -(-k // QB_LUT_BLOCK) * QB_LUT_BLOCK), np.int16)
    np.subtract(lhs, zero_points[:, None], out=padded[:, :k])
    # k = 32a + 16b + 2c + odd within a block: from the order (a, b, c, odd) to (odd, b, a, c), nibble_lut.h
    ordered = padded.reshape(m, -1, 2, 2, 8, 2).transpose(0, 1, 5, 3, 2, 4).reshape(m, -1)
    tables = table.reshape(-1, 16)
    run(lambda first, last: integer_columns(ordered, codes, tables, out, first, last), n, m * k * n / 30e9)
    return out


def _decoded(codes, k, table):
    """All weights as int8, shape (N, k)."""
    weights, tables = np.empty((len(codes), k), np.int8), table.reshape(-1, 16)
    run(lambda first, last: decode_rows(codes, tables, weights, first, last), len(codes), weights.size / 5e9)
    return weights


cdef float_columns(const float[:, ::1] lhs, const uint8_t[:, ::1] codes, const float[:, ::1] tables,
                   float[:, ::1] out, Py_ssize_t first, Py_ssize_t last):
    cdef Py_ssize_t stride = 16 if tables.shape[0] > 1 else 0
    with nogil:
        qb_float_columns(&codes[first, 0], codes.shape[1], last - first, &tables[0, 0] + first * stride,
                         stride, &lhs[0, 0], lhs.shape[0], lhs.shape[1], &out[0, first], out.shape[1])


cdef integer_columns(const int16_t[:, ::1] lhs, const uint8_t[:, ::1] codes, const int8_t[:, ::1] tables,
                     int32_t[:, ::1] out, Py_ssize_t first, Py_ssize_t last):
    cdef Py_ssize_t stride = 16 if tables.shape[0] > 1 else 0
    with nogil:
        qb_lut_columns(&codes[first, 0], codes.shape[1], last - first, &tables[0, 0] + first * stride, stride,
                       &lhs[0, 0], lhs.shape[0], lhs.shape[1], &out[0, first], out.shape[1])


cdef decode_rows(const uint8_t[:, ::1] codes, const int8_t[:, ::1] tables, int8_t[:, ::1] weights,
                 Py_ssize_t first, Py_ssize_t last):
    cdef Py_ssize_t n
    with nogil:
        for n in range(first, last):
            qb_decode_row(&codes[n, 0], weights.shape[1], &tables[n if tables.shape[0] > 1 else 0, 0],
                          &weights[n, 0])
