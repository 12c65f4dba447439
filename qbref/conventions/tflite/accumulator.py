"""Sums of products, as wide as TensorFlow Lite keeps them: int32 that wraps, or int64 for int16 inputs."""

import numpy as np

from qbref.conventions.arithmetic import wrap32
from qbref.kernels import default

DEEPEST = 2**15  # products of magnitude up to 255 · 255 whose sum fits int32


def accumulate(rows, weights, zero_point, bias=None):
    """acc[m, n] = bias[n] + Σ_k (rows[m, k] − zero_point) · weights[n, k].

    Parameters
    ----------
    rows : int8 or int16 array (M, K)
    weights : int8 array (N, K)
    zero_point : int
        Of the rows; 0 for int16.
    bias : int32 or int64 array (N,), optional

    Returns
    -------
    int64 array (M, N)
        For int8 rows the values of an int32 that wraps around; for int16 rows the sum itself.

    Examples
    --------
    >>> accumulate(np.array([[3, -128]], np.int8), np.array([[1, 127]], np.int8), -128)
    array([[131]])
    """
    weights = weights.T
    if rows.dtype == np.int16:
        low_bytes = (rows & 255).astype(np.uint8)
        high_bytes = (rows >> 8).astype(np.int8)
        total = 256 * _exact_product(high_bytes, weights, 0) + _exact_product(low_bytes, weights, 0)
        return total if bias is None else total + bias
    total = _exact_product(rows, weights, zero_point)
    return wrap32(total if bias is None else total + bias).astype(np.int64)


def _exact_product(rows, weights, zero_point):
    """The kernel's product in pieces of at most 2^15 terms, added in int64."""
    total = np.zeros((rows.shape[0], weights.shape[1]), np.int64)
    for k in range(0, rows.shape[1], DEEPEST):
        piece = np.ascontiguousarray(rows[:, k : k + DEEPEST])
        total += default().int8_matmul(piece, np.ascontiguousarray(weights[k : k + DEEPEST]), zero_point)
    return total
