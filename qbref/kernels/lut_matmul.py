"""The product of an 8-bit matrix with weights stored as 4-bit codes into a table."""

import numpy as np

from qbref.kernels._checks import check_lut_matmul
from qbref.kernels.int8_matmul import int8_matmul


def lut_matmul(lhs, packed_codes, table, lhs_zero_point=0):
    """accumulator[m, n] = sum_k (lhs[m, k] - lhs_zero_point[m]) * table[code[n, k]], exactly.

    Parameters
    ----------
    lhs : int8 or uint8 array, shape (M, K)
    packed_codes : uint8 array, shape (N, ceil(K / 2))
        Two 4-bit codes a byte: code[n, 2i] in the low nibble of byte i, code[n, 2i + 1] in the high one.
        When K is odd, the last high nibble of a row is not used.
    table : int8 array, shape (16,)
        The weight that each code stands for.
    lhs_zero_point : int, or integer array of shape (M,)

    Returns
    -------
    accumulator : int32 array, shape (M, N)

    Raises
    ------
    TypeError
        If an operand has another dtype.
    ValueError
        If shapes do not fit, a zero point is out of range, or K * max|lhs - lhs_zero_point| * 128
        does not fit in int32.

    Notes
    -----
    The table may hold any 16 values, so uniform 4-bit weights are the special case
    ``table = [0, 1, ..., 7, -8, ..., -1]`` (two's complement).

    Han, Mao and Dally, "Deep Compression", ICLR 2016, section 3 (weights as indices into shared centroids).

    Examples
    --------
    >>> table = np.array([0, 10, 20, 30] + 12 * [99], np.int8)
    >>> packed_codes = np.array([[0x21, 0x03]], np.uint8)  # codes 1, 2, 3
    >>> lut_matmul(np.array([[1, 2, -1]], np.int8), packed_codes, table)
    array([[20]], dtype=int32)
    """
    check_lut_matmul(lhs, packed_codes, table, lhs_zero_point)
    codes = np.stack([packed_codes & 15, packed_codes >> 4], axis=-1)
    codes = codes.reshape(len(packed_codes), 2 * packed_codes.shape[1])[:, : lhs.shape[1]]
    return int8_matmul(lhs, table[codes].T, lhs_zero_point)
