"""Sums of products, as wide as TensorFlow Lite keeps them: int32 that wraps, or int64 for int16 inputs."""

import numpy as np

from qbref.conventions.arithmetic import wrap32
from qbref.conventions.products import integer_matmul


def accumulate(rows, weights, zero_point):
    """acc[m, n] = Σ_k (rows[m, k] − zero_point) · weights[n, k].

    Parameters
    ----------
    rows : int8 or int16 array (M, K)
    weights : int8 array (N, K)
    zero_point : int
        Of the rows; 0 for int16.

    Returns
    -------
    int64 array (M, N)
        For int8 rows the values of an int32 that wraps around; for int16 rows the sum itself.

    Examples
    --------
    >>> accumulate(np.array([[3, -128]], np.int8), np.array([[1, 127]], np.int8), -128)
    array([[131]])
    """
    if rows.dtype == np.int16:  # integers below 2^53 are exact in float64: any K up to 2^31
        return (rows.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)
    return integer_matmul(rows, weights.T, zero_point).astype(np.int64)


def add_bias(acc, bias, dtype):
    """acc + bias as an int64 array; with int8 inputs the values of an int32 that wraps around.

    Examples
    --------
    >>> add_bias(np.array([2**31 - 1, 5]), np.array([1, 2], np.int32), np.int8)
    array([-2147483648,           7])
    """
    total = acc if bias is None else acc + bias
    return total if dtype == np.int16 else wrap32(total).astype(np.int64)
