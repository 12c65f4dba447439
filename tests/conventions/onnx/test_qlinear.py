from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.onnx import conv_integer, matmul_integer, qlinear_conv, qlinear_matmul
from qbref.conventions.onnx.operands import VARIANTS
from qbref.conventions.onnx.requantize import requantize

F32 = np.float32
ONE = F32(1)


def f32(exact):
    """Round to float32, once: products are exact in float64, quotients of floats never near a float64 tie."""
    return F32(float(exact))


def scalar_requantize(accumulator, lhs_scale, rhs_scale, y_scale, y_zero_point, variant):
    s1, s2, sy = (Fraction(float(s)) for s in (lhs_scale, rhs_scale, y_scale))
    multiplier = Fraction(float(f32(Fraction(float(f32(s1 * s2))) / sy)))
    if variant == "reference_evaluator":  # 31 + 24 bits may not fit in float64: round as it does
        level = round(Fraction(float(accumulator) * float(multiplier) + y_zero_point))
    else:
        level = round(Fraction(float(f32(Fraction(float(F32(accumulator))) * multiplier)))) + int(
            y_zero_point
        )
    limits = np.iinfo(y_zero_point.dtype)
    return min(max(level, int(limits.min)), int(limits.max))


def test_where_the_zero_point_is_added_decides_ties():
    accumulator = np.array([-5, -3, -1, 1, 3, 5], np.int32)  # times 1/2
    for variant, expected in (
        ("spec", [1, 1, 3, 3, 5, 5]),
        ("onnxruntime", [1, 1, 3, 3, 5, 5]),
        ("reference_evaluator", [0, 2, 2, 4, 4, 6]),
    ):
        assert requantize(accumulator, ONE, ONE, F32(2), np.int8(3), variant).tolist() == expected


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_requantization_agrees_with_the_rule_written_for_one_number(variant, dtype):
    rng = np.random.default_rng(0)
    limits = np.iinfo(dtype)
    for _ in range(60):
        scales = np.exp(rng.normal(size=3)).astype(F32)
        if rng.random() < 0.5:
            scales = F32(2) ** rng.integers(-4, 4, 3).astype(F32)
        zero_point = dtype(rng.integers(limits.min, limits.max + 1))
        per_level = float(scales[2]) / (float(scales[0]) * float(scales[1]))
        halves = rng.integers(-600, 600, 30) / 2
        accumulator = np.rint(halves * per_level * 10.0 ** rng.integers(0, 5)).astype(np.int32)
        y = requantize(accumulator, *scales, zero_point, variant)
        expected = [scalar_requantize(int(v), *scales, zero_point, variant) for v in accumulator]
        assert y.tolist() == expected


def test_accumulators_beyond_2_to_the_24_round_to_float32_only_in_onnxruntime():
    # 2^24 + 1 becomes 2^24 as a float32; a 2^25th of it is 0.5 for one and 0.50000003 for the other
    accumulator = np.array([2**24 + 1], np.int32)
    assert requantize(accumulator, ONE, ONE, F32(2**25), np.int8(0), "onnxruntime").tolist() == [0]
    assert requantize(accumulator, ONE, ONE, F32(2**25), np.int8(0), "reference_evaluator").tolist() == [1]


def test_the_multiplier_is_the_product_first_and_then_the_quotient():
    # f32(f32(sx * sw) / sy), found by search: dividing first gives another float, and another integer
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(300):
        sx, sw, sy = (np.exp(rng.normal(size=3)) * [1, 1, 200]).astype(F32)
        first, other = sx * sw / sy, sx * (sw / sy)
        accumulator = np.arange(1, 40_000, dtype=np.int32)
        levels = np.rint(accumulator.astype(F32) * first), np.rint(accumulator.astype(F32) * other)
        differs = (levels[0] != levels[1]) & (levels[0] < 255)
        if differs.any():
            found += 1
            accumulator, level = accumulator[differs], levels[0][differs]
            assert requantize(accumulator, sx, sw, sy, np.uint8(0)).tolist() == level.tolist()
    assert found > 0


