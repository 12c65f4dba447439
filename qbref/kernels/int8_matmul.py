"""The product of two 8-bit matrices, summed in int32."""

import numpy as np

from qbref.kernels._batches import over_batches
from qbref.kernels._checks_int8 import check_int8_matmul
from qbref.kernels.pack_rhs import PackedRhs
from qbref.kernels.requantize import requantize


def int8_matmul(lhs, rhs, lhs_zero_point=0, rhs_zero_point=0, bias=None, requantization=None):
    """accumulator[m, n] = bias[n] + sum_k (lhs[m, k] - lhs_zero_point[m]) * (rhs[k, n] - rhs_zero_point[n]).

    Exact, and with a `requantization` brought to the output's grid in the same pass.

    Parameters
    ----------
    lhs : int8 or uint8 array, shape (…, M, K)
    rhs : int8 or uint8 array, shape (…, K, N), or PackedRhs (K, N)
        Leading axes broadcast as in ``lhs @ rhs``; without any, one `rhs` serves all of `lhs`.
    lhs_zero_point : int, or integer array of shape (…, M)
        A value that the dtype of `lhs` can hold, for all of `lhs` or one for each row.
    rhs_zero_point : int, or integer array of shape (…, N)
        The same for `rhs`, one for each column.
    bias : int32 array, shape (N,), or None
    requantization : Requantization or None
        Constants of :func:`requantize`, one or one per column.

    Returns
    -------
    accumulator : int32 array, shape (…, M, N)
        With a requantization, ``requantize(accumulator, *requantization)`` in its dtype.

    Raises
    ------
    TypeError
        If an operand is not an int8 or uint8 array.
    ValueError
        If shapes do not fit, a zero point is out of range, or a sum could leave int32:
        K * max|lhs - lhs_zero_point| * max|rhs - rhs_zero_point| + max|bias| must be below 2**31, with the
        maxima over the dtypes' ranges. Without zero points and bias K may reach 131,071 for int8 times int8,
        and 65,793 for uint8 times int8.

    Notes
    -----
    The sum is computed in float64, whose products and partial sums are all integers below 2**53 here
    and hence exact in every order of summation; BLAS makes that faster than NumPy's integer loop.

    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", CVPR 2018, equation 4; the fused form is its section 2.4.

    Examples
    --------
    >>> lhs = np.array([[255, 128, 0]], np.uint8)
    >>> rhs = np.array([[1], [-128], [127]], np.int8)
    >>> int8_matmul(lhs, rhs, lhs_zero_point=128)
    array([[-16129]], dtype=int32)

    With a bias, and a 200th of the sum as int8, whose zero is 3:

    >>> from qbref.kernels import Requantization
    >>> to_int8 = Requantization(multiplier=1374389535, shift=-7, zero_point=3, qmin=-128, qmax=127)
    >>> int8_matmul(lhs, rhs, 128, bias=np.array([129], np.int32), requantization=to_int8)
    array([[-77]], dtype=int8)
    """
    return over_batches(_matmul, lhs, rhs, lhs_zero_point, rhs_zero_point, bias, requantization)


def _matmul(lhs, rhs, lhs_zero_point, rhs_zero_point, bias, requantization):
    lhs_zero_point, rhs_zero_point, _, _ = check_int8_matmul(
        lhs, rhs, lhs_zero_point, rhs_zero_point, bias, requantization, PackedRhs
    )
    rhs = rhs if isinstance(rhs, PackedRhs) else PackedRhs(rhs)
    centred_lhs = lhs.astype(np.float64) - np.reshape(lhs_zero_point, (-1, 1))
    accumulator = (centred_lhs @ rhs.centred(rhs_zero_point)).astype(np.int32)
    if bias is not None:
        accumulator += bias
    return accumulator if requantization is None else requantize(accumulator, *requantization)
