"""Special values: observed in PyTorch 2.13.0, CPU."""

import numpy as np
import pytest

from qbref.conventions import torch as convention

SPECIAL = np.float32([np.nan, np.inf, -np.inf, 3e9, -3e9, 1e20, -1e20, 2.5, -2.5, 2**63, 9.2e18])


def scalar_fake_quantize(x, scale, zero_point, quant_min, quant_max):
    """(y, gradient) of one float32 value, step by step."""
    inverse = np.float32(1) / np.float32(scale)
    r = round(float(np.float32(x) * inverse)) + zero_point  # Python's round: half to even
    q = min(max(r, quant_min), quant_max)
    return np.float32(q - zero_point) * np.float32(scale), quant_min <= r <= quant_max


@pytest.mark.parametrize("limits", [(-128, 127), (0, 255), (-8, 7), (-(2**15), 2**15 - 1)])
def test_forward_and_backward_follow_the_formula_around_ties(limits):
    rng = np.random.default_rng(0)
    for scale in (0.1, 1.0, 0.037):
        zero_point = int(rng.integers(max(limits[0], -100), min(limits[1], 100) + 1))
        centre = (rng.integers(-600, 600, 400) / 2 * scale).astype(np.float32)
        x = (centre.view(np.int32) + rng.integers(-2, 3, 400).astype(np.int32)).view(np.float32)
        x[centre == 0] = 0
        upstream = rng.normal(size=400).astype(np.float32)
        y, inside = zip(*(scalar_fake_quantize(v, scale, zero_point, *limits) for v in x), strict=True)
        arguments = (scale, zero_point, *limits)
        assert np.array_equal(convention.fake_quantize_per_tensor_affine(x, *arguments), y)
        dx = convention.fake_quantize_per_tensor_affine_backward(upstream, x, *arguments)
        assert np.array_equal(dx, upstream * np.array(inside))
        arguments = ([scale], [zero_point], 0, *limits)
        assert np.array_equal(convention.fake_quantize_per_channel_affine(x[None], *arguments)[0], y)
        dx = convention.fake_quantize_per_channel_affine_backward(upstream[None], x[None], *arguments)
        assert np.array_equal(dx[0], upstream * np.array(inside))


def test_a_value_beyond_the_range_that_rounds_into_it_passes_the_gradient():
    x = np.float32([-8.5, -8.51, 7.49, 7.5])  # limits −8 and 7: −8.5 rounds to −8, 7.5 to 8
    dx = convention.fake_quantize_per_tensor_affine_backward(np.ones(4, np.float32), x, 1.0, 0, -8, 7)
    assert dx.tolist() == [1, 0, 1, 0]


def test_the_zero_point_is_added_after_rounding_unless_it_is_a_float():
    x = np.float32([[2.5, -2.5]])
    assert convention.fake_quantize_per_tensor_affine(x, 1.0, 7, -128, 127).tolist() == [[2, -2]]
    assert convention.fake_quantize_per_channel_affine(x, [1], [7], 0, -128, 127).tolist() == [[2, -2]]
    y = convention.fake_quantize_per_channel_affine(x, [1], np.float32([7]), 0, -128, 127)
    assert y.tolist() == [[3, -3]]


def test_a_floating_zero_point_is_subtracted_again_in_float64():
    # r = rint(1 · 2 + 0.3) = 2, y = (2 − 0.3) / 2 from the float32 number nearest 0.3
    zero_point = np.float32([0.3])
    y = convention.fake_quantize_per_channel_affine([[1.0]], [0.5], zero_point, 0, -8, 7)
    assert y.item() == np.float32((2 - float(zero_point[0])) * 0.5)


@pytest.mark.parametrize(
    "x, scale, zero_point, expected",
    [  # torch.fake_quantize_per_channel_affine, PyTorch 2.13.0, CPU
        (-30.4983, 0.705, -1.24, -30.14579963684082),  # a level less without the fused multiply-add
        (54.1944, 0.579, 2.9, 53.90489959716797),  # a level more
        (0.63, 0.375, 0.45, 0.581250011920929),  # a unit in the last place less in float32
        (-3.82, 0.611, -1.85, -3.7576498985290527),
    ],
)
def test_floating_zero_points_where_a_single_rounding_decides(x, scale, zero_point, expected):
    arguments = ([scale], np.float32([zero_point]), 0, -128, 127)
    assert convention.fake_quantize_per_channel_affine([[x]], *arguments).item() == expected


