"""From int32 accumulators back to 8 or 16 bits, with the roundings that real systems use."""

from typing import NamedTuple

import numpy as np

from qbref.kernels._checks import check_requantize
from qbref.quant.fixed_point import (
    dequantize_multiplier,
    rounding_divide_by_power_of_two,
    rounding_shift_right,
    saturating_rounding_doubling_high_mul,
)
from qbref.quant.rounding import round_half_away


class Requantization(NamedTuple):
    """The constants of :func:`requantize`, for products that requantize before they return.

    Examples
    --------
    >>> halve = Requantization(multiplier=2**30, shift=0, zero_point=0, qmin=-128, qmax=127)
    >>> requantize(np.array([3, 40, 1000], np.int32), *halve)
    array([  2,  20, 127], dtype=int8)
    """

    multiplier: int | np.ndarray
    shift: int | np.ndarray
    zero_point: int
    qmin: int
    qmax: int
    mode: str = "single"


def requantize(accumulator, multiplier, shift, zero_point, qmin, qmax, mode="single"):
    """q = clip(round(accumulator * real) + zero_point, qmin, qmax) with real = multiplier * 2**(shift - 31).

    Parameters
    ----------
    accumulator : int32 array, shape (..., channels)
    multiplier : int, or integer array of shape (channels,)
        From 0 to 2**31 - 1; :func:`qbref.quant.quantize_multiplier` gives 0 or at least 2**30.
    shift : int, or integer array of shape (channels,)
        From -31 to 30; a positive shift is to the left.
    zero_point : int
    qmin, qmax : int
        Limits of the result, within int32.
    mode : str
        How accumulator * real is rounded to an integer, with left = max(shift, 0), right = max(-shift, 0),
        and ``high(a) = (a * multiplier + 2**30) >> 31``, which rounds half up:

        ``"single"``
            (accumulator * multiplier + 2**(30 - shift)) >> (31 - shift). Half up, once.
        ``"double"``
            high(wrap(accumulator << left)) / 2**right, half away from zero. Rounds twice.
        ``"half_up_twice"``
            high(wrap(accumulator << left)) / 2**right, half up. Rounds twice.
        ``"float32"``
            Half to even of the float32 product float32(accumulator) * float32(real).
        ``"float64"``
            Half away from zero of the float64 product accumulator * real.

    Returns
    -------
    q : array of accumulator's shape
        int8 or int16 if qmin < 0, else uint8 or uint16: the smallest that holds qmin and qmax; else int32.

    Raises
    ------
    TypeError
        If `accumulator` is not an int32 array or a parameter is not an integer.
    ValueError
        If `mode` is unknown, a parameter is out of range, an array has not one element per channel,
        or `accumulator` has no axis.

    Notes
    -----
    In "double" and "half_up_twice" the left shift wraps around in int32, as it does in the systems that
    use them; with real < 1 there is none. "float32" loses the low bits of accumulators beyond 2**24.

    "double" is gemmlowp's ``SaturatingRoundingDoublingHighMul`` and ``RoundingDivideByPOT``
    (fixedpoint/fixedpoint.h), used by TensorFlow Lite's reference kernels; "single" is TensorFlow Lite
    built with TFLITE_SINGLE_ROUNDING; "half_up_twice" is ruy's vector kernels; "float32" is ONNX Runtime.

    Examples
    --------
    A quarter, rounded in each way. Rounding twice makes 1/4 first 1/2 and then 1:

    >>> accumulator = np.array([1, 2, 3, -1, -2, -3], np.int32)
    >>> for mode in ("single", "double", "half_up_twice", "float32", "float64"):
    ...     print(requantize(accumulator, 2**30, -1, 0, -128, 127, mode), mode)
    [ 0  1  1  0  0 -1] single
    [ 1  1  1  0 -1 -1] double
    [1 1 1 0 0 0] half_up_twice
    [ 0  0  1  0  0 -1] float32
    [ 0  1  1  0 -1 -1] float64
    """
    multiplier, shift, zero_point, qmin, qmax, dtype = check_requantize(
        accumulator, multiplier, shift, zero_point, qmin, qmax, mode
    )
    rounded = ROUNDED_PRODUCT[mode](accumulator, multiplier, shift)
    return np.clip(rounded + zero_point, qmin, qmax).astype(dtype)


def _single(accumulator, multiplier, shift):
    return (accumulator * multiplier + (1 << (30 - shift))) >> (31 - shift)


def _double(accumulator, multiplier, shift):
    high = _high_product(accumulator, multiplier, shift)
    return rounding_divide_by_power_of_two(high, np.maximum(-shift, 0)).astype(np.int64)


def _half_up_twice(accumulator, multiplier, shift):
    high = _high_product(accumulator, multiplier, shift)
    return rounding_shift_right(high, np.maximum(-shift, 0)).astype(np.int64)


def _float32(accumulator, multiplier, shift):
    real = dequantize_multiplier(multiplier, shift).astype(np.float32)
    return np.rint(accumulator.astype(np.float32) * real).astype(np.int64)


def _float64(accumulator, multiplier, shift):
    return round_half_away(accumulator * dequantize_multiplier(multiplier, shift)).astype(np.int64)


def _high_product(accumulator, multiplier, shift):
    """(wrap(accumulator << left) * multiplier + 2**30) >> 31."""
    shifted = (accumulator.astype(np.int64) << np.maximum(shift, 0)).astype(np.int32)
    return saturating_rounding_doubling_high_mul(shifted, multiplier)


ROUNDED_PRODUCT = {
    "single": _single,
    "double": _double,
    "half_up_twice": _half_up_twice,
    "float32": _float32,
    "float64": _float64,
}
