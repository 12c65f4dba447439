from fractions import Fraction
from math import floor

import numpy as np
import pytest

from qbref.kernels import requantize

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
WIDE = (INT32_MIN, INT32_MAX)


def half_up(x):
    return floor(x + Fraction(1, 2))


def half_away(x):
    return half_up(x) if x >= 0 else -half_up(-x)


def wrap(x):
    return (x + 2**31) % 2**32 - 2**31


def high_product(x, multiplier, shift):
    """Shift left in 32 bits, then round accumulator * multiplier / 2**31 half up."""
    return half_up(Fraction(wrap(x * 2 ** max(shift, 0)) * multiplier, 2**31))


EXACT = {
    "single": lambda x, m, s: half_up(Fraction(x * m) / Fraction(2) ** (31 - s)),
    "double": lambda x, m, s: half_away(Fraction(high_product(x, m, s), 2 ** max(-s, 0))),
    "half_up_twice": lambda x, m, s: half_up(Fraction(high_product(x, m, s), 2 ** max(-s, 0))),
    # half to even is what round() does to a Fraction; the product is rounded to the format first
    "float32": lambda x, m, s: round(Fraction(float(np.float32(x) * np.float32(m * 2.0 ** (s - 31))))),
    "float64": lambda x, m, s: half_away(Fraction(float(x) * (m * 2.0 ** (s - 31)))),
}


def accumulators(rng, multiplier, shift):
    """Near ties of the exact product, the extremes, and anything."""
    ties = (rng.integers(-300, 300, 15) + 0.5) * 2.0 ** (31 - shift) / max(multiplier, 1)
    ties = np.clip(np.rint(ties), INT32_MIN + 1, INT32_MAX - 1).astype(np.int64)
    extremes = [INT32_MIN, INT32_MIN + 1, -2, -1, 0, 1, 2, INT32_MAX - 1, INT32_MAX]
    some = rng.integers(INT32_MIN, INT32_MAX, 10)
    return np.concatenate([ties - 1, ties, ties + 1, extremes, some]).astype(np.int32)


@pytest.mark.parametrize("mode", EXACT)
def test_requantize_equals_the_formula_in_exact_fractions(mode):
    rng = np.random.default_rng(0)
    for shift in range(-31, 31):
        for multiplier in (2**30, 3 * 2**29, 2**31 - 1, int(rng.integers(2**30, 2**31))):
            x = accumulators(rng, multiplier, shift)
            expected = [EXACT[mode](v, multiplier, shift) for v in x.tolist()]
            result = requantize(x, multiplier, shift, 0, *WIDE, mode)
            assert result.tolist() == np.clip(expected, *WIDE).tolist()


# Accumulators times exactly 1/4, multiplier 2**30 and shift -1. The rows are what TensorFlow Lite computes:
# "float64" its reference FULLY_CONNECTED, "double" its reference CONV_2D, "half_up_twice" its optimized
# kernels, "float32" XNNPACK.
QUARTERS = [1, 2, 3, -1, -2, -3, 5, 6, 7, -5, -6, -7]
ROUNDED_QUARTERS = {
    "float64": [0, 1, 1, 0, -1, -1, 1, 2, 2, -1, -2, -2],
    "double": [1, 1, 1, 0, -1, -1, 2, 2, 2, -1, -2, -2],
    "half_up_twice": [1, 1, 1, 0, 0, 0, 2, 2, 2, -1, -1, -1],
    "float32": [0, 0, 1, 0, 0, -1, 1, 2, 2, -1, -2, -2],
    "single": [0, 1, 1, 0, 0, -1, 1, 2, 2, -1, -1, -2],  # floor(x / 4 + 1/2) by hand
}


@pytest.mark.parametrize("mode", ROUNDED_QUARTERS)
def test_requantize_rounds_quarters_as_the_system_does(mode):
    x = np.array(QUARTERS, np.int32)
    assert requantize(x, 2**30, -1, 0, -128, 127, mode).tolist() == ROUNDED_QUARTERS[mode]


def test_requantize_in_float32_differs_where_the_product_is_not_representable():
    """585 * 1527099520 / 2**37 is 6.50000016: above the tie, and 6.5 in float32, which rounds to even."""
    assert 585 * 1_527_099_520 * 2 == 13 * 2**37 + 43_264  # so the integer modes must give 7
    x = np.array([585], np.int32)
    results = {mode: requantize(x, 1_527_099_520, -6, 0, -128, 127, mode).item() for mode in EXACT}
    assert results == {"single": 7, "double": 7, "half_up_twice": 7, "float64": 7, "float32": 6}


