# Compiled twin of qbref/kernels/int4_matmul.py
#
# int4 weights are 4-bit codes into the table 0..7, -8..-1, so products with floats and large batches are
# lut_matmul's. A few rows of integers have a faster way (nibble_int4.h).

import numpy as np

from qbref.kernels._checks_weight_only import check_int4_matmul
from qbref_core.lut_matmul import FEW_ROWS, lut_matmul
from qbref_core.threads import run

from libc.stdint cimport int8_t, int32_t, uint8_t

from qbref_core.cpu cimport flags

cdef extern from "nibble_int4.h" nogil:
    enum:
        QB_INT4_BLOCK
    void qb_connect(const int *flags)
    void qb_int4_columns(const uint8_t* packed, Py_ssize_t bytes, Py_ssize_t columns, const int8_t* lhs,
                         Py_ssize_t rows, Py_ssize_t width, int32_t* out, Py_ssize_t out_stride)

qb_connect(flags())

LEVELS = np.array([0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1], np.int8)
FLOAT_LEVELS = LEVELS.astype(np.float32)


def int4_matmul(lhs, packed, scale=None, lhs_zero_point=0):
    """Compiled twin of :func:`qbref.kernels.int4_matmul`."""
    scale, zero_points = check_int4_matmul(lhs, packed, scale, lhs_zero_point)
    if scale is not None:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            return lut_matmul(lhs, packed, FLOAT_LEVELS) * scale
    if len(lhs) > FEW_ROWS or lhs.size == 0 or len(packed) == 0:
        return lut_matmul(lhs, packed, LEVELS, zero_points)
    return _few_rows(lhs, np.ascontiguousarray(packed), zero_points)


def _few_rows(lhs, packed, zero_points):
    (m, k), width = lhs.shape, -(-lhs.shape[1] // QB_INT4_BLOCK) * QB_INT4_BLOCK
    centred = np.zeros((m, width), np.int16)
    np.subtract(lhs, zero_points[:, None], out=centred[:, :k])
    if centred.min() >= -128 and centred.max() <= 127:
        return _int8_product(centred, packed)
    # The values of a row span 255 at most, so they or their opposites lie in -255..127, the sum of two int8.
    sign = np.where(centred.max(axis=1, keepdims=True) > 127, -1, 1).astype(np.int16)
    centred *= sign
    part = np.maximum(centred, -128)
    product = _int8_product(np.concatenate([part, centred - part]), packed)
    return (product[:m] + product[m:]) * sign


def _int8_product(lhs, packed):
    (m, width), n = lhs.shape, len(packed)
    # even k before odd k in each block (nibble_int4.h)
    ordered = lhs.astype(np.int8).reshape(m, -1, QB_INT4_BLOCK // 2, 2).swapaxes(2, 3).reshape(m, width)
    out = np.empty((m, n), np.int32)
    run(lambda first, last: columns(ordered, packed, out, first, last), n, m * width * n / 50e9)
    out -= 8 * lhs.sum(axis=1, dtype=np.int32, keepdims=True)
    return out


cdef columns(const int8_t[:, ::1] lhs, const uint8_t[:, ::1] packed, int32_t[:, ::1] out, Py_ssize_t first,
             Py_ssize_t last):
    with nogil:
        qb_int4_columns(&packed[first, 0], packed.shape[1], last - first, &lhs[0, 0], lhs.shape[0],
                        lhs.shape[1], &out[0, first], out.shape[1])
