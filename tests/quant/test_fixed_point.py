import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.quant import (
    dequantize_multiplier,
    quantize_multiplier,
    rounding_divide_by_power_of_two,
    rounding_shift_right,
    saturating_rounding_doubling_high_mul,
)

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
EXTREMES = [
    INT32_MIN,
    INT32_MIN + 1,
    -(2**30),
    -3,
    -2,
    -1,
    0,
    1,
    2,
    3,
    2**30,
    2**30 + 1,
    INT32_MAX - 1,
    INT32_MAX,
]
HALF = Fraction(1, 2)


def exact_up(v):
    return math.floor(v + HALF)


def exact_away(v):
    return math.floor(abs(v) + HALF) * (1 if v >= 0 else -1)


def random_int32(count, seed):
    return np.random.default_rng(seed).integers(INT32_MIN, INT32_MAX, count, endpoint=True, dtype=np.int32)


@pytest.mark.parametrize(
    ("real", "multiplier", "shift"),
    [
        (1.0, 2**30, 1),
        (0.5, 2**30, 0),
        (0.25, 2**30, -1),
        (0.75, 3 * 2**29, 0),
        (3.0, 3 * 2**29, 2),
        (0.0, 0, 0),
        (2.0**29, 2**30, 30),
        (2.0**-32, 2**30, -31),
        (2.0**-33, 0, 0),
        (1.0 - 2.0**-53, 2**30, 1),  # rounds up to 2^31, which is carried into the shift
        ((2**30 + 0.5) / 2**31, 2**30 + 1, 0),  # a tie, away from zero
        ((2**30 + 1.5) / 2**31, 2**30 + 2, 0),  # the other parity: half to even would agree here
    ],
)
def test_multipliers_by_hand(real, multiplier, shift):
    assert quantize_multiplier(real) == (multiplier, shift)


def test_multiplier_is_normalised_and_nearest():
    rng = np.random.default_rng(0)
    reals = rng.uniform(0.5, 2, 500) * 2.0 ** rng.integers(-30, 28, 500)
    multipliers, shifts = quantize_multiplier(reals)
    assert multipliers.dtype == shifts.dtype == np.int32
    for real, multiplier, shift in zip(reals, multipliers, shifts, strict=True):
        assert 2**30 <= multiplier < 2**31
        exact = Fraction(real) / Fraction(2) ** (int(shift) - 31)
        assert multiplier == exact_away(exact) or (multiplier == 2**30 and exact < 2**30)
        assert abs(int(multiplier) - exact) <= HALF


def test_arrays_and_scalars_agree():
    reals = np.array([[0.3, 1.7, 0.0], [1e-12, 500.0, 2.0**-32]])
    multipliers, shifts = quantize_multiplier(reals)
    assert multipliers.shape == shifts.shape == (2, 3)
    for index in np.ndindex(2, 3):
        assert quantize_multiplier(reals[index]) == (multipliers[index], shifts[index])


def test_dequantize_multiplier_undoes_quantize_multiplier():
    reals = np.random.default_rng(1).uniform(1e-6, 100, 1000)
    # rounded to 31 bits: half a unit of 2⁻³¹ relative to a mantissa of at least a half
    assert np.abs(dequantize_multiplier(*quantize_multiplier(reals)) / reals - 1).max() <= 2.0**-31
    assert dequantize_multiplier(3 * 2**29, 2) == 3.0


@pytest.mark.parametrize("real", [-1e-9, -1.0, np.nan, np.inf, -np.inf, 2.0**30, 2.0**30 - 1e-7])
def test_reals_that_cannot_be_multipliers_are_refused(real):
    with pytest.raises(ValueError, match=r"real must be at least 0 and below 2\*\*30"):
        quantize_multiplier(real)
    with pytest.raises(ValueError, match="real must be"):
        quantize_multiplier([0.5, real])


def gemmlowp_high_mul(a, b):
    """gemmlowp, fixedpoint.h: a nudge that depends on the sign, then division that truncates."""
    if a == b == INT32_MIN:
        return INT32_MAX
    product = a * b
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    return abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)


