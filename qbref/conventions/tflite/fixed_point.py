"""Multiplying integers by a real number without floating point, under TensorFlow Lite's names.

    real = multiplier · 2^(shift − 31),   2^30 ≤ multiplier < 2^31,   a positive shift is to the left

The steps are those of :mod:`qbref.quant.fixed_point`; what TensorFlow Lite adds is the choice of how to put
them together. Source: tflite/kernels/internal/common.cc and quantization_util.cc (google-ai-edge/LiteRT).
"""

import numpy as np

from qbref.kernels.requantize import ROUNDED_PRODUCT
from qbref.quant.checks import as_integer_array, check_within
from qbref.quant.fixed_point import (
    quantize_multiplier,
    saturating_rounding_doubling_high_mul,
)
from qbref.quant.fixed_point import rounding_divide_by_power_of_two as rounding_divide_by_pot

__all__ = [
    "multiply_by_quantized_multiplier",
    "quantize_multiplier",
    "rounding_divide_by_pot",
    "saturating_rounding_doubling_high_mul",
]

MODES = ("double", "single", "half_up_twice", "int64")


def multiply_by_quantized_multiplier(x, multiplier, shift, mode="double"):
    """round(x · multiplier · 2^(shift − 31)), rounded in one of the four ways in use.

    With left = max(shift, 0), right = max(−shift, 0) and high(a) = ⌊a · multiplier / 2^31 + ½⌋:

    ================= ==================================================== =============================
    mode              result                                               where
    ================= ==================================================== =============================
    "double"          half_away(high(wrap(x << left)) / 2^right)           reference kernels (gemmlowp)
    "single"          half_up(x · multiplier / 2^(31 − shift))             TFLITE_SINGLE_ROUNDING builds
    "half_up_twice"   half_up(high(wrap(x << left)) / 2^right)             ruy's vector kernels
    "int64"           half_up(x · m16 / 2^(15 − shift)),                   int64 sums of the 16x8 kernels
                      m16 = min((multiplier + 2^15) >> 16, 2^15 − 1)
    ================= ==================================================== =============================

    Parameters
    ----------
    x : integer array
        Within int32; for "int64" within ±2^47.
    multiplier, shift : int or integer array, broadcastable to x
        As :func:`quantize_multiplier` gives them; shift from −31 to 30, for "int64" from −31 to 7.
    mode : str

    Returns
    -------
    int32 array of x's shape
        A result outside int32 wraps; the kernels' callers keep clear of that.

    Notes
    -----
    Two roundings can move a value by more than one half: ¼ is rounded to ½, and then to 1. Verified bit for
    bit through the operators that use it (LiteRT 2.3.0).

    Examples
    --------
    >>> quarters = np.array([1, 2, 3, -1, -2, -3])
    >>> for mode in MODES:
    ...     print(multiply_by_quantized_multiplier(quarters, 2**30, -1, mode), mode)
    [ 1  1  1  0 -1 -1] double
    [ 0  1  1  0  0 -1] single
    [1 1 1 0 0 0] half_up_twice
    [ 0  1  1  0  0 -1] int64
    """
    x = as_integer_array("x", x)
    multiplier, shift = as_integer_array("multiplier", multiplier), as_integer_array("shift", shift)
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    check_within("multiplier", multiplier, 0, 2**31 - 1)
    check_within("shift", shift, -31, 7 if mode == "int64" else 30)
    reach = 2**47 if mode == "int64" else 2**31
    check_within("x", x, -reach, reach - 1)
    rule = _int64 if mode == "int64" else ROUNDED_PRODUCT[mode]
    return rule(x.astype(np.int64), multiplier.astype(np.int64), shift.astype(np.int64)).astype(np.int32)


def _int64(x, multiplier, shift):
    """A 48-bit sum times a 16-bit multiplier stays within 63 bits."""
    multiplier = np.where(multiplier < 0x7FFF0000, (multiplier + 2**15) >> 16, 0x7FFF)
    one = np.int64(1)
    return (x * multiplier + (one << (14 - shift))) >> (15 - shift)