def test_requantize_shifts_left_in_32_bits_where_the_system_does():
    x = np.array([3 * 2**29], np.int32)  # times 4 is 6 * 2**30, which wraps to -2 * 2**30
    assert requantize(x, 2**30, 2, 0, *WIDE, "double").item() == -(2**30)
    assert requantize(x, 2**30, 2, 0, *WIDE, "half_up_twice").item() == -(2**30)
    assert requantize(x, 2**30, 2, 0, *WIDE, "single").item() == INT32_MAX  # 3 * 2**30, clipped


def test_requantize_adds_the_zero_point_after_rounding():
    """-5 / 2 + 3: half to even gives -2 + 3, where rounding 0.5 would give 0."""
    assert requantize(np.array([-5], np.int32), 2**30, 0, 3, -128, 127, "float32").item() == 1


@pytest.mark.parametrize("mode", EXACT)
def test_requantize_saturates_instead_of_wrapping(mode):
    x = np.array([INT32_MIN, -300, -299, 0, 254, 256, INT32_MAX], np.int32)
    half = requantize(x, 2**30, 0, 0, -128, 127, mode)  # halved, and even where it matters
    assert half.dtype == np.int8
    assert half.tolist() == [-128, -128, -128, 0, 127, 127, 127]
    relu = requantize(x, 2**30, 0, 10, 10, 255, mode)
    assert relu.tolist() == [10, 10, 10, 10, 137, 138, 255]


def test_requantize_takes_one_multiplier_and_shift_for_each_channel():
    x = np.full((2, 3), 1000, np.int32)
    multiplier, shift = np.array([2**30, 2**30, 3 * 2**29]), np.array([0, -2, -4])
    assert requantize(x, multiplier, shift, 0, -(2**15), 2**15 - 1).tolist() == [[500, 125, 47]] * 2
    assert requantize(x, multiplier, -4, 0, -128, 127).tolist() == [[31, 31, 47]] * 2  # 31.25, 31.25, 46.875
    assert requantize(x, 2**30, shift, 0, 0, 500).tolist() == [[500, 125, 31]] * 2


@pytest.mark.parametrize(
    "qmin, qmax, dtype",
    [
        (-128, 127, np.int8),
        (-1, 128, np.int16),
        (-129, 0, np.int16),
        (0, 255, np.uint8),
        (0, 256, np.uint16),
        (100, 65_535, np.uint16),
        (-(2**15), 2**15 - 1, np.int16),
        (-1, 2**15, np.int32),
        (0, 2**16, np.int32),
    ],
)
def test_requantize_returns_the_smallest_dtype_that_holds_the_range(qmin, qmax, dtype):
    result = requantize(np.array([INT32_MIN, INT32_MAX], np.int32), 2**31 - 1, 0, 0, qmin, qmax)
    assert result.dtype == dtype
    assert result.tolist() == [qmin, qmax]


def test_requantize_by_a_multiplier_of_zero_gives_the_zero_point():
    for mode in EXACT:
        assert requantize(np.array([INT32_MIN, 7], np.int32), 0, 0, 5, -128, 127, mode).tolist() == [5, 5]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"accumulator": np.zeros(3, np.int64)}, "accumulator must have dtype int32, got int64"),
        ({"accumulator": np.array(3, np.int32)}, "accumulator must have at least one axis"),
        ({"multiplier": -1}, "multiplier must be between 0 and 2147483647, got -1"),
        ({"multiplier": [1, 2]}, "multiplier must be a scalar or have one element per channel"),
        ({"multiplier": 0.5}, "multiplier must be an integer, got 0.5"),
        ({"shift": [0, 31, 0]}, "shift must be between -31 and 30, got 31"),
        ({"qmin": 128}, "qmax must be between 128"),
        ({"mode": "nearest"}, "mode must be one of single, .*, got 'nearest'"),
    ],
)
def test_requantize_refuses(change, message):
    good = dict(accumulator=np.zeros(3, np.int32), multiplier=1, shift=0, zero_point=0, qmin=-128, qmax=127)
    with pytest.raises((TypeError, ValueError), match=message):
        requantize(**{**good, **change})
