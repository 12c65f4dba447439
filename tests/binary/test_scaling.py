import math

import numpy as np
import pytest

from qbref.binary import channel_scale, magnitude_aware_sign, magnitude_aware_sign_gradient, sign
from tests.binary.kinks import kinks


def test_mean_magnitude_per_output_channel_by_hand():
    w = np.array([[[1.0, -3.0], [0.0, 4.0]], [[-0.5, 0.5], [0.5, -0.5]]], np.float32)
    alpha = channel_scale(w)
    assert alpha.dtype == np.float32
    assert alpha.tolist() == [2, 0.5]


def test_it_is_the_least_squares_factor():
    w = np.random.default_rng(0).normal(size=(4, 3, 5, 5))
    alpha = channel_scale(w)
    for channel, best in zip(w, alpha, strict=True):
        b = sign(channel).ravel()
        # least squares: <w, b> / <b, b>; rounded sums in another order
        assert best == pytest.approx(
            np.linalg.lstsq(b[:, None], channel.ravel(), rcond=None)[0][0], rel=1e-12
        )


def test_the_mean_does_not_lose_small_weights_beside_large_ones():
    w = np.full((1, 2**20), 0.1, np.float32)
    w[0, 0] = 1e7  # half a unit in the last place of a float32 sum is 0.5, more than one weight
    exact = (1e7 + (2**20 - 1) * float(np.float32(0.1))) / 2**20
    assert channel_scale(w) == np.float32(exact)


def test_weights_without_channels_or_elements_are_refused():
    for shape in [(), (3,), (0, 3), (3, 0)]:
        with pytest.raises(ValueError, match="w must have output channels and weights in each"):
            channel_scale(np.zeros(shape, np.float32))
    with pytest.raises(TypeError, match="must be float32 or float64"):
        channel_scale(np.zeros((2, 3), np.int8))


def test_magnitude_aware_sign_has_one_magnitude_per_channel():
    w = np.array([[[1.0, -3.0], [-0.0, 4.0]], [[-0.5, 0.5], [0.5, -0.5]]], np.float32)
    w_hat = magnitude_aware_sign(w)
    assert w_hat.dtype == np.float32
    assert w_hat.tolist() == [[[2, -2], [2, 2]], [[-0.5, 0.5], [0.5, -0.5]]]


@pytest.mark.parametrize("boundary, edge", [("inclusive", True), ("exclusive", False)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_of_magnitude_aware_sign_is_alpha_inside_the_window(dtype, boundary, edge):
    finite = kinks(dtype, 2)
    w = np.stack([finite[np.isfinite(finite)], 2 * finite[np.isfinite(finite)]])
    factor = magnitude_aware_sign_gradient(w, boundary=boundary)
    assert factor.dtype == dtype
    for row, factors in zip(w.tolist(), factor, strict=True):
        alpha = dtype(math.fsum(map(abs, row)) / len(row))
        expected = [alpha if abs(v) < 1 or (edge and abs(v) == 1) else 0 for v in row]
        # both round the same mean, summed in another order
        np.testing.assert_allclose(factors, expected, rtol=2 * np.finfo(dtype).eps)


def test_the_window_of_magnitude_aware_sign_can_be_widened():
    assert magnitude_aware_sign_gradient([[1.5, 2.5]], clip_value=2.0).tolist() == [[2, 0]]


def test_an_infinite_weight_has_no_gradient_and_raises_no_warning():
    assert magnitude_aware_sign_gradient([[0.5, np.inf]]).tolist() == [[np.inf, 0]]
