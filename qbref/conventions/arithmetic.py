"""What processors do with numbers, exactly and the same on every processor.

The rules here are those that the systems of this package share, beside the roundings of
:mod:`qbref.quant.rounding` and the fixed point of :mod:`qbref.quant.fixed_point`.
"""

import numpy as np

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1
SMALLEST_NORMAL = float(np.finfo(np.float32).smallest_normal)


def fma32(a, b, c):
    """float32(a · b + c) with one rounding: the fused multiply-add of IEEE 754.

    Parameters
    ----------
    a, b, c : float32 arrays or scalars that broadcast together

    Returns
    -------
    float32 array, broadcast shape

    Raises
    ------
    TypeError
        If an operand is not float32.

    Notes
    -----
    The product of two float32 numbers is exact in float64. Rounding the float64 sum once more, to float32,
    can only go wrong where that sum lies exactly midway between two floats. There the sum is rounded *to
    odd*: if it is inexact and its last bit even, the neighbour on the side of the error is taken, which
    then rounds as the exact sum does.

    Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms using
    rounding to odd", IEEE Transactions on Computers 57(4), 2008.

    Examples
    --------
    >>> a = np.float32(1 + 2**-12)
    >>> print(fma32(a, a, np.float32(-1)) == a * a - 1, fma32(a, a, np.float32(-1)) == 2**-11 + 2**-24)
    False True
    """
    a, b, c = (_as_float32(name, value) for name, value in (("a", a), ("b", b), ("c", c)))
    with np.errstate(over="ignore", invalid="ignore"):
        product = np.multiply(a, b, dtype=np.float64)
        total = np.asarray(product + c)
        midway = (total.view(np.int64) & (2**29 - 1)) == 2**28  # the 29 bits that float32 lacks are 100...0
        midway |= np.abs(total) < SMALLEST_NORMAL  # subnormal floats lack more than 29
        if midway.any():
            product, c = np.broadcast_arrays(product, c)
            total[midway] = _sum_rounded_to_odd(product[midway], c[midway])
        return total.astype(np.float32)[()]


def _sum_rounded_to_odd(a, b):
    """Of the two float64 numbers around a + b, the one whose last bit is 1; a + b itself if it is one."""
    total = a + b
    b_share = total - a
    error = (a - (total - b_share)) + (b - b_share)  # Knuth's TwoSum: a + b = total + error, exactly
    bits = total.view(np.int64)
    away_from_zero = np.where((error > 0) == (total > 0), 1, -1)
    return (bits + away_from_zero * ((error != 0) & (bits & 1 == 0))).view(np.float64)


def to_int32(x):
    """Convert floats to int32 as x86 does: truncated, and −2^31 for whatever does not fit, NaN too.

    Parameters
    ----------
    x : float32 or float64 array or scalar
        Mostly already rounded to integers.

    Returns
    -------
    int32, the shape of `x`

    Notes
    -----
    The instructions CVTTSS2SI, CVTTPS2DQ and their kin return the "integer indefinite" value 0x80000000; in C
    the conversion is undefined there, and ARM saturates.

    Examples
    --------
    >>> to_int32(np.array([-7.0, 3e9, -np.inf, np.nan]))
    array([         -7, -2147483648, -2147483648, -2147483648], dtype=int32)
    """
    x = np.asarray(x)
    fits = (x >= INT32_MIN) & (x < 2.0**31)
    return np.where(fits, x, x.dtype.type(INT32_MIN)).astype(np.int32)[()]


def wrap32(x):
    """The int32 congruent to x modulo 2^32: what an int32 register holds after an overflow.

    Parameters
    ----------
    x : integer array or scalar, int64 or narrower

    Returns
    -------
    int32, the shape of `x`

    Examples
    --------
    >>> wrap32(np.array([2**31 - 1, 2**31, -(2**31) - 7]))
    array([ 2147483647, -2147483648,  2147483641], dtype=int32)
    """
    return np.asarray(x).astype(np.int32)[()]


def saturate(q, qmin, qmax, dtype):
    """clip(q, qmin, qmax) as `dtype`.

    Parameters
    ----------
    q : integer array, or floats that are integers or ±inf
    qmin, qmax : int
        Within the range of `dtype`.
    dtype : integer dtype

    Returns
    -------
    array of `dtype`, the shape of `q`

    Examples
    --------
    >>> saturate(np.array([-200, 5, 3_000_000_000]), -128, 127, np.int8)
    array([-128,    5,  127], dtype=int8)
    """
    return np.clip(q, qmin, qmax).astype(dtype)


def _as_float32(name, value):
    value = np.asarray(value)
    if value.dtype != np.float32:
        raise TypeError(f"{name} must be float32, got {value.dtype}")
    return value
