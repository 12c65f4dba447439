"""How ADD brings an input to the grid on which it adds: L more bits on the left, and one multiplier.

    r = (q − zero_point) · 2^L · scale / t,     scale / t = multiplier · 2^(shift − 31),  −31 ≤ shift ≤ 0

The three orders of the same steps, with v = q − zero_point and high(n) = ⌊n · multiplier / 2^31 + ½⌋:

============== ================================= ==========================================================
rounded_twice  half_away(high(v << L) · 2^shift) reference kernels
shifted_before high(⌊v · 2^(L + shift)⌋)         AddElementwiseInt8, AddElementwiseInt16: sixteen at once
shifted_after  ⌊high(v << L) · 2^shift⌋          AddScalarBroadcast: eight at once, also the repeated value
============== ================================= ==========================================================

Source: tflite/kernels/internal/optimized/integer_ops/add.h (google-ai-edge/LiteRT).
"""

import numpy as np

from qbref.conventions.tflite.fixed_point import (
    multiply_by_quantized_multiplier,
    saturating_rounding_doubling_high_mul,
)

LEFT_SHIFT = {np.dtype(np.int8): 20, np.dtype(np.int16): 15}


def rounded_twice(v, left_shift, multiplier, shift):
    """half_away(high(v << L) · 2^shift).

    Examples
    --------
    Halves: L = 2, scale / t = 1/8.

    >>> v = np.array([1, 2, 3, -1, -2, -3])
    >>> for rule in (rounded_twice, shifted_before, shifted_after):
    ...     print(rule(v, 2, 2**30, -2), rule.__name__)
    [ 1  1  2 -1 -1 -2] rounded_twice
    [ 1  1  2  0 -1 -1] shifted_before
    [ 0  1  1 -1 -1 -2] shifted_after
    """
    return multiply_by_quantized_multiplier(v << left_shift, multiplier, shift)


def shifted_before(v, left_shift, multiplier, shift):
    """high(⌊v · 2^(L + shift)⌋): one rounding, unless scale / t is below 2^−L."""
    left = left_shift + int(shift)
    shifted = v << left if left >= 0 else v >> -left
    return saturating_rounding_doubling_high_mul(shifted, multiplier)


def shifted_after(v, left_shift, multiplier, shift):
    """⌊high(v << L) · 2^shift⌋: rounded, then floored."""
    return saturating_rounding_doubling_high_mul(v << left_shift, multiplier) >> -int(shift)
