import math

import numpy as np
import pytest

from qbref.binary import clipped_update, glorot_lr_scale


def test_the_glorot_factor_of_dense_and_convolutional_layers():
    # BinaryNet's MNIST network, 784 → 4096: 1 / sqrt(1.5 / 4880)
    assert glorot_lr_scale((4096, 784)) == pytest.approx(57.0380, abs=1e-4)
    # a 3 × 3 convolution 128 → 256 counts the kernel in both fans
    expected = math.sqrt((9 * 128 + 9 * 256) / 1.5)
    assert glorot_lr_scale((256, 128, 3, 3)) == pytest.approx(expected, rel=1e-15)  # two roundings


def test_the_factor_is_the_ratio_of_binary_to_glorot_weights():
    # a uniform distribution over ±b has the deviation b / √3; Glorot's is √(2 / (in + out))
    glorot_bound = math.sqrt(3) * math.sqrt(2 / (30 + 20))
    assert glorot_lr_scale((30, 20)) == pytest.approx(2 / glorot_bound, rel=1e-15)


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0), (3, 4, 0)])
def test_shapes_without_fans_are_refused(shape):
    with pytest.raises(ValueError, match="shape must be"):
        glorot_lr_scale(shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_step_is_scaled_and_the_result_clipped(dtype):
    w = np.array([0.5, 0.5, -0.5, 0.0, 1.0], dtype)
    proposed = np.array([0.25, 0.75, -0.75, 0.125, 1.0], dtype)
    result = clipped_update(w, proposed, lr_scale=4.0)
    assert result.dtype == dtype
    assert result.tolist() == [-0.5, 1, -1, 0.5, 1]
    assert clipped_update(w, proposed).tolist() == proposed.tolist()
    assert clipped_update(w, proposed, 4.0, clip_value=0.25).tolist() == [-0.25, 0.25, -0.25, 0.25, 0.25]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"proposed must have shape \(2,\), got shape \(3,\)"):
        clipped_update(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="clip_value must be positive"):
        clipped_update(np.zeros(2), np.zeros(2), clip_value=0.0)
    with pytest.raises(TypeError, match="proposed must be float32 or float64"):
        clipped_update(np.zeros(2), np.zeros(2, int))
