import numpy as np
import pytest

from qbref.binary import channel_scale, sign


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
