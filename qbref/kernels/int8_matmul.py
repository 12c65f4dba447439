"""The product of two 8-bit matrices, summed in int32."""

import numpy as np

from qbref.kernels._checks import check_int8_matmul


def int8_matmul(lhs, rhs, lhs_zero_point=0, rhs_zero_point=0):
    """accumulator[m, n] = sum_k (lhs[m, k] - lhs_zero_point[m]) * (rhs[k, n] - rhs_zero_point[n]), exactly.

    Parameters
    ----------
    lhs : int8 or uint8 array, shape (M, K)
    rhs : int8 or uint8 array, shape (K, N)
    lhs_zero_point : int, or integer array of shape (M,)
        A value that the dtype of `lhs` can hold, for all of `lhs` or one for each row.
    rhs_zero_point : int, or integer array of shape (N,)
        The same for `rhs`, one for each column.

    Returns
    -------
    accumulator : int32 array, shape (M, N)

    Raises
    ------
    TypeError
        If an operand is not an int8 or uint8 array.
    ValueError
        If shapes do not fit, a zero point is out of range, or K is so large that a sum could leave
        int32: K * max|lhs - lhs_zero_point| * max|rhs - rhs_zero_point| must be below 2**31. Without
        zero points K may reach 131,071 for int8 times int8, and 65,793 for uint8 times int8.

    Notes
    -----
    The sum is computed in float64, whose products and partial sums are all integers below 2**53 here
    and hence exact in every order of summation; BLAS makes that faster than NumPy's integer loop.

    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", CVPR 2018, equation 4.

    Examples
    --------
    >>> lhs = np.array([[255, 128, 0]], np.uint8)
    >>> rhs = np.array([[1], [-128], [127]], np.int8)
    >>> int8_matmul(lhs, rhs, lhs_zero_point=128)
    array([[-16129]], dtype=int32)
    """
    lhs_zero_point, rhs_zero_point = check_int8_matmul(lhs, rhs, lhs_zero_point, rhs_zero_point)
    centred_lhs = lhs.astype(np.float64) - lhs_zero_point[:, None]
    centred_rhs = rhs.astype(np.float64) - rhs_zero_point
    return (centred_lhs @ centred_rhs).astype(np.int32)
