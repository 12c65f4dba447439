import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.binary import apply_threshold, batchnorm_threshold, integer_threshold

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
EPS = np.float32(1e-5)


def batchnorm32(a, gamma, beta, mean, var):
    """Inference-time batch normalization of integers, every operation rounded to float32."""
    with np.errstate(over="ignore"):  # an overflow to inf still has the right sign
        return gamma * ((a.astype(np.float32) - mean) / np.sqrt(var + EPS)) + beta


def random_batchnorm(channels, seed, spread=30.0):
    rng = np.random.default_rng(seed)
    gamma = rng.normal(size=channels)
    gamma[::7] = 0
    gamma[1::7] = rng.choice([-1, 1], gamma[1::7].size) * 1e-30
    beta = rng.normal(size=channels)
    beta[14::21] = 0
    mean, var = rng.normal(size=channels) * spread, rng.uniform(1e-3, spread**2, channels)
    return [values.astype(np.float32) for values in (gamma, beta, mean, var)]


def test_crossings_by_hand():
    # sqrt(16) = 4: 10 - 1·4/2 = 8 and 10 + 1·4/2 = 12
    t, direction = batchnorm_threshold([2.0, -2.0], [1.0, 1.0], [10.0, 10.0], [15.0, 15.0], eps=1.0)
    assert t.dtype == np.float64 and direction.dtype == np.int8
    assert t.tolist() == [8, 12] and direction.tolist() == [1, -1]


def test_a_channel_with_gamma_zero_is_constant():
    t, direction = batchnorm_threshold(np.zeros(3), [0.5, 0.0, -0.5], np.ones(3), np.ones(3))
    assert t.tolist() == [-np.inf, -np.inf, np.inf] and direction.tolist() == [1, 1, 1]


def test_a_crossing_beyond_every_float_is_infinite_without_a_warning():
    t, direction = batchnorm_threshold([1e-320, -1e-320], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0])
    assert t.tolist() == [-np.inf, np.inf] and direction.tolist() == [1, -1]


@pytest.mark.parametrize("seed", range(3))
def test_the_sign_of_batchnorm_is_the_comparison_with_the_threshold(seed):
    gamma, beta, mean, var = random_batchnorm(60, seed)
    t, direction = batchnorm_threshold(gamma, beta, mean, var, float(EPS))
    x = np.random.default_rng(seed + 50).normal(size=(400, 60)) * 60
    gamma, beta, mean, var = (values.astype(np.float64) for values in (gamma, beta, mean, var))
    sigma = np.sqrt(var + float(EPS))
    rounding = 1e-9 * (np.abs(mean) + np.abs(t))  # far more than there is
    clear = np.isinf(t) | (np.abs(x - t) > np.where(np.isinf(t), 0, rounding))
    expected = gamma * (x - mean) + beta * sigma >= 0  # batch norm times sigma > 0
    result = np.where(direction == 1, x >= t, x <= t)
    assert (result == expected)[clear].all() and clear.mean() > 0.99


def test_threshold_arguments_are_checked():
    one = np.ones(2)
    for name, position in (("gamma", 0), ("beta", 1), ("mean", 2), ("var", 3)):
        arguments = [one, one, one, one]
        arguments[position] = np.array([1.0, np.nan])
        with pytest.raises(ValueError, match=f"{name} must be finite"):
            batchnorm_threshold(*arguments)
    with pytest.raises(ValueError, match=r"var \+ eps must be positive"):
        batchnorm_threshold(one, one, one, np.zeros(2), eps=0.0)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("lo", "hi"), [(-500, 500), (-7, 8), (3, 3), (0, 1)])
def test_integer_comparison_equals_the_float32_network_on_every_accumulator(seed, lo, hi):
    channels = 105
    parameters = random_batchnorm(channels, seed)

    def decides_plus(a):
        return batchnorm32(a, *parameters) >= 0

    threshold, flip = integer_threshold(decides_plus, lo, hi, channels)
    assert threshold.dtype == np.int32 and flip.dtype == bool
    every = np.repeat(np.arange(lo, hi + 1)[:, np.newaxis], channels, axis=1)
    expected = batchnorm32(every, *parameters) >= 0
    assert (((every >= threshold) != flip) == expected).all()
    assert (apply_threshold(every, threshold, flip) == expected).all()
    if hi - lo > 100:  # the data exercise all four kinds of channel
        constant = threshold == INT32_MIN
        assert {(bool(c), bool(f)) for c, f in zip(constant, flip, strict=True)} == {
            (False, False),
            (False, True),
            (True, False),
            (True, True),
        }


