import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.tflite import (
    choose_quantization_params,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)


def half_up(x):
    return math.floor(x + Fraction(1, 2))


def half_away(x):
    return half_up(x) if x >= 0 else -half_up(-x)


def wrap(x, bits=32):
    return (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def exact(x, multiplier, shift, mode):
    """The four modes in exact rational arithmetic."""
    left, right = max(shift, 0), max(-shift, 0)
    if mode == "single":
        return wrap(half_up(Fraction(x * multiplier) * Fraction(2) ** (shift - 31)))
    if mode == "int64":
        m16 = 0x7FFF if multiplier >= 0x7FFF0000 else half_up(Fraction(multiplier, 2**16))
        return wrap(half_up(Fraction(x * m16) * Fraction(2) ** (shift - 15)))
    high = half_up(Fraction(wrap(x << left) * multiplier, 2**31))
    rounded = half_away if mode == "double" else half_up
    return rounded(Fraction(high, 2**right))


@pytest.mark.parametrize("mode", ["double", "single", "half_up_twice", "int64"])
def test_multiplication_is_that_of_exact_fractions(mode):
    rng = np.random.default_rng(5)
    for shift in (-31, -17, -8, -2, -1, 0, 1, 5):
        for multiplier in (
            2**30,
            2**30 + 1,
            0x7FFEFFFF,
            0x7FFF0000,
            2**31 - 1,
            0,
            *rng.integers(2**30, 2**31, 3),
        ):
            x = np.concatenate([np.arange(-40, 41), rng.integers(-(2**24), 2**24, 40)])
            y = multiply_by_quantized_multiplier(x, multiplier, shift, mode)
            assert y.tolist() == [exact(int(v), int(multiplier), shift, mode) for v in x]


def test_a_quarter_of_small_numbers_is_that_of_the_convolution_kernels():
    """acc · 0.25 in CONV_2D of LiteRT 2.3.0, reference and optimized."""
    acc = np.array([1, 2, 3, -1, -2, -3, 5, 6, 7, -5, -6, -7])
    multiplier, shift = quantize_multiplier(0.25)
    double = multiply_by_quantized_multiplier(acc, multiplier, shift, "double")
    twice = multiply_by_quantized_multiplier(acc, multiplier, shift, "half_up_twice")
    assert double.tolist() == [1, 1, 1, 0, -1, -1, 2, 2, 2, -1, -2, -2]
    assert twice.tolist() == [1, 1, 1, 0, 0, 0, 2, 2, 2, -1, -1, -1]


def test_a_left_shift_wraps_around_in_int32():
    assert multiply_by_quantized_multiplier(np.array([2**29]), 2**30, 2, "double") == -(2**30)


def test_int64_sums_beyond_32_bits_keep_their_size():
    assert multiply_by_quantized_multiplier(np.array([2**40]), 2**30, -9, "int64") == 2**30


def test_the_multiplier_of_a_real_number_is_its_mantissa():
    assert [int(v) for v in quantize_multiplier(0.75)] == [3 * 2**29, 0]
    assert [int(v) for v in quantize_multiplier(3.0)] == [3 * 2**29, 2]
    assert [int(v) for v in quantize_multiplier(np.nextafter(1.0, 0))] == [2**30, 1]
    assert [int(v) for v in quantize_multiplier(2.0**-33)] == [0, 0]


def test_the_one_product_that_does_not_fit_saturates():
    assert saturating_rounding_doubling_high_mul(-(2**31), -(2**31)) == 2**31 - 1


def test_division_by_a_power_of_two_rounds_ties_away():
    x = np.arange(-10, 11)
    assert rounding_divide_by_pot(x, 2).tolist() == [half_away(Fraction(int(v), 4)) for v in x]


def test_operands_are_checked():
    with pytest.raises(ValueError, match="mode must be one of double"):
        multiply_by_quantized_multiplier(np.array([1]), 2**30, 0, "triple")
    with pytest.raises(TypeError, match="x must be an integer array"):
        multiply_by_quantized_multiplier(np.array([1.0]), 2**30, 0)
    with pytest.raises(ValueError, match="shift must lie within"):
        multiply_by_quantized_multiplier(np.array([1]), 2**30, 8, "int64")
    with pytest.raises(ValueError, match="x must lie within"):
        multiply_by_quantized_multiplier(np.array([2**31]), 2**30, 0)


def test_chosen_parameters_follow_the_end_with_the_smaller_error():
    # zmin = -128 + 127.5 and zmax = 127 - 127.5 are both -0.5, and away from zero is -1
    assert choose_quantization_params(-1.0, 1.0, np.int8) == (2 / 255, -1)
    # narrow: zmin = -127 + 127 = 0
    assert choose_quantization_params(-1.0, 1.0, np.int8, narrow_range=True) == (2 / 254, 0)
    # uint8: zmin = 0 + 1/(4/255) = 63.75
    assert choose_quantization_params(-1.0, 3.0) == (4 / 255, 64)


def test_the_two_candidates_for_a_zero_point_can_differ():
    """A tie between zmin and zmax in exact arithmetic that float64 splits: only the chosen one is rounded."""
    for rmin, rmax in ((-0.3, 0.6), (-1.7, 0.4), (-0.1, 0.1), (-2.2, 5.5)):
        scale = (rmax - rmin) / 255
        zmin, zmax = -rmin / scale, 255 - rmax / scale
        chosen = zmin if abs(rmin / scale) < 255 + abs(rmax / scale) else zmax
        assert choose_quantization_params(rmin, rmax)[1] == half_away(Fraction(chosen))


def test_the_16_bit_multiplier_does_not_round_up_to_2_to_the_15():
    """0x7FFF0000 + 2^15 would round to 2^15 from 0x7FFF8000 on; it stays 0x7FFF: 2^20 gives 1048544."""
    for multiplier in (0x7FFF8000, 2**31 - 1):
        assert multiply_by_quantized_multiplier(np.array([2**20]), multiplier, 0, "int64") == 1048544


def test_chosen_parameters_at_the_edges():
    assert choose_quantization_params(0.0, 0.0, np.int8) == (0.0, 0)
    assert choose_quantization_params(0.0, 255.0) == (1.0, 0)
    assert choose_quantization_params(-255.0, 0.0) == (1.0, 255)
    with pytest.raises(ValueError, match="must be finite and contain 0"):
        choose_quantization_params(0.1, 1.0)
    for rmin, rmax in ((-1.0, math.nan), (-1.0, math.inf), (-math.inf, 1.0), (-2.0, -1.0)):
        with pytest.raises(ValueError, match="must be finite and contain 0"):
            choose_quantization_params(rmin, rmax)


def test_the_zero_point_comes_from_the_end_with_the_smaller_sum_of_magnitudes():
    """zmin and zmax are one number in exact arithmetic, here a tie, which float64 takes to its two sides.

    zmin is taken if |qmin| + |rmin / scale| < |qmax| + |rmax / scale|.
    """
    # +-17.83: 128 + 127.5 > 127 + 127.5, zmax = -0.5 and not zmin = -0.4999…; 0 + 127.5 < 255 + 127.5
    assert choose_quantization_params(-17.83, 17.83, np.int8)[1] == -1
    assert choose_quantization_params(-17.83, 17.83, np.uint8)[1] == 128
    # -51.5: 128 + 76.5 < 127 + 178.5 takes zmin; subtracted magnitudes would take zmax, and -52
    assert choose_quantization_params(-6.66, 15.54, np.int8)[1] == -51
    # 114.5: 128 + 242.5 > 127 + 12.5 takes zmax; subtracted magnitudes would take zmin, and 114
    assert choose_quantization_params(-16.49, 0.85, np.int8)[1] == 115


def test_a_range_near_the_smallest_float_is_clipped_or_refused():
    least = 5e-324
    assert choose_quantization_params(-280 * least, 77 * least) == (
        least,
        255,
    )  # 357 / 255 steps, rounded down
    with pytest.raises(ValueError, match="rmax - rmin must give a positive finite scale"):
        choose_quantization_params(-least, least)
    with pytest.raises(ValueError, match="rmax - rmin must give a positive finite scale"):
        choose_quantization_params(-1.7e308, 1.7e308)
