import math

import numpy as np
import pytest

from qbref.conventions.tflite import logistic, softmax, tanh
from qbref.conventions.tflite.softmax_fixed_point import (
    EXP_OF_MINUS_EIGHTH,
    EXP_OF_MINUS_POWER,
    exp_on_negative_values,
    one_over_one_plus_x,
)

KERNELS = ("ref", "opt", "xnnpack")
ALL = np.arange(-128, 128).astype(np.int8)


def test_fixed_point_exponential_is_near_the_real_one():
    """gemmlowp's polynomial of degree 4 on [-1/4, 0) errs by less than 2^-18 of its value, near 1."""
    a = -np.unique(np.geomspace(1, 2**31 - 1, 2000).astype(np.int64))
    error = exp_on_negative_values(a) / 2.0**31 - np.exp(a / 2.0**26)
    assert np.abs(error).max() < 2.0**-18
    assert exp_on_negative_values(0) == 2**31 - 1


def test_constants_are_powers_of_e_in_31_bits():
    assert EXP_OF_MINUS_EIGHTH == round(math.exp(-1 / 8) * 2**31)
    assert {k: round(math.exp(-(2.0**k)) * 2**31) for k in range(-2, 5)} == EXP_OF_MINUS_POWER


def test_fixed_point_reciprocal_is_near_the_real_one():
    """Three Newton steps from 48/17 - 32/17 d leave only the rounding of Q2.29: a few units of 2^-29."""
    a = np.linspace(0, 2**31 - 1, 3001).astype(np.int64)
    error = one_over_one_plus_x(a) / 2.0**31 - 1 / (1 + a / 2.0**31)
    assert np.abs(error).max() < 8 * 2.0**-29


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
    with pytest.raises(TypeError, match="x must be int8, got int16"):
        tanh(ALL.astype(np.int16), 1.0, 0)
