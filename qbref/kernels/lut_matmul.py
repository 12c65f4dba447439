"""The product of a matrix with weights stored as 4-bit codes into a table."""

import numpy as np

from qbref.kernels._checks_weight_only import check_lut_matmul
from qbref.kernels._lanes import matmul_in_lanes
from qbref.kernels.int8_matmul import int8_matmul
from qbref.quant.packing import unpack_int4


def lut_matmul(lhs, packed_codes, table, lhs_zero_point=0):
    """y[m, n] = sum_k (lhs[m, k] - lhs_zero_point[m]) * table[code[n, k]].

    Parameters
    ----------
    lhs : int8, uint8 or float32 array, shape (M, K)
    packed_codes : uint8 array, shape (N, ceil(K / 2))
        Two 4-bit codes a byte: code[n, 2i] in the low nibble of byte i, code[n, 2i + 1] in the high one.
        When K is odd, the last high nibble of a row is not used.
    table : array, shape (16,), or (N, 16) for a table of each row
        The weight that each code stands for: int8, or finite float32 where `lhs` is float32.
    lhs_zero_point : int, or integer array of shape (M,)
        0 where `lhs` is float32.

    Returns
    -------
    y : int32 array, exact, or float32 array where `lhs` is float32, shape (M, N)

    Raises
    ------
    TypeError
        If an operand has another dtype.
    ValueError
        If shapes do not fit, a zero point is out of range, K * max|lhs - lhs_zero_point| * 128
        does not fit in int32, or a float table is not finite.

    Notes
    -----
    A float32 result is summed in 16 lanes, lane l adding the rounded products with k = l mod 16 in order;
    then the upper half of the lanes is added to the lower half until one is left. With u = 2**-24 and
    d = ceil(K / 16) + 4 roundings on the longest path, the error is at most d u / (1 - d u) times
    sum_k |lhs[m, k] * table[code[n, k]]|, if nothing underflows or overflows. NaN and infinities in `lhs`
    propagate as float arithmetic has it.

    The table may hold any 16 values, so uniform 4-bit weights are the special case
    ``table = [0, 1, ..., 7, -8, ..., -1]`` (two's complement).

    Han, Mao and Dally, "Deep Compression", ICLR 2016, section 3 (weights as indices into shared centroids);
    Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 4.2 (the bound).

    Examples
    --------
    >>> table = np.array([0, 10, 20, 30] + 12 * [99], np.int8)
    >>> packed_codes = np.array([[0x21, 0x03]], np.uint8)  # codes 1, 2, 3
    >>> lut_matmul(np.array([[1, 2, -1]], np.int8), packed_codes, table)
    array([[20]], dtype=int32)
    >>> lut_matmul(np.array([[1, 2, 0.5]], np.float32), packed_codes, np.float32(0.5) * table)
    array([[32.5]], dtype=float32)
    """
    zero_points = check_lut_matmul(lhs, packed_codes, table, lhs_zero_point)
    codes = unpack_int4(packed_codes, lhs.shape[1], signed=False)
    weights = table[codes] if table.ndim == 1 else np.take_along_axis(table, codes.astype(np.intp), axis=1)
    if zero_points is None:
        return matmul_in_lanes(lhs, weights)
    return int8_matmul(lhs, weights.T, zero_points)
