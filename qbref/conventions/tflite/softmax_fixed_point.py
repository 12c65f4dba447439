"""exp and 1 / (1 + x) in 32-bit fixed point, as gemmlowp computes them (fixedpoint/fixedpoint.h).

Qm.n is an int32 whose unit is 2^−n; m + n = 31.
"""

import numpy as np

from qbref.conventions.tflite.fixed_point import rounding_divide_by_pot
from qbref.conventions.tflite.fixed_point import saturating_rounding_doubling_high_mul as high_mul

EXP_OF_MINUS_EIGHTH = 1895147668
ONE_THIRD = 715827883
EXP_OF_MINUS_POWER = {
    -2: 1672461947,
    -1: 1302514674,
    0: 790015084,
    1: 290630308,
    2: 39332535,
    3: 720401,
    4: 242,
}
"""k → e^(−2^k) in Q0.31."""


def exp_on_negative_values(a):
    """e^a in Q0.31 for a ≤ 0 in Q5.26: a table for the multiples of ¼, a polynomial for the rest.

    Parameters
    ----------
    a : int32 array

    Returns
    -------
    int32 array

    Examples
    --------
    >>> print(round(float(exp_on_negative_values(-(2**26))) / 2**31, 6))  # e^-1 = 0.367879
    0.36788
    """
    a = np.asarray(a).astype(np.int64)
    quarter = 2**24
    remainder = (a & (quarter - 1)) - quarter  # in [−¼, 0)
    result = _exp_between_minus_quarter_and_zero((remainder << 5).astype(np.int64))
    quarters = remainder - a
    for power, factor in EXP_OF_MINUS_POWER.items():
        has_bit = quarters & (1 << (26 + power)) != 0
        result = np.where(has_bit, high_mul(result, factor), result)
    return np.where(a == 0, 2**31 - 1, result).astype(np.int32)


def _exp_between_minus_quarter_and_zero(a):
    """e^a = e^(−1/8) · (1 + x + x²/2 + x³/6 + x⁴/24), x = a + 1/8, in Q0.31."""
    x = a + 2**28
    x2 = high_mul(x, x)
    x3 = high_mul(x2, x)
    x4_quarter = rounding_divide_by_pot(high_mul(x2, x2), 2)
    tail = rounding_divide_by_pot(high_mul(x4_quarter + x3, ONE_THIRD) + x2, 1)
    return EXP_OF_MINUS_EIGHTH + high_mul(EXP_OF_MINUS_EIGHTH, x + tail)


def one_over_one_plus_x(a):
    """1 / (1 + a) in Q0.31 for a in [0, 1) in Q0.31: three Newton steps on the half denominator.

    Parameters
    ----------
    a : integer array, 0 to 2^31 − 1

    Returns
    -------
    int32 array

    Examples
    --------
    >>> print(round(float(one_over_one_plus_x(2**30)) / 2**31, 6))  # 1 / 1.5
    0.666667
    """
    a = np.asarray(a).astype(np.int64)
    half_denominator = (a + 2**31) >> 1  # half the sum of a and 2^31 − 1, rounded half up
    x = 1515870810 + high_mul(half_denominator, -1010580540).astype(np.int64)  # 48/17 − 32/17 d, Q2.29
    for _ in range(3):
        error = 2**29 - high_mul(half_denominator, x).astype(np.int64)
        x += _saturate(high_mul(x, error).astype(np.int64) << 2)
    return _saturate(x << 1).astype(np.int32)


def _saturate(x):
    return np.clip(x, -(2**31), 2**31 - 1)
