"""Multiply integers by a real number without floating point.

A real multiplier is written as a 32-bit integer and a power of two,

    real = multiplier · 2^(shift − 31),    2^30 ≤ multiplier < 2^31,

so that ``multiplier / 2^31`` lies in [½, 1) and a positive shift means left. The building blocks of
the requantization steps in use follow; they differ only in where and how they round. Names and
definitions are those of gemmlowp (fixedpoint/fixedpoint.h) and of TensorFlow Lite (``QuantizeMultiplier``
in kernels/internal/quantization_util.cc).
"""

import numpy as np

from qbref.quant.checks import as_integer_array, check_within
from qbref.quant.rounding import round_half_away

INT32 = np.iinfo(np.int32)


def quantize_multiplier(real):
    """Return (multiplier, shift) with real ≈ multiplier · 2^(shift − 31).

    Parameters
    ----------
    real : float or float array
        At least 0 and below 2^30.

    Returns
    -------
    multiplier, shift : int32, the shape of `real`
        multiplier is in [2^30, 2^31), rounded half away from zero: relative error at most 2⁻³¹.
        Both are 0 where `real` is 0 or so small (below 2⁻³²) that every int32 times it rounds to 0.

    Raises
    ------
    ValueError
        If `real` is negative, too large, NaN or infinite.

    Examples
    --------
    >>> multiplier, shift = quantize_multiplier(0.25)
    >>> int(multiplier) == 2**30, int(shift)
    (True, -1)
    """
    real = np.asarray(real, np.float64)
    mantissa, shift = np.frexp(real)  # mantissa in [1/2, 1)
    with np.errstate(invalid="ignore"):
        multiplier = round_half_away(mantissa * 2.0**31)
    carried = multiplier == 2.0**31
    multiplier = np.where(carried, 2.0**30, multiplier)
    shift = shift + carried
    bad = ~((real >= 0) & (real < np.inf) & (shift <= 30))
    if bad.any():
        raise ValueError(f"real must be at least 0 and below 2**30, got {real[bad].flat[0]}")
    vanishes = shift < -31
    multiplier = np.where(vanishes, 0, multiplier).astype(np.int32)
    return multiplier[()], np.where(vanishes, 0, shift).astype(np.int32)[()]


def dequantize_multiplier(multiplier, shift):
    """Return multiplier · 2^(shift − 31), exact in float64.

    Examples
    --------
    >>> float(dequantize_multiplier(2**30, -1))
    0.25
    """
    return np.ldexp(np.asarray(multiplier, np.float64), np.asarray(shift) - 31)


def saturating_rounding_doubling_high_mul(a, b):
    """round_half_up(a · b / 2^31): the high 32 bits of the doubled product.

    Parameters
    ----------
    a, b : int or int32 array

    Returns
    -------
    int32, broadcast shape
        The one product that does not fit, (−2^31)·(−2^31), saturates to 2^31 − 1.

    Raises
    ------
    TypeError, ValueError
        If an operand is not an integer, or does not fit in int32.

    Examples
    --------
    >>> int(saturating_rounding_doubling_high_mul(3, 2**30))  # 1.5
    2
    >>> int(saturating_rounding_doubling_high_mul(-3, 2**30))  # -1.5
    -1
    """
    product = _as_int32("a", a).astype(np.int64) * _as_int32("b", b)
    return np.minimum((product + 2**30) >> 31, INT32.max).astype(np.int32)


def rounding_divide_by_power_of_two(x, exponent):
    """round_half_away(x / 2^exponent).

    Parameters
    ----------
    x : int or integer array
    exponent : int or integer array
        0 to 62.

    Returns
    -------
    array of the dtype of `x` (int64 for a Python int), broadcast shape

    Raises
    ------
    TypeError, ValueError
        If `x` or `exponent` is not an integer, or `exponent` is out of range.

    Examples
    --------
    >>> rounding_divide_by_power_of_two(np.array([5, 6, 7, -6], np.int32), 2)  # 1.25, 1.5, 1.75, -1.5
    array([ 1,  2,  2, -2], dtype=int32)
    """
    x, wide, exponent = _shift_operands(x, exponent)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (wide < 0)
    return ((wide >> exponent) + ((wide & mask) > threshold)).astype(x.dtype)


def rounding_shift_right(x, exponent):
    """round_half_up(x / 2^exponent) = floor(x / 2^exponent + ½).

    Parameters, result and errors as for :func:`rounding_divide_by_power_of_two`.

    Notes
    -----
    The last bit shifted out decides; adding 2^(exponent−1) first would overflow near the largest x.

    Examples
    --------
    >>> rounding_shift_right(np.array([5, 6, 7, -6], np.int32), 2)  # 1.25, 1.5, 1.75, -1.5
    array([ 1,  2,  2, -1], dtype=int32)
    """
    x, wide, exponent = _shift_operands(x, exponent)
    last_bit_out = np.where(exponent > 0, (wide >> np.maximum(exponent - 1, 0)) & 1, 0)
    return ((wide >> exponent) + last_bit_out).astype(x.dtype)


def _as_int32(name, value):
    value = as_integer_array(name, value)
    check_within(name, value, INT32.min, INT32.max)
    return value.astype(np.int32)


def _shift_operands(x, exponent):
    x, exponent = as_integer_array("x", x), as_integer_array("exponent", exponent)
    check_within("exponent", exponent, 0, 62)
    return x, x.astype(np.int64), exponent.astype(np.int64)
