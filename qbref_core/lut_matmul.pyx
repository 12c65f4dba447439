# Compiled twin of qbref/kernels/lut_matmul.py
import numpy as np

from qbref.kernels._checks import check_lut_matmul

from qbref_core.int8_matmul import int8_matmul


def lut_matmul(lhs, packed_codes, table, lhs_zero_point=0):
    """Compiled twin of :func:`qbref.kernels.lut_matmul`."""
    lhs_zero_point = check_lut_matmul(lhs, packed_codes, table, lhs_zero_point)
    codes = np.stack([packed_codes & 15, packed_codes >> 4], axis=-1).reshape(packed_codes.shape[0], 2 * packed_codes.shape[1])
    return int8_matmul(lhs, table[codes[:, : lhs.shape[1]]].T, lhs_zero_point)