def test_high_mul_at_the_extremes_is_the_rounded_product_and_gemmlowps_formula():
    a, b = np.meshgrid(np.array(EXTREMES, np.int32), np.array(EXTREMES, np.int32))
    result = saturating_rounding_doubling_high_mul(a, b)
    assert result.dtype == np.int32
    for x, y, high in zip(a.ravel().tolist(), b.ravel().tolist(), result.ravel().tolist(), strict=True):
        assert high == min(exact_up(Fraction(x * y, 2**31)), INT32_MAX)
        assert high == gemmlowp_high_mul(x, y)


def test_high_mul_on_random_pairs_is_the_rounded_product():
    a, b = random_int32(2000, 2), random_int32(2000, 3)
    expected = [exact_up(Fraction(x * y, 2**31)) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert saturating_rounding_doubling_high_mul(a, b).tolist() == expected


def test_the_only_product_that_does_not_fit_saturates():
    assert saturating_rounding_doubling_high_mul(INT32_MIN, INT32_MIN) == INT32_MAX
    assert saturating_rounding_doubling_high_mul(INT32_MIN, INT32_MAX) == -INT32_MAX


@pytest.mark.parametrize(
    ("function", "exact"), [(rounding_divide_by_power_of_two, exact_away), (rounding_shift_right, exact_up)]
)
def test_shifts_round_as_in_exact_arithmetic(function, exact):
    x = np.concatenate([EXTREMES, np.arange(-20, 21), random_int32(300, 4)]).astype(np.int32)
    for exponent in [*range(32), 40, 62]:
        result = function(x, exponent)
        assert result.dtype == np.int32
        assert result.tolist() == [exact(Fraction(value, 2**exponent)) for value in x.tolist()]


def test_the_two_shifts_differ_at_negative_ties_only():
    x = np.array([-6, -2, 2, 6, -5, 5], np.int32)  # quarters: -1.5 -0.5 0.5 1.5 -1.25 1.25
    assert rounding_divide_by_power_of_two(x, 2).tolist() == [-2, -1, 1, 2, -1, 1]
    assert rounding_shift_right(x, 2).tolist() == [-1, 0, 1, 2, -1, 1]


@pytest.mark.parametrize(
    ("function", "exact"), [(rounding_divide_by_power_of_two, exact_away), (rounding_shift_right, exact_up)]
)
def test_shifts_of_int64_do_not_overflow(function, exact):
    x = np.array([2**63 - 1, -(2**63), 2**62 + 3, 5], np.int64)
    for exponent in (0, 1, 2, 31, 62):
        result = function(x, exponent)
        assert result.dtype == np.int64
        assert result.tolist() == [exact(Fraction(int(value), 2**exponent)) for value in x]


def test_shifts_broadcast_over_exponents():
    x = np.array([[7], [-7]], np.int32)
    assert rounding_shift_right(x, np.array([0, 1, 2])).tolist() == [[7, 4, 2], [-7, -3, -2]]
    assert rounding_divide_by_power_of_two(x, np.array([0, 1, 2])).tolist() == [[7, 4, 2], [-7, -4, -2]]


def test_double_rounding_turns_a_quarter_into_one():
    # TensorFlow Lite's CONV_2D reference gives these for 1/4 of each accumulator; 1/4 itself becomes 1
    accumulator = np.array([1, 2, 3, -1, -2, -3, 5, 6, 7, -5, -6, -7], np.int32)
    multiplier, shift = quantize_multiplier(0.25)
    high = saturating_rounding_doubling_high_mul(accumulator, multiplier)
    result = rounding_divide_by_power_of_two(high, -shift)
    assert result.tolist() == [1, 1, 1, 0, -1, -1, 2, 2, 2, -1, -2, -2]


def test_operands_are_checked():
    with pytest.raises(TypeError, match="a must be an integer"):
        saturating_rounding_doubling_high_mul(1.0, 1)
    with pytest.raises(ValueError, match="b must lie within .*, got 2147483648"):
        saturating_rounding_doubling_high_mul(1, 2**31)
    for function in (rounding_divide_by_power_of_two, rounding_shift_right):
        with pytest.raises(TypeError, match="x must be an integer"):
            function(1.0, 1)
        with pytest.raises(TypeError, match="exponent must be an integer"):
            function(1, 1.0)
        for exponent in (-1, 63):
            with pytest.raises(ValueError, match=f"exponent must lie within .*, got {exponent}"):
                function(1, exponent)
