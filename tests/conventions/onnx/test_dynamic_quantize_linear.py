from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.onnx import dynamic_quantize_linear, quantize_linear
from qbref.conventions.onnx.operands import VARIANTS

F32 = np.float32
inf, nan = np.inf, np.nan


def results(x, variant):
    y, scale, zero_point = dynamic_quantize_linear(np.array(x, F32), variant)
    assert (y.dtype, scale.dtype, zero_point.dtype) == (np.uint8, np.float32, np.uint8)
    return y.tolist(), float(scale), int(zero_point)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_examples_of_the_specification(variant):
    # onnx/backend/test/case/node/dynamicquantizelinear.py
    y, scale, zero_point = results([0, 2, -3, -2.5, 1.34, 0.5], variant)
    assert (y, zero_point) == ([153, 255, 0, 26, 221, 179], 153)
    assert F32(scale) == F32(0.0196078438)
    y, scale, zero_point = results([-1.0, -2.1, -1.3, -2.5, -3.34, -4.0], variant)
    assert (y, zero_point) == ([191, 121, 172, 96, 42, 0], 255)
    assert F32(scale) == F32(0.0156862754)
    y, scale, zero_point = results([1, 2.1, 1.3, 2.5, 3.34, 4, 1.5, 2.6, 3.9, 4, 3, 2.345], variant)
    assert (y, zero_point) == ([64, 134, 83, 159, 213, 255, 96, 166, 249, 255, 191, 149], 0)
    assert F32(scale) == F32(0.0156862754)


@pytest.mark.parametrize("variant", VARIANTS)
def test_random_data_agree_with_the_formulas_in_rational_arithmetic(variant):
    rng = np.random.default_rng(0)

    def f32(exact):
        return F32(float(exact))

    for _ in range(50):
        x = (rng.normal(size=20) * np.exp(3 * rng.normal()) + rng.normal()).astype(F32)
        y, scale, zero_point = dynamic_quantize_linear(x, variant)
        max_x, min_x = (Fraction(float(f(0, f(x)))) for f in (np.maximum, np.minimum) for f in [_extreme(f)])
        expected_scale = f32(Fraction(float(f32(max_x - min_x))) / 255)
        assert scale == expected_scale
        s = Fraction(float(scale))
        assert zero_point == round(min(max(-Fraction(float(f32(min_x / s))), 0), 255))
        levels = [round(Fraction(float(f32(Fraction(float(v)) / s)))) + int(zero_point) for v in x]
        assert y.tolist() == [min(max(level, 0), 255) for level in levels]


def _extreme(pick):
    """max or min of two numbers, or of one array."""
    return lambda first, *rest: pick(first, rest[0]) if rest else pick.reduce(first)


def test_all_zero_data_have_scale_1_or_one_255th():
    for x in ([0.0, 0.0], [-0.0, -0.0]):
        assert results(x, "spec") == results(x, "onnxruntime") == ([0, 0], 1.0, 0)
        assert results(x, "reference_evaluator") == ([0, 0], float(F32(1) / F32(255)), 0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_infinity_makes_the_scale_infinite(variant):
    # ONNX Runtime 1.31.1 and onnx 1.23.2 on x86-64
    assert results([inf, 1, -1], variant) == ([0, 0, 0], inf, 0)
    assert results([-inf, 1], variant) == ([0, 255], inf, 255)
    assert results([inf, -inf], variant) == ([0, 0], inf, 255)
    assert results([3e38, -3e38], variant) == ([0, 0], inf, 0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_scale_below_the_smallest_float_is_0(variant):
    # ONNX Runtime 1.31.1 and onnx 1.23.2 on x86-64
    assert results([1e-45, 0], variant) == ([255, 0], 0.0, 255)
    y, scale, zero_point = results([1e-40, -1e-42], variant)
    assert (y, F32(scale), zero_point) == ([255, 0], F32(3.965674654e-43), 3)


@pytest.mark.parametrize("variant", ["spec", "onnxruntime"])
def test_nan_is_left_out_of_the_range(variant):
    # ONNX Runtime 1.31.1 on x86-64
    assert results([nan, 1, 2], variant) == ([0, 127, 255], float(F32(2) / F32(255)), 0)
    assert results([nan, nan], variant) == ([0, 0], 1.0, 0)
    assert results([-inf, nan, 0], variant) == ([0, 0, 255], inf, 255)


def test_nan_spreads_in_the_reference_evaluator():
    # onnx 1.23.2 on x86-64
    y, scale, zero_point = results([1, nan], "reference_evaluator")
    assert (y, zero_point) == ([0, 0], 255) and np.isnan(scale)


def test_empty_data():
    assert results([], "spec") == results([], "onnxruntime") == ([], 1.0, 0)
    with pytest.raises(
        ValueError, match=r"x must not be empty for the reference evaluator, got shape \(0,\)"
    ):
        results([], "reference_evaluator")


@pytest.mark.parametrize("variant", VARIANTS)
def test_y_is_quantize_linear_with_the_chosen_scale_and_zero_point(variant):
    x = np.random.default_rng(1).normal(size=(30, 7)).astype(F32)[::-2, 1::2]
    y, scale, zero_point = dynamic_quantize_linear(x, variant)
    np.testing.assert_array_equal(y, quantize_linear(x, scale, zero_point))


def test_only_float32_and_known_variants_are_taken():
    with pytest.raises(TypeError, match="x must be float32, got float64"):
        dynamic_quantize_linear(np.ones(2))
    with pytest.raises(ValueError, match="variant must be one of"):
        dynamic_quantize_linear(np.ones(2, F32), "ort")
