"""Golden values from larq 0.14.0 on TensorFlow 2.21.0, with which 20,020 values were compared."""

import numpy as np
import pytest

from qbref.conventions import larq

F = np.float32
EDGES = np.array([0, -0.0, -1e-45, -1.1e-38, -1.2e-38, np.nan, -np.inf, np.inf, -1, 1], F)


def assert_same(got, expected):
    np.testing.assert_array_equal(got, np.array(expected, F), strict=True)


@pytest.mark.parametrize("name", ["ste_sign", "approx_sign", "swish_sign"])
def test_sign_is_plus_one_at_zero_and_at_subnormal_numbers_and_passes_nan(name):
    assert_same(larq.QUANTIZERS[name].forward(EDGES), [1, 1, 1, 1, -1, np.nan, -1, 1, -1, 1])


def test_heaviside_is_zero_up_to_the_smallest_normal_number():
    assert_same(larq.ste_heaviside(-EDGES), [0, 0, 0, 0, 1, np.nan, 1, 0, 1, 0])


def test_the_straight_through_window_includes_its_ends_and_may_be_absent():
    x = np.array([-1, 1, np.nextafter(F(1), F(2)), np.nan], F)
    assert_same(larq.ste_sign_gradient(x), [1, 1, 0, 0])
    assert_same(larq.ste_sign_gradient(x, clip_value=None), [1, 1, 1, 1])


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_the_formulas_written_out(seed):
    x = np.random.default_rng(seed).normal(size=200).astype(F)
    wide = x.astype(float)
    approx = np.array([2 * (1 - abs(v)) if abs(v) <= 1 else 0 for v in x], F)
    assert_same(larq.approx_sign_gradient(x), approx)
    swish = 5 * (2 - 5 * wide * np.tanh(2.5 * wide)) / (1 + np.cosh(5 * wide))
    # float32 result of a float64 formula that cancels near |x| = 0.48
    np.testing.assert_allclose(larq.swish_sign_gradient(x), swish, rtol=1e-6, atol=1e-12)


def test_ternary_threshold_is_inclusive_and_its_neighbour_is_not():
    t = F(0.05)
    assert_same(larq.ste_tern(np.array([t, -t, np.nextafter(t, F(0)), np.nan], F)), [1, -1, 0, np.nan])


def test_ternary_weight_networks_threshold_uses_values_beyond_one_unclipped():
    x = np.array([-9.0, -0.4, 0.2, 2.5], F)  # 0.7 · 12.1 / 4 = 2.1175
    assert_same(larq.ste_tern(x, ternary_weight_networks=True), [-1, 0, 0, 1])


def test_ternary_differences_that_flush_to_zero_count_as_the_threshold():
    x = np.array([4.0e-38, -4.0e-38, 3.0e-38, 1e-39, 0], F)
    assert_same(larq.ste_tern(x, 4.5e-38), [1, -1, 0, 0, 0])
    assert_same(larq.ste_tern(x, 0), [1, -1, 1, 0, 0])


def test_a_negative_ternary_threshold_is_as_a_positive_one():
    x = np.array([-0.5, 0.04, 0.05, 2], F)
    assert_same(larq.ste_tern(x, -0.05), [-1, 0, 1, 1])


def test_magnitude_aware_gradient_is_zero_outside_whatever_alpha():
    w = np.array([[np.nan, np.inf], [0.5, 0.5]], F)
    assert_same(larq.magnitude_aware_sign_gradient(w), [[0, 0], [np.nan, np.inf]])


def test_magnitude_aware_scale_belongs_to_the_last_axis():
    w = np.array([[[[1, -2], [3, 0]]]], F)
    assert_same(larq.magnitude_aware_sign(w), [[[[2, -1], [2, 1]]]])
    assert_same(larq.magnitude_aware_sign_gradient(w), [[[[2, 0], [0, 1]]]])


def test_dorefa_rounds_ties_to_even_levels():
    x = np.array([0.5, 1 / 6, 0.8333333, 7, -7], F)
    assert_same(larq.dorefa_quantizer(x, k_bit=1), [0, 0, 1, 1, 0])
    assert_same(larq.dorefa_quantizer(x), np.array([2, 0, 2, 3, 0], F) / F(3))


def test_dorefa_weights_lie_between_minus_one_and_one():
    w = np.array([-3, -0.1, 0.0, 0.4, 1.0], F)
    # tanh / (2 max) + 1/2 = 0, .450, .5, .691, .883; times 3: 0, 1.35, 1.5, 2.07, 2.65
    expected = np.float32(2) * (np.array([0, 1, 2, 2, 3], F) / F(3)) - 1
    assert_same(larq.dorefa_quantizer(w, mode="weights"), expected)
    assert_same(larq.dorefa_quantizer(np.zeros(2, F), k_bit=1, mode="weights"), [-1, -1])  # 0.5 goes to 0


def test_dorefa_takes_subnormal_weights_for_zeros():
    w = np.full(2, 1e-45, F)
    assert_same(larq.dorefa_quantizer(w, k_bit=2, mode="weights"), [F(2) * (F(2) / F(3)) - 1] * 2)
    assert_same(larq.dorefa_gradient(w, mode="weights"), [0, 0])


def test_dorefa_weight_gradient_against_a_difference_quotient_with_the_maximum_held():
    w = np.linspace(-2, 2, 11)
    largest = np.tanh(2)

    def limited(v):
        return 2 * (np.tanh(v) / (2 * largest) + 0.5) - 1

    numeric = (limited(w + 1e-6) - limited(w - 1e-6)) / 2e-6
    np.testing.assert_allclose(larq.dorefa_gradient(w, "weights"), numeric, atol=1e-9)  # 1e-16 / 1e-6


def test_every_quantizer_keeps_dtype_and_shape():
    w = np.random.default_rng(0).normal(size=(3, 2, 4))
    for quantizer in larq.QUANTIZERS.values():
        for dtype in (np.float32, np.float64):
            for result in (quantizer.forward(w.astype(dtype)), quantizer.gradient(w.astype(dtype))):
                assert (result.dtype, result.shape) == (dtype, w.shape)


def test_an_unknown_mode_is_refused():
    for function in (larq.dorefa_quantizer, larq.dorefa_gradient):
        with pytest.raises(ValueError, match="mode must be one of .*, got 'both'"):
            function([0.5], mode="both")


def test_channels_need_an_axis_of_their_own():
    for function in (larq.magnitude_aware_sign, larq.magnitude_aware_sign_gradient):
        with pytest.raises(ValueError, match="w must have weights and output channels, got shape"):
            function(np.float32(2))
