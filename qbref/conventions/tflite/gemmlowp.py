"""exp, 1 / (1 + x), the logistic function and tanh in fixed point, as gemmlowp computes them.

Qm.n is an integer of 16 or 32 bits whose unit is 2^−n; m + n is 15 or 31. The arrays here are int64, so that
nothing overflows on the way. Source: fixedpoint/fixedpoint.h (google/gemmlowp).
"""

import math
from typing import NamedTuple

import numpy as np

from qbref.conventions.tflite.fixed_point import rounding_divide_by_pot


class Word(NamedTuple):
    """Signed integers of so many bits."""

    bits: int

    @property
    def largest(self):
        return 2 ** (self.bits - 1) - 1

    def number(self, real, integer_bits=0):
        """The real number in the format with so many integer bits."""
        return round(real * 2 ** (self.bits - 1 - integer_bits))

    def product(self, a, b):
        """half_up(a · b / 2^(bits − 1)): the integer bits of the formats of a and b add up."""
        return (a * b + (1 << (self.bits - 2))) >> (self.bits - 1)

    def saturate(self, x):
        return np.clip(x, -self.largest - 1, self.largest)


INT16, INT32 = Word(16), Word(32)


def exp_on_negative_values(a, integer_bits=5, word=INT32):
    """e^a in Q0 for a ≤ 0: constants e^(−2^k) for the multiples of ¼, a polynomial for the rest.

    Parameters
    ----------
    a : integer array
        With `integer_bits` integer bits, Q5.26 by default.

    Returns
    -------
    int64 array

    Examples
    --------
    >>> print(round(float(exp_on_negative_values(-(2**26))) / 2**31, 6))  # e^-1 = 0.367879
    0.36788
    """
    a = np.asarray(a).astype(np.int64)
    quarter = word.number(1 / 4, integer_bits)
    remainder = (a & (quarter - 1)) - quarter  # in [−¼, 0)
    result = _exp_between_minus_quarter_and_zero(remainder << integer_bits, word)
    multiple_of_quarter = remainder - a
    for k in range(-2, integer_bits):
        has_bit = multiple_of_quarter & word.number(2.0**k, integer_bits) != 0
        result = np.where(has_bit, word.product(result, word.number(math.exp(-(2.0**k)))), result)
    return np.where(a == 0, word.largest, result)


def _exp_between_minus_quarter_and_zero(a, word):
    """e^a = e^(−1/8) · (1 + x + x²/2 + x³/6 + x⁴/24), x = a + 1/8, in Q0."""
    center = word.number(math.exp(-1 / 8))
    x = a + word.number(1 / 8)
    x2 = word.product(x, x)
    x3 = word.product(x2, x)
    x4_quarter = rounding_divide_by_pot(word.product(x2, x2), 2).astype(np.int64)
    x3_half_and_x4_eighth = word.product(x4_quarter + x3, word.number(1 / 3))
    tail = rounding_divide_by_pot(x3_half_and_x4_eighth + x2, 1)
    return center + word.product(center, x + tail)


def one_over_one_plus_x(a, word=INT32):
    """1 / (1 + a) in Q0 for a in [0, 1) in Q0.

    Examples
    --------
    >>> print(round(float(one_over_one_plus_x(2**30)) / 2**31, 6))  # 1 / 1.5
    0.666667
    """
    return word.saturate(_two_over_one_plus_x(a, word) << 1)


def logistic(a, integer_bits, word):
    """1 / (1 + e^−a) in Q0."""
    a = np.asarray(a).astype(np.int64)
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(a), integer_bits, word), word)
    return np.where(a == 0, word.number(1 / 2), np.where(a > 0, positive, word.largest - positive))


def tanh(a, integer_bits, word):
    """(1 − e^(−2a)) / (1 + e^(−2a)) in Q0, from 2 / (1 + e^(−2a)) − 1."""
    a = np.asarray(a).astype(np.int64)
    exponential = exp_on_negative_values(-np.abs(a), integer_bits + 1, word)  # one more bit: twice the value
    positive = word.saturate((_two_over_one_plus_x(exponential, word) - word.number(1, 2)) << 2)
    return np.sign(a) * positive


def _two_over_one_plus_x(a, word):
    """2 / (1 + a) in Q2: Newton's method on the half denominator d = (1 + a) / 2, from 48/17 − 32/17 d."""
    half_denominator = (np.asarray(a).astype(np.int64) + word.largest + 1) >> 1
    x = word.number(48 / 17, 2) + word.product(half_denominator, word.number(-32 / 17, 2))
    for _ in range(3):
        x = x + (word.product(x, word.number(1, 2) - word.product(half_denominator, x)) << 2)
    return x