def test_results_saturate():
    accumulator = np.array([-(2**31), -200, 200, 2**31 - 1], np.int32)
    for variant in VARIANTS:
        y = requantize(accumulator, ONE, ONE, ONE, np.int8(-7), variant)
        assert y.tolist() == [-128, -128, 127, 127]
        assert requantize(accumulator, ONE, ONE, ONE, np.uint8(7), variant).tolist() == [0, 0, 207, 255]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_matmul_example_of_the_specification(variant):
    # onnx/backend/test/case/node/qlinearmatmul.py
    a = np.array([[208, 236, 0, 238], [3, 214, 255, 29]], np.uint8)
    b = np.array([[152, 51, 244], [60, 26, 255], [0, 127, 246], [127, 254, 247]], np.uint8)
    y = qlinear_matmul(
        *(a, F32(0.0066), np.uint8(113)),
        *(b, F32(0.00705), np.uint8(114)),
        F32(0.0107),
        np.uint8(118),
        variant,
    )
    assert y.tolist() == [[168, 115, 255], [1, 66, 151]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_conv_example_of_the_specification(variant):
    # onnx/backend/test/case/node/qlinearconv.py, the first row
    x = np.array([[255, 174, 162, 25, 203, 168, 58]], np.uint8).reshape(1, 1, 1, 7)
    w = np.zeros((1, 1, 1, 1), np.uint8)
    y = qlinear_conv(
        *(x, F32(0.00369204697), np.uint8(132)),
        *(w, np.array([0.00172794575], F32), np.array([255], np.uint8)),
        *(F32(0.00162681262), np.uint8(123)),
        variant=variant,
    )
    assert y.tolist() == [[[[0, 81, 93, 230, 52, 87, 197]]]]


@pytest.mark.parametrize("variant", VARIANTS)
def test_matmul_scales_per_row_and_per_column(variant):
    rng = np.random.default_rng(2)
    a, b = rng.integers(-128, 128, (2, 3, 4), np.int8), rng.integers(-128, 128, (2, 4, 5), np.int8)
    rows, columns = (
        np.exp(rng.normal(size=(2, 3, 1))).astype(F32),
        np.exp(rng.normal(size=(2, 1, 5))).astype(F32),
    )
    zero, y_scale, y_zero_point = np.int8(0), F32(300), np.int8(3)
    y = qlinear_matmul(a, rows, zero, b, columns, zero, y_scale, y_zero_point, variant)
    accumulator = matmul_integer(a, b)
    for n, i, j in np.ndindex(*y.shape):
        scales = rows[n, i, 0], columns[n, 0, j], y_scale
        assert y[n, i, j] == scalar_requantize(int(accumulator[n, i, j]), *scales, y_zero_point, variant)
    first = qlinear_matmul(
        a[0], rows[0, :, 0], zero, b[0], columns[0, 0], zero, y_scale, y_zero_point, variant
    )
    np.testing.assert_array_equal(first, y[0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_conv_scales_per_filter_and_bias_in_int32(variant):
    rng = np.random.default_rng(3)
    x, w = rng.integers(0, 256, (2, 4, 6, 5), np.uint8), rng.integers(-128, 128, (6, 2, 3, 2), np.int8)
    w_scale, bias = np.exp(rng.normal(size=6)).astype(F32), rng.integers(-9000, 9000, 6).astype(np.int32)
    zero_points = np.uint8(100), rng.integers(-128, 128, 6).astype(np.int8)
    attributes = dict(group=2, pads=[1, 0, 0, 2], strides=[2, 1])
    y_scale, y_zero_point = F32(400), np.int8(-3)
    y = qlinear_conv(
        x,
        ONE,
        zero_points[0],
        w,
        w_scale,
        zero_points[1],
        y_scale,
        y_zero_point,
        bias,
        variant=variant,
        **attributes,
    )
    accumulator = conv_integer(x, w, *zero_points, **attributes) + bias.reshape(1, 6, 1, 1)
    for n, m, i, j in np.ndindex(*y.shape):
        scales = ONE, w_scale[m], y_scale
        assert y[n, m, i, j] == scalar_requantize(
            int(accumulator[n, m, i, j]), *scales, y_zero_point, variant
        )


def test_the_sum_of_accumulator_and_bias_wraps_around():
    # 1 + (2^31 - 1) is -2^31; ONNX Runtime 1.31.1 and onnx 1.23.2
    x, w, bias = np.ones((1, 1, 1), np.int8), np.ones((1, 1, 1), np.int8), np.array([2**31 - 1], np.int32)
    for variant in VARIANTS:
        y = qlinear_conv(x, ONE, np.int8(0), w, ONE, np.int8(0), ONE, np.int8(0), bias, variant=variant)
        assert y.tolist() == [[[-128]]]


def test_vectors_and_empty_products():
    zero = np.int8(0)
    a = np.array([3, 4], np.int8)
    assert qlinear_matmul(a, ONE, zero, a, ONE, zero, ONE, zero) == 25
    empty = np.zeros((0, 2), np.int8)
    assert qlinear_matmul(empty, ONE, zero, a, ONE, zero, ONE, zero).shape == (0,)


@pytest.mark.parametrize(
    "error, message, arguments",
    [
        (TypeError, "a_scale must be float32, got float64", dict(a_scale=np.float64(1))),
        (TypeError, "y_zero_point must be int8 or uint8, got 0", dict(y_zero_point=0)),
        (TypeError, "y_zero_point must be int8 or uint8, got int16", dict(y_zero_point=np.int16(0))),
        (ValueError, r"y_scale must be a scalar, got shape \(2,\)", dict(y_scale=np.ones(2, F32))),
        (
            ValueError,
            r"b_scale must be a scalar or one per column, \(1, 2\), got shape \(3,\)",
            dict(b_scale=np.ones(3, F32)),
        ),
        (ValueError, "variant must be one of .* got 'onnx'", dict(variant="onnx")),
    ],
)
def test_matmul_errors_name_the_argument_and_the_value(error, message, arguments):
    a, zero = np.ones((2, 2), np.int8), np.int8(0)
    good = dict(a=a, a_scale=ONE, a_zero_point=zero, b=a, b_scale=ONE, b_zero_point=zero)
    with pytest.raises(error, match=message):
        qlinear_matmul(**{**good, "y_scale": ONE, "y_zero_point": zero, **arguments})


def test_conv_refuses_a_bias_that_is_not_int32_per_filter():
    x, w, zero = np.ones((1, 1, 3), np.int8), np.ones((2, 1, 1), np.int8), np.int8(0)
    for bias in (np.zeros(1, np.int32), np.zeros(2, np.int64)):
        with pytest.raises(ValueError, match=r"b must be int32 of shape \(2,\)"):
            qlinear_conv(x, ONE, zero, w, ONE, zero, ONE, zero, bias)


@pytest.mark.parametrize("scales", [(np.nan, 1, 1), (0, 1, 0)])
def test_the_evaluator_makes_nan_zero_and_the_runtime_qmin(scales):
    """onnx 1.23.2 at zero point 3; ONNX Runtime 1.31.1 converts by clipping."""
    scales = map(F32, scales)
    a_scale, b_scale, y_scale = scales
    a, b, z = np.int8([[1, 2]]), np.int8([[1], [2]]), np.int8(0)
    with np.errstate(all="ignore"):
        results = [
            qlinear_matmul(a, a_scale, z, b, b_scale, z, y_scale, np.int8(3), variant=variant).item()
            for variant in ("onnxruntime", "reference_evaluator")
        ]
    assert results == [-128, 0]