def test_special_values_saturate_with_one_scale_and_overflow_with_channels():
    y = convention.fake_quantize_per_tensor_affine(SPECIAL, 1.0, 7, -128, 127)
    assert y.tolist() == [-135, 120, -135, 120, -135, 120, -135, 2, -2, 120, 120]
    y = convention.fake_quantize_per_channel_affine(SPECIAL[None], [1.0], [7], 0, -128, 127)
    assert y[0].tolist() == [-135, -135, -135, 120, -135, -135, -135, 2, -2, -135, 120]
    for zero_points in ([7], np.float32([7])):
        dx = convention.fake_quantize_per_channel_affine_backward(
            np.ones((1, 11), np.float32), SPECIAL[None], [1.0], zero_points, 0, -128, 127
        )
        assert dx[0].tolist() == [0] * 7 + [1, 1, 0, 0]


def test_zero_has_no_sign_after_quantization():
    x = np.float32([[-0.0, -0.1]])
    for y in (
        convention.fake_quantize_per_tensor_affine(x, 1.0, 0, -8, 7),
        convention.fake_quantize_per_channel_affine(x, [1.0], [0], 0, -8, 7),
        convention.fake_quantize_per_channel_affine(x, [1.0], np.float32([0]), 0, -8, 7),
    ):
        assert not np.signbit(y).any()


def test_empty_arrays_any_axis_and_any_layout():
    x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    assert convention.fake_quantize_per_tensor_affine(x[:0], 1.0, 0, -8, 7).shape == (0, 6)
    arguments = (np.arange(1, 7) / 10, np.arange(6) - 3, -1, -8, 7)
    y = convention.fake_quantize_per_channel_affine(x, *arguments)
    assert np.array_equal(convention.fake_quantize_per_channel_affine(x[::-2], *arguments), y[::-2])
    for i in range(6):
        column = convention.fake_quantize_per_tensor_affine(x[:, i], (i + 1) / 10, i - 3, -8, 7)
        assert np.array_equal(column, y[:, i])


def test_invalid_arguments_are_named():
    with pytest.raises(ValueError, match=r"zero_point must lie within \[0, 255\], got 300"):
        convention.fake_quantize_per_tensor_affine([1.0], 1.0, 300, 0, 255)
    with pytest.raises(ValueError, match="quant_min must not exceed quant_max, both int64, got 3 and 2"):
        convention.fake_quantize_per_tensor_affine([1.0], 1.0, 3, 3, 2)
    with pytest.raises(ValueError, match=r"upstream must have shape \(1,\), got \(2,\)"):
        convention.fake_quantize_per_tensor_affine_backward([1.0, 1.0], [1.0], 1.0, 0, 0, 255)


def test_levels_beyond_float32_are_clipped_and_centred_exactly():
    """PyTorch 2.13.0; with limits and zero point in float32 the last digit is another."""
    z = 2**24 + 1
    assert convention.fake_quantize_per_tensor_affine([-5142343.0], 1.0, z, -(2**31), z) == -5142344
    y = convention.fake_quantize_per_channel_affine([[-5142343.0]], [1.0], [z], 0, -(2**31), z)
    assert y == -5142344
    y = convention.fake_quantize_learnable_per_tensor_affine([-(2.0**31)], 1.0, -z, -z, z)
    assert y == -1
    y = convention.fake_quantize_per_channel_affine([[-28789510.0]], [0.1], [3], 0, -(2**31), 2**31 - 1)
    assert y == -28789512


def test_the_gradient_at_a_limit_that_float32_lacks_is_compared_in_float32_without_channels():
    """PyTorch 2.13.0 at x = 2^31, one beyond quant_max."""
    x, limits = np.float32([[2**31, 2**31 - 128, -(2**31)]]), (-(2**31), 2**31 - 1)
    one = np.ones_like(x)
    dx = convention.fake_quantize_per_tensor_affine_backward(one, x, 1.0, 0, *limits)
    assert dx.tolist() == [[1, 1, 1]]
    dx = convention.fake_quantize_per_channel_affine_backward(one, x, [1.0], [0], 0, *limits)
    assert dx.tolist() == [[0, 1, 1]]
    learnable = convention.fake_quantize_learnable_per_tensor_affine_backward(one, x, 1.0, 0.0, *limits)
    assert learnable.dx.tolist() == [[0, 1, 1]]


def test_limits_are_64_bit_integers():
    with pytest.raises(ValueError, match="quant_min must not exceed quant_max, both int64, got 0 and 1000"):
        convention.fake_quantize_per_tensor_affine([1.0], 1.0, 0, 0, 10**400)
