import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.quant import ROUNDINGS, round_half_away, round_half_even, round_half_up

HALF = Fraction(1, 2)
ALL = sorted(ROUNDINGS)


# The definitions on exact rational numbers; round() of a Fraction is half to even.
def exact_even(x):
    return round(x)


def exact_away(x):
    return math.floor(abs(x) + HALF) * (1 if x >= 0 else -1)


def exact_up(x):
    return math.floor(x + HALF)


EXACT = {"half_even": exact_even, "half_away": exact_away, "half_up": exact_up}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_by_hand(dtype):
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], dtype)
    assert round_half_even(x).tolist() == [-2, -2, 0, 0, 2, 2]
    assert round_half_away(x).tolist() == [-3, -2, -1, 1, 2, 3]
    assert round_half_up(x).tolist() == [-2, -1, 0, 1, 2, 3]


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_float_beside_a_tie_rounds_as_in_exact_arithmetic(rule, dtype):
    halves = np.arange(-40, 41).astype(dtype) / 2
    big = dtype(2) ** np.arange(20, 60, dtype=dtype)
    x = np.concatenate([halves, big - dtype(0.5), big + dtype(0.5), -big - dtype(0.5)])
    x = np.concatenate([x, np.nextafter(x, dtype(np.inf)), np.nextafter(x, dtype(-np.inf))])
    expected = [EXACT[rule](Fraction(float(value))) for value in x]
    assert [int(value) for value in ROUNDINGS[rule](x)] == expected


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_values_round_as_in_exact_arithmetic(rule, dtype):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=500) * 10.0 ** rng.integers(-3, 9, size=500)).astype(dtype)
    expected = [EXACT[rule](Fraction(float(value))) for value in x]
    assert [int(value) for value in ROUNDINGS[rule](x)] == expected


def test_the_float_just_below_one_half_rounds_down_where_floor_of_x_plus_half_does_not():
    below_half = np.nextafter(np.float32(0.5), np.float32(0))
    assert np.floor(below_half + np.float32(0.5)) == 1  # the textbook formula
    assert round_half_up(below_half) == 0
    assert round_half_away(below_half) == 0
    assert round_half_up(np.nextafter(0.5, 0.0)) == 0


@pytest.mark.parametrize("rule", ALL)
def test_large_odd_integers_are_unchanged(rule):
    x = np.array([8388609, -8388609, 16777215, -16777215], np.float32)
    assert ROUNDINGS[rule](x).tolist() == x.tolist()


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinities_and_nan_pass_through(rule, dtype):
    x = np.array([np.inf, -np.inf, np.nan], dtype)
    np.testing.assert_array_equal(ROUNDINGS[rule](x), x)


@pytest.mark.parametrize("rule", ALL)
def test_a_zero_result_keeps_the_sign_of_the_argument(rule):
    x = np.array([-0.0, -0.25, 0.0, 0.25], np.float32)
    assert np.signbit(ROUNDINGS[rule](x)).tolist() == [True, True, False, False]


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_shape_are_kept(rule, dtype):
    for shape in [(), (0,), (1,), (2, 3)]:
        rounded = ROUNDINGS[rule](np.full(shape, 1.25, dtype))
        assert rounded.dtype == dtype and rounded.shape == shape


@pytest.mark.parametrize("rule", ALL)
def test_out_receives_the_result_in_place(rule):
    x = np.array([0.5, -1.5, 2.25, -0.0], np.float32)
    expected = ROUNDINGS[rule](x.copy())
    assert ROUNDINGS[rule](x, out=x) is x
    assert x.tobytes() == expected.tobytes()


@pytest.mark.parametrize("rule", ALL)
def test_non_contiguous_input_rounds_like_a_copy(rule):
    x = np.linspace(-3, 3, 24, dtype=np.float32).reshape(4, 6)
    np.testing.assert_array_equal(ROUNDINGS[rule](x.T[::2]), ROUNDINGS[rule](x.T[::2].copy()))


@pytest.mark.parametrize("rule", ALL)
def test_integers_and_half_floats_are_refused(rule):
    for dtype in (np.int32, np.float16):
        with pytest.raises(TypeError, match="x must be float32 or float64"):
            ROUNDINGS[rule](np.zeros(2, dtype))
