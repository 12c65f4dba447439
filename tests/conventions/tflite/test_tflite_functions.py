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


def test_softmax_rounds_a_tie_away_from_zero_in_the_optimized_kernel():
    """512 equal classes share 256 steps: LiteRT 2.3.0 gives -127, by a float32 product of exactly 1/2."""
    assert (softmax(np.zeros(512, np.int8), 0.1, kernels="opt") == -127).all()


def test_the_optimized_kernel_sums_in_float32_from_first_to_last():
    """Outputs of LiteRT 2.3.0; a pairwise sum, and a float64 sum rounded once, miss some of them."""
    x = [32, 30, 10, 16, 7, -26, -25, -22, 5, 10, -17, 25, 30, -1, -3, -13, 20, 30, -33, 35, -33]
    y = [-100, -102, -117, -114, -119, -126, -126, -125, -119, -117, -125, -108, -102, -121, -122, -124, -112]
    assert softmax(np.array(x, np.int8), 0.043776243925094604, kernels="opt").tolist() == [
        *y,
        -102,
        -126,
        -96,
        -126,
    ]
    x = [
        -30,
        20,
        -30,
        31,
        -17,
        19,
        35,
        5,
        12,
        26,
        -13,
        -7,
        -20,
        -20,
        -29,
        -34,
        26,
        -39,
        21,
        -31,
        -35,
        -36,
        21,
    ]
    y = [
        -125,
        -109,
        -125,
        -101,
        -123,
        -110,
        -97,
        -117,
        -114,
        -105,
        -122,
        -121,
        -123,
        -123,
        -124,
        -125,
        -105,
        -125,
    ]
    y = [*y, -109, -125, -125, -125, -109]
    assert softmax(np.array(x, np.int8), 0.03378138691186905, kernels="opt").tolist() == y


def test_the_reference_kernel_sums_in_steps_of_2_to_the_minus_19():
    """LiteRT 2.3.0; in steps of 2^-20 the third but last differs."""
    x = np.array([-117, 14, -6, -127, 23, -79, 42, 51, 95, 82, -22], np.int8)
    y = [-128, -128, -128, -128, -128, -128, -127, -126, 75, -78, -128]
    assert softmax(x, 0.10803373157978058).tolist() == y


def test_beta_is_a_float32_in_the_reference_kernel():
    """LiteRT 2.3.0; with 0.71 in float64 the last but one is -124."""
    x = np.array([6, -3, -37, 109, 100, 106, 83, -75], np.int8)
    assert softmax(x, 0.18050000071525574, 0.71).tolist() == [-128, -128, -128, -2, -88, -42, -123, -128]


def test_the_reference_kernel_takes_any_scale_that_is_not_too_small():
    """LiteRT 2.3.0: from scale 16 on, whatever lies below the maximum gets nothing."""
    x = np.array([5, 4, 5, 3], np.int8)
    for scale in (15.9, 16.0, 20.0, 40.0):
        assert softmax(x, scale).tolist() == [0, -128, 0, -128]
    with pytest.raises(ValueError, match=r"scale times beta must exceed 2\^-26"):
        softmax(x, 2.0**-26)


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


def test_tables_round_ties_away():
    """LiteRT 2.3.0: 1 / 0.4 is 2.5 in float32, and tanh of 63.5 is 1."""
    assert tanh(np.array([-128, 127], np.int8), 0.5, 0, 0.4, 3).tolist() == [0, 6]


def test_tables_multiply_by_the_reciprocal_of_the_output_scale():
    """LiteRT 2.3.0; a division gives -29, -50 and -40."""
    for x, scale, y_scale, y in (
        (-22, 0.0358, 0.022272789850831032, -30),
        (-70, 0.0473, 0.019749347120523453, -51),
        (-80, 0.0211, 0.02364283613860607, -39),
    ):
        assert tanh(np.array([x], np.int8), scale, 0, y_scale, 0).tolist() == [y]


def test_tables_keep_the_shape_and_saturate():
    x = ALL.reshape(4, 64).T
    assert np.array_equal(tanh(x, 0.1, 0), tanh(ALL, 0.1, 0).reshape(4, 64).T)
    assert logistic(ALL, 100.0, 0).tolist() == [-128] * 128 + [0] + [127] * 127
    assert logistic(ALL[:0], 1.0, 0).shape == (0,)
    with pytest.raises(TypeError, match="x must be int8 or int16, got uint8"):
        tanh(ALL.astype(np.uint8), 1.0, 0)
