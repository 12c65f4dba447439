import math

import numpy as np
import pytest

from qbref.conventions.tflite import logistic, softmax, tanh

KERNELS = ("ref", "opt", "xnnpack")
ALL = np.arange(-128, 128).astype(np.int8)


@pytest.mark.parametrize("kernels", KERNELS)
def test_softmax_is_within_one_level_of_the_real_one(kernels):
    rng = np.random.default_rng(7)
    for scale in (0.01, 0.1, 0.9):
        x = rng.integers(-128, 128, (20, 3, 11)).astype(np.int8)
        exponentials = np.exp(scale * (x.astype(float) - x.max(axis=-1, keepdims=True)))
        real = 256 * exponentials / exponentials.sum(axis=-1, keepdims=True) - 128
        assert np.abs(softmax(x, scale, kernels=kernels) - np.clip(real, -128, 127)).max() < 0.51


def test_softmax_of_the_two_rules_differs_near_a_tie():
    """Outputs of LiteRT 2.3.0, reference and optimized."""
    x = np.array([24, -118, -92, -105, 126, 13, 119, -16], np.int8)
    ref, opt = softmax(x, 0.088723496), softmax(x, 0.088723496, kernels="opt")
    assert np.abs(ref.astype(int) - opt).sum() == 1


@pytest.mark.parametrize("kernels", KERNELS)
def test_equal_inputs_share_the_probability(kernels):
    assert softmax(np.full((2, 4), 9, np.int8), 0.1, kernels=kernels).tolist() == [[64 - 128] * 4] * 2
    assert softmax(np.array([5], np.int8), 0.1, kernels=kernels).tolist() == [127]  # 256 saturates


@pytest.mark.parametrize("kernels", KERNELS)
def test_beta_is_a_factor_of_the_scale(kernels):
    x = ALL.reshape(16, 16)
    assert np.array_equal(softmax(x, 0.125, 0.5, kernels), softmax(x, 0.0625, 1.0, kernels))


def test_softmax_wants_a_class():
    with pytest.raises(ValueError, match="x must have at least one class"):
        softmax(np.zeros((3, 0), np.int8), 0.1)
    assert softmax(np.zeros((0, 3), np.int8), 0.1).shape == (0, 3)


@pytest.mark.parametrize("kernels", KERNELS)
def test_tables_round_the_real_function(kernels):
    """Away from ties, where float32 may decide, the table is the rounded real value."""
    for function, real, levels, zero in (
        (logistic, lambda v: 1 / (1 + math.exp(-v)), 256, -128),
        (tanh, math.tanh, 128, 0),
    ):
        y = function(ALL, 0.04, 9, kernels=kernels)
        for q, level in zip(ALL, y, strict=True):
            steps = levels * real(float(np.float32(0.04)) * (int(q) - 9))
            if abs(steps % 1 - 0.5) > 1e-3:
                assert level == min(max(round(steps) + zero, -128), 127)


def test_tables_keep_the_shape_and_saturate():
    x = ALL.reshape(4, 64).T
    assert np.array_equal(tanh(x, 0.1, 0), tanh(ALL, 0.1, 0).reshape(4, 64).T)
    assert logistic(ALL, 100.0, 0).tolist() == [-128] * 128 + [0] + [127] * 127
    assert logistic(ALL[:0], 1.0, 0).shape == (0,)
    with pytest.raises(TypeError, match="x must be int8 or int16, got uint8"):
        tanh(ALL.astype(np.uint8), 1.0, 0)
