import numpy as np
import pytest

from qbref.conventions.tflite import (
    fake_quant_with_min_max_vars,
    fake_quant_with_min_max_vars_gradient,
    fake_quant_with_min_max_vars_per_channel,
)
from qbref.conventions.tflite.fake_quant import nudge
from qbref.qat.tf_minmax import tf_minmax_backward, tf_minmax_forward


def test_the_range_is_nudged_until_zero_is_a_level():
    """TensorFlow 2.21.0: 127.49999 in float32 rounds to 127, not to 128."""
    assert [str(v) for v in nudge(-1.0, 1.0)[:2]] == ["-0.9960785", "1.0039216"]
    assert [float(v) for v in nudge(-0.125, 63.625)] == [-0.25, 63.5, 0.25]  # z = 0.5 goes away from zero
    assert [float(v) for v in nudge(0.5, 255.5)] == [0.0, 255.0, 1.0]
    assert [float(v) for v in nudge(-127.0, 127.0, narrow_range=True)] == [-127.0, 127.0, 1.0]


def test_ties_go_up_and_ends_saturate():
    x = np.array([-0.625, -0.5, -0.375, -0.125, 0.125, 0.375, 63.4, 99.0, -99.0], np.float32)
    y = fake_quant_with_min_max_vars(x, -1.0, 62.75)  # s = 1/4, z = 4
    assert y.tolist() == [-0.5, -0.5, -0.25, 0.0, 0.25, 0.5, 62.75, 62.75, -1.0]


def test_special_values_are_those_of_tensorflow():
    """TensorFlow 2.21.0 at [-1, 1] and at [0, 0]."""
    x = np.array([np.nan, np.inf, -np.inf, 3e9], np.float32)
    y = fake_quant_with_min_max_vars(x, -1.0, 1.0)
    assert [str(v) for v in y] == ["nan", "1.0039216", "-0.9960785", "1.0039216"]
    assert fake_quant_with_min_max_vars(x, 0.0, 0.0).tolist() == [0.0] * 4


@pytest.mark.parametrize("num_bits", [2, 4, 8, 16])
@pytest.mark.parametrize("narrow_range", [False, True])
def test_outputs_are_levels_of_the_nudged_range(num_bits, narrow_range):
    x = np.linspace(-3, 3, 1001).astype(np.float32)
    nmin, nmax, s = (float(v) for v in nudge(-1.3, 2.1, num_bits, narrow_range))
    y = fake_quant_with_min_max_vars(x, -1.3, 2.1, num_bits, narrow_range).astype(float)
    assert np.abs(y / s - np.rint(y / s)).max() < 2.0**-7  # 65535 levels in float32
    assert (np.diff(y) >= 0).all()
    inside = (x >= nmin) & (x <= nmax)
    assert np.abs(y - x)[inside].max() <= s * 0.501


def test_the_trained_quantizer_follows_the_same_formulas():
    rng = np.random.default_rng(1)
    x = rng.normal(0, 2, 500).astype(np.float32)
    upstream = rng.normal(size=500).astype(np.float32)
    for low, high, narrow in ((-1.0, 1.0, False), (-0.3, 2.9, True), (-2.0, 0.7, False)):
        ends = np.float32(low), np.float32(high)
        y = fake_quant_with_min_max_vars(x, *ends, 4, narrow)
        assert np.array_equal(y, tf_minmax_forward(x, *ends, 4, narrow))
        gradient = fake_quant_with_min_max_vars_gradient(upstream, x, *ends, 4, narrow)
        for own, trained in zip(gradient, tf_minmax_backward(upstream, x, *ends, 4, narrow), strict=True):
            assert np.array_equal(own, trained)


def test_the_gradient_goes_inside_or_to_one_end():
    upstream = np.array([1.0, 2.0, 4.0, 8.0, 16.0], np.float32)
    x = np.array([-0.25, -0.26, 63.5, 63.6, 7.0], np.float32)  # nudged to [-0.25, 63.5], the ends inside
    dx, dmin, dmax = fake_quant_with_min_max_vars_gradient(upstream, x, -0.125, 63.625)
    assert dx.tolist() == [1.0, 0.0, 4.0, 0.0, 16.0]
    assert (dmin, dmax) == (2.0, 8.0)
    dx, dmin, dmax = fake_quant_with_min_max_vars_gradient(upstream, x, 0.0, 0.0)
    assert (dx.tolist(), dmin, dmax) == (upstream.tolist(), 0.0, 0.0)


def test_channels_have_ranges_of_their_own():
    rng = np.random.default_rng(2)
    x = rng.normal(0, 2, (3, 20, 4)).astype(np.float32)
    lows, highs = -np.array([1, 0.3, 0, 2], np.float32), np.array([1, 2.9, 0, 0.7], np.float32)
    y = fake_quant_with_min_max_vars_per_channel(x, lows, highs, 4)
    for channel in range(4):
        one = fake_quant_with_min_max_vars(x[..., channel], lows[channel], highs[channel], 4)
        assert np.array_equal(y[..., channel], one)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="n_bits must be from 2 to 16, got 1"):
        fake_quant_with_min_max_vars([1.0], -1.0, 1.0, 1)
    with pytest.raises(ValueError, match="minimum must not exceed maximum"):
        fake_quant_with_min_max_vars([1.0], 1.0, -1.0)
    with pytest.raises(ValueError, match="must be one number each"):
        fake_quant_with_min_max_vars([1.0], [-1.0], [1.0])
    with pytest.raises(ValueError, match="one value per channel"):
        fake_quant_with_min_max_vars_per_channel([[1.0]], [-1.0, -1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="upstream must have the shape of x"):
        fake_quant_with_min_max_vars_gradient([1.0], [1.0, 2.0], -1.0, 1.0)


def test_subnormal_numbers_count_as_zero():
    """TensorFlow 2.21.0: ranges of subnormal ends, a subnormal 1/s, and a subnormal x beside an end."""
    assert fake_quant_with_min_max_vars([1.0, -1.0, 1e-45], -1e-45, 1e-45).tolist() == [0, 0, 0]
    assert fake_quant_with_min_max_vars([1.0, -1.0], -1e-39, 0.0).tolist() == [0, 0]
    lowest = np.float32(-3.4e38)
    assert fake_quant_with_min_max_vars([0.0], lowest, 0.0, 2).tolist() == [-lowest]
    x, one = np.float32([-1e-45, 1e-45, -1e-38]), np.ones(3, np.float32)
    dx, dmin, dmax = fake_quant_with_min_max_vars_gradient(one, x, 0.0, 1.0)
    assert dx.tolist() == [1, 1, 1] and dmin == dmax == 0


def test_the_gradient_takes_one_range():
    one = np.ones(2, np.float32)
    with pytest.raises(ValueError, match=r"minimum and maximum must be one number each, got shape \(2,\)"):
        fake_quant_with_min_max_vars_gradient(one, one, [-1.0, -1.0], [1.0, 1.0])


def test_an_infinite_upstream_inside_adds_nothing_to_the_ends():
    upstream, x = np.float32([np.inf, 1, 2]), np.float32([0, -9, 9])
    dx, dmin, dmax = fake_quant_with_min_max_vars_gradient(upstream, x, -1.0, 1.0)
    assert dx.tolist() == [np.inf, 0, 0] and (dmin, dmax) == (1, 2)
