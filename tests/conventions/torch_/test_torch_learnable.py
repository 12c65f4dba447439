"""Worked out by hand; rules and special values as observed in PyTorch 2.13.0, CPU."""

import numpy as np
import pytest

from qbref.conventions import torch as convention

forward = convention.fake_quantize_learnable_per_tensor_affine
backward = convention.fake_quantize_learnable_per_tensor_affine_backward
channel_forward = convention.fake_quantize_learnable_per_channel_affine
channel_backward = convention.fake_quantize_learnable_per_channel_affine_backward


def test_the_forward_pass_rounds_the_zero_point_half_to_even():
    x = np.float32([[300.0, -300.0]])
    assert forward(x, 1.0, 2.5, -128, 127).tolist() == [[125, -130]]
    assert channel_forward(x, [1.0], [2.5], 0, -128, 127).tolist() == [[125, -130]]
    assert forward(x, 1.0, 1000.0, -128, 127).tolist() == [[0, -255]]  # a zero point of 127


def test_the_backward_pass_rounds_a_single_zero_point_half_up():
    # Outside, dscale = limit − zb: 127 − 3 with one zero point and 127 − 2 with channels
    assert backward([1.0], [300.0], 1.0, 2.5, -128, 127).dscale == 124
    assert channel_backward([[1.0]], [[300.0]], [1.0], [2.5], 0, -128, 127).dscale == 125
    # trunc(−2 + ½) = −1: even an integer zero point changes if it is negative
    assert backward([1.0], [300.0], 1.0, -2.0, -128, 127).dscale == 128
    # trunc(−2.75 + ½) = −2, and rint(−2.75) = −3
    assert backward([1.0], [300.0], 1.0, -2.75, -128, 127).dscale == 129
    assert channel_backward([[1.0]], [[300.0]], [1.0], [-2.75], 0, -128, 127).dscale == 130


def test_the_two_passes_disagree_at_ties_when_the_zero_point_is_odd():
    # x = 6.5, limits −8 and 7: forward rint(6.5) + 1 = 7, inside; backward rint(6.5 + 1) = 8, outside
    assert forward([6.5], 1.0, 1.0, -8, 7).tolist() == [6]
    gradients = backward([1.0], [6.5], 1.0, 1.0, -8, 7)
    assert (gradients.dx.item(), gradients.dscale, gradients.dzero_point) == (0, 6, -1)


def test_gradients_inside_and_on_either_side():
    # scale 0.5, zero point 1, limits −4 and 3: levels of −9, 0.3 and 9 are −4, 2 and 3
    x, upstream = np.float32([-9, 0.3, 9]), np.float32([2, 3, 5])
    gradients = backward(upstream, x, 0.5, 1.0, -4, 3, grad_factor=0.25)
    assert gradients.dx.tolist() == [0, 3, 0]
    inside = 3 * (0.5 - float(np.float32(0.3))) / 0.5
    # the sum in float32 loses at most half a unit in the last place of its value near 0.3
    assert gradients.dscale == pytest.approx((2 * -5 + inside + 5 * 2) * 0.25, abs=2**-25)
    assert gradients.dzero_point == (-2 - 5) * 0.5 * 0.25


@pytest.mark.parametrize(
    "x, scale, expected", [(-1.6, 0.596, -0.3154362738132477), (4.42, 0.876, -0.04566226154565811)]
)
def test_the_error_is_a_fused_multiply_add(x, scale, expected):
    # PyTorch 2.13.0, CPU; rounding product and difference apart changes the last digits
    assert backward([1.0], [x], scale, 0.0, -128, 127).dscale == expected
    assert channel_backward([[1.0]], [[x]], [scale], [0.0], 0, -128, 127).dscale.item() == expected


