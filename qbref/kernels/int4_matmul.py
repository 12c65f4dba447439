"""The product of a matrix with 4-bit integer weights, two to a byte."""

import numpy as np

from qbref.kernels._checks_weight_only import check_int4_matmul
from qbref.kernels._lanes import matmul_in_lanes
from qbref.kernels.int8_matmul import int8_matmul
from qbref.quant.packing import unpack_int4


def int4_matmul(lhs, packed, scale=None, lhs_zero_point=0):
    """y[m, n] = scale[n] * sum_k lhs[m, k] * w[n, k], or without the scale for integers.

    For int8 and uint8 `lhs` the sum is sum_k (lhs[m, k] - lhs_zero_point[m]) * w[n, k], exactly.

    Parameters
    ----------
    lhs : int8, uint8 or float32 array, shape (M, K)
    packed : uint8 array, shape (N, ceil(K / 2))
        Weights w in -8..7, as :func:`qbref.quant.pack_int4` stores them: w[n, 2i] in the low nibble of
        byte i, w[n, 2i + 1] in the high one. When K is odd, the last high nibble of a row is not used.
    scale : float, or float32 array of shape (N,), optional
        Finite. Needed where `lhs` is float32, refused elsewhere (see :func:`requantize`).
    lhs_zero_point : int, or integer array of shape (M,)
        0 where `lhs` is float32.

    Returns
    -------
    y : int32 array, or float32 array where `lhs` is float32, shape (M, N)

    Raises
    ------
    TypeError
        If an operand has another dtype.
    ValueError
        If shapes do not fit, `scale` or a zero point is missing, out of place or out of range, or if K is
        deeper than :func:`int8_matmul` allows for int8 weights.

    Notes
    -----
    A float32 sum has the order, and hence the error, of :func:`lut_matmul`; the multiplication by the scale
    is one more rounding.

    Lin et al., "AWQ: Activation-aware Weight Quantization", MLSys 2024, section 4 (at batch 1 a layer waits
    for its weights, so they are read in 4 bits and decoded in registers).

    Examples
    --------
    >>> packed = np.array([[0xF1, 0x07]], np.uint8)  # 1, -1, 7
    >>> int4_matmul(np.array([[100, 50, -1]], np.int8), packed)
    array([[43]], dtype=int32)
    >>> int4_matmul(np.array([[100, 50, -1]], np.float32), packed, scale=0.5)
    array([[21.5]], dtype=float32)
    """
    scale, zero_points = check_int4_matmul(lhs, packed, scale, lhs_zero_point)
    weights = unpack_int4(packed, lhs.shape[1])
    if scale is None:
        return int8_matmul(lhs, weights.T, zero_points)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return matmul_in_lanes(lhs, weights.astype(np.float32)) * scale
