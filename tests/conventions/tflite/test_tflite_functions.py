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


FLOAT32_SUMS = """
0.043776243925094604
 32 30 10 16 7 -26 -25 -22 5 10 -17 25 30 -1 -3 -13 20 30 -33 35 -33
 28 26 11 14 9 2 2 3 9 11 3 20 26 7 6 4 16 26 2 32 2

0.03378138691186905
 -30 20 -30 31 -17 19 35 5 12 26 -13 -7 -20 -20 -29 -34 26 -39 21 -31 -35 -36 21
3 19 3 27 5 18 31 11 14 23 6 7 5 5 4 3 23 3 19 3 3 3 19
"""


@pytest.mark.parametrize("case", FLOAT32_SUMS.strip().split("\n\n"))
def test_the_optimized_kernel_sums_in_float32_from_first_to_last(case):
    """Scale, x and y + 128, LiteRT 2.3.0; a pairwise sum, and a float64 sum rounded once, miss some."""
    scale, x, y = (np.array(line.split(), float) for line in case.split("\n"))
    assert np.array_equal(softmax(x.astype(np.int8), scale.item(), kernels="opt"), y - 128)


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


def test_a_scale_and_beta_beyond_float32_give_the_largest_level_to_all():
    """LiteRT 2.3.0, a product that is infinite: 0 times infinity is NaN, and 127."""
    assert softmax(np.array([5, 5, 4], np.int8), 3e38, 10.0, "opt").tolist() == [127, 127, 127]
    assert softmax(np.array([5, 4], np.int8), 1e30, 1.0, "opt").tolist() == [127, -128]


def test_the_steepest_reference_softmax_gives_all_to_the_maximum():
    """LiteRT 2.3.0 at scales of 16 and more."""
    for scale in (16.1, 100.0, 1e30):
        assert softmax(np.array([5, 4, -128], np.int8), scale).tolist() == [127, -128, -128]


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("beta", [np.nan, np.inf, -np.inf, 1e39])
def test_beta_is_finite(dtype, beta):
    with pytest.raises(ValueError, match="beta must be finite in float32, got"):
        softmax(np.zeros(3, dtype), 1.0, beta)


def test_beta_is_positive_in_the_reference_kernel():
    for beta in (0.0, -1.0, 2.0**-26):
        with pytest.raises(ValueError, match=r"scale times beta must exceed 2\^-26, got 1.0 times"):
            softmax(np.zeros(3, np.int8), 1.0, beta)


def test_int16_takes_a_scale_and_beta_of_up_to_163_842():
    assert softmax(np.array([1, 0], np.int16), 163_000.0)[0] > 32_000
    for beta in (163_843.0, 3e38, -1.0):
        with pytest.raises(ValueError, match="scale times beta must be from 0 to 163,842, got"):
            softmax(np.zeros(2, np.int16), 1.0, beta)


@pytest.mark.parametrize("kernels", KERNELS)
def test_softmax_is_the_same_in_parts_as_in_one(monkeypatch, kernels):
    x = np.random.default_rng(1).integers(-128, 128, (5, 4, 9)).astype(np.int8)
    whole = softmax(x, 0.05, kernels=kernels), softmax(x.astype(np.int16), 0.05)
    monkeypatch.setattr("qbref.conventions.parts.LARGEST", 16 * 9 * 3)  # three rows
    assert np.array_equal(softmax(x, 0.05, kernels=kernels), whole[0])
    assert np.array_equal(softmax(x.astype(np.int16), 0.05), whole[1])


@pytest.mark.parametrize("function", [logistic, tanh])
def test_tables_check_scales_and_zero_points(function):
    x = np.zeros(3, np.int8)
    with pytest.raises(TypeError, match="zero_point must be an integer"):
        function(x, 1.0, np.arange(256))
    with pytest.raises(ValueError, match="y_zero_point must lie within"):
        function(x, 1.0, 0, y_zero_point=128)
    with pytest.raises(ValueError, match="scale must be one number"):
        function(x, [1.0, 2.0, 3.0], 0)
    assert function(np.array([127, 0], np.int8), 3e38, 0, y_scale=1e-39, y_zero_point=0).dtype == np.int8