def test_the_scale_gradient_is_that_of_the_forward_pass_where_rounding_is_constant():
    # outside, y = (limit − z) · scale exactly: the difference quotient is the gradient
    x = np.float32([100.0, -100.0, 70.0])
    up, down = (forward(x, s, 1.0, -8, 7).astype(np.float64) for s in (1.25, 0.75))
    upstream = np.float32([1.0, 2.0, -4.0])
    quotient = upstream @ (up - down) / 0.5
    assert backward(upstream, x, 1.0, 1.0, -8, 7).dscale == quotient


def test_channels_are_summed_apart_on_any_axis():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)[:, :, 0]
    upstream = rng.normal(size=x.shape).astype(np.float32)
    for axis in range(-3, 3):
        n = x.shape[axis]
        scale, zero_point = np.arange(1, n + 1) / 16, np.arange(n) * 1.0
        y = np.moveaxis(channel_forward(x, scale, zero_point, axis, -8, 7), axis, 0)
        all_channels = channel_backward(upstream, x, scale, zero_point, axis, -8, 7, 0.5)
        assert all_channels.dscale.shape == all_channels.dzero_point.shape == (n,)
        for i in range(n):
            part, part_upstream = np.moveaxis(x, axis, 0)[i], np.moveaxis(upstream, axis, 0)[i]
            assert np.array_equal(y[i], forward(part, scale[i], zero_point[i], -8, 7))
            one = backward(part_upstream, part, scale[i], zero_point[i], -8, 7, 0.5)
            assert np.array_equal(np.moveaxis(all_channels.dx, axis, 0)[i], one.dx)
            # sums of the same 15 or fewer numbers below 8, in float64: equal after rounding but for ties
            assert all_channels.dscale[i] == pytest.approx(one.dscale, abs=2**-20)
            assert all_channels.dzero_point[i] == pytest.approx(one.dzero_point, abs=2**-20)


def test_special_values_count_as_lying_below_the_range():
    x = np.float32([np.nan, np.inf, -np.inf, 1e20])
    assert forward(x, 1.0, 0.0, -8, 7).tolist() == [-8, 7, -8, 7]
    assert channel_forward(x[None], [1.0], [0.0], 0, -8, 7).tolist() == [[-8, -8, -8, -8]]
    for value in x:
        gradients = backward([1.0], value.reshape(1), 1.0, 0.0, -8, 7)
        assert (gradients.dx.item(), gradients.dscale, gradients.dzero_point) == (0, -8, -1)


def test_empty_arrays_have_zero_gradients():
    empty = np.empty((0, 2), np.float32)
    assert channel_forward(empty, [1.0, 1.0], [0.0, 0.0], 1, -8, 7).shape == (0, 2)
    gradients = channel_backward(empty, empty, [1.0, 1.0], [0.0, 0.0], 1, -8, 7)
    assert gradients.dx.shape == (0, 2) and gradients.dscale.tolist() == [0, 0]


def test_invalid_arguments_are_named():
    with pytest.raises(ValueError, match="zero_point must be finite, got nan"):
        forward([1.0], 1.0, np.nan, -8, 7)
    with pytest.raises(ValueError, match=r"zero_point must be a single number, got shape \(1,\)"):
        backward([1.0], [1.0], 1.0, [0.0], -8, 7)
    with pytest.raises(ValueError, match="zero_point must be finite"):
        channel_forward([[1.0]], [1.0], [np.inf], 0, -8, 7)
    with pytest.raises(ValueError, match=r"scale must have shape \(1,\), got \(2,\)"):
        channel_forward([[1.0]], [1.0, 1.0], [0.0], 0, -8, 7)
    with pytest.raises(ValueError, match=r"upstream must have shape \(1,\), got \(1, 1\)"):
        backward([[1.0]], [1.0], 1.0, 0.0, -8, 7)


def test_numbers_beyond_float32_become_infinite_without_a_warning():
    with pytest.raises(ValueError, match=r"zero_point must be finite, got \[inf\]"):
        channel_forward([[1.0]], [1.0], [1e39], 0, -128, 127)
    assert backward([1.0], [300.0], 1.0, 0.0, -128, 127, grad_factor=1e39).dscale == np.inf