@pytest.mark.parametrize("seed", range(3))
def test_in_exact_arithmetic_it_is_the_ceiling_of_the_crossing(seed):
    rng = np.random.default_rng(seed)
    slopes = [
        Fraction(int(n), int(d))
        for n, d in zip(rng.integers(1, 50, 40), rng.integers(1, 50, 40), strict=True)
    ]
    slopes = [slope * (-1) ** i for i, slope in enumerate(slopes)]
    crossings = [Fraction(int(n), 4) for n in rng.integers(-400, 400, 40)]  # a quarter of them integers

    def decides_plus(a):
        answers = [slope * (int(v) - t) >= 0 for slope, t, v in zip(slopes, crossings, a, strict=True)]
        return np.array(answers)

    threshold, flip = integer_threshold(decides_plus, -1000, 1000, 40)
    expected = [
        math.ceil(t) if slope > 0 else math.floor(t) + 1 for slope, t in zip(slopes, crossings, strict=True)
    ]
    assert threshold.tolist() == expected
    assert flip.tolist() == [slope < 0 for slope in slopes]


def test_a_near_tie_follows_the_float_function_and_not_the_exact_crossing():
    tenth = np.float32(0.1)
    bias = tenth * np.float32(13)  # rounded up: exactly, 13 tenths do not reach it
    assert math.ceil(Fraction(float(bias)) / Fraction(float(tenth))) == 14

    def decides_plus(a):
        return a.astype(np.float32) * tenth - bias >= 0

    assert decides_plus(np.array([12, 13])).tolist() == [False, True]
    assert integer_threshold(decides_plus, 0, 100, 1)[0] == 13


def test_the_whole_int32_range_can_be_searched():
    targets = np.array([INT32_MIN + 1, -1, 0, 12345, INT32_MAX])
    calls = []

    def decides_plus(a):
        calls.append(a)
        return a >= targets

    threshold, flip = integer_threshold(decides_plus, INT32_MIN, INT32_MAX, 5)
    assert (threshold == targets).all() and not flip.any()
    assert len(calls) <= 2 + 32


def test_constant_channels_are_constant_for_every_accumulator():
    threshold, flip = integer_threshold(lambda a: np.array([True, False]), -5, 5, 2)
    assert threshold.tolist() == [INT32_MIN, INT32_MIN] and flip.tolist() == [False, True]
    extremes = np.array([[INT32_MIN, INT32_MIN], [INT32_MAX, INT32_MAX]], np.int32)
    assert apply_threshold(extremes, threshold, flip).tolist() == [[True, False], [True, False]]


def test_zero_channels_give_empty_results():
    threshold, flip = integer_threshold(lambda a: a >= 0, -5, 5, 0)
    assert threshold.shape == flip.shape == (0,)


def test_search_arguments_are_checked():
    for lo, hi in ((1, 0), (INT32_MIN - 1, 0), (0, INT32_MAX + 1)):
        with pytest.raises(ValueError, match="lo and hi must be ordered and fit in int32"):
            integer_threshold(lambda a: a >= 0, lo, hi, 1)
    with pytest.raises(TypeError, match=r"decides_plus must return bool of shape \(2,\), got int64"):
        integer_threshold(lambda a: a, 0, 1, 2)
    with pytest.raises(TypeError, match="decides_plus must return bool"):
        integer_threshold(lambda a: True, 0, 1, 2)


def test_apply_threshold_broadcasts_over_leading_axes_and_refuses_floats():
    accumulator = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    threshold, flip = np.array([0, 9, 14, 99], np.int32), np.array([False, True, False, True])
    result = apply_threshold(accumulator, threshold, flip)
    assert result.dtype == bool
    expected = [
        [(int(a) >= t) != f for a, t, f in zip(row, threshold, flip, strict=True)]
        for row in accumulator.reshape(-1, 4)
    ]
    assert result.reshape(-1, 4).tolist() == expected
    with pytest.raises(TypeError, match="accumulator must be an integer array"):
        apply_threshold(accumulator.astype(np.float32), threshold, flip)
