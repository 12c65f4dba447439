import math
from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.onnx import quantize_linear
from qbref.conventions.onnx.operands import INTEGER_TYPES, VARIANTS

F32 = np.float32
TYPES = sorted(INTEGER_TYPES)
SPECIAL = np.array([np.nan, np.inf, -np.inf, 3e9, -3e9], F32)


def scalar_quotient(x, scale):
    """f32(x / scale): the double quotient of two floats rounds to float as the exact one does."""
    return float(F32(float(x) / float(scale)))


def clipped(value, integer_type):
    return max(integer_type.qmin, min(integer_type.qmax, value))


def scalar_saturating(x, scale, zero_point, integer_type):
    quotient = scalar_quotient(x, scale)
    if math.isnan(quotient):
        return integer_type.qmin
    if math.isinf(quotient):
        return integer_type.qmax if quotient > 0 else integer_type.qmin
    return clipped(round(Fraction(quotient)) + zero_point, integer_type)


def scalar_indefinite(x, scale, zero_point, integer_type):
    quotient = scalar_quotient(x, scale)
    level = -(2**31) if not -(2**31) <= quotient < 2**31 else round(Fraction(quotient))
    return clipped((level + zero_point + 2**31) % 2**32 - 2**31, integer_type)


SCALAR = {"spec": scalar_saturating, "reference_evaluator": scalar_indefinite}


def near_ties(rng, scale, integer_type, size):
    """Products of scale and half-integers, and the floats beside them."""
    halves = rng.integers(2 * integer_type.qmin - 5, 2 * integer_type.qmax + 5, size) / 2
    x = (halves * scale).astype(F32)
    x = np.nextafter(x, rng.choice([-np.inf, np.inf], size).astype(F32), where=rng.random(size) < 0.6, out=x)
    return np.concatenate([x, SPECIAL * np.abs(scale)])


@pytest.mark.parametrize("variant", VARIANTS)
def test_ties_go_to_even_before_the_zero_point_is_added(variant):
    x = np.array([-2.5, -1.5, -0.5, -0.0, 0.5, 1.5, 2.5], F32)
    assert quantize_linear(x, 1.0, np.int8(0), variant=variant).tolist() == [-2, -2, 0, 0, 0, 2, 2]
    assert quantize_linear(x, 1.0, np.int8(1), variant=variant).tolist() == [-1, -1, 1, 1, 1, 3, 3]


@pytest.mark.parametrize("variant", VARIANTS)
def test_divides_where_a_reciprocal_would_give_the_next_integer(variant):
    # FBGEMM's source gives this pair: x / scale = 127.499992, x * (1 / scale) = 127.5
    x, scale = F32(0.273939937), F32(0.00214854861)
    assert x * (F32(1) / scale) == 127.5
    assert quantize_linear(x, scale, np.int8(0), variant=variant) == 127
    assert quantize_linear(x, scale, np.uint8(0), variant=variant) == 127


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", TYPES)
def test_saturates_at_the_range_of_the_type(name, variant):
    low, high = {
        "int8": (-128, 127),
        "uint8": (0, 255),
        "int16": (-32768, 32767),
        "uint16": (0, 65535),
        "int4": (-8, 7),
        "uint4": (0, 15),
        "int2": (-2, 1),
        "uint2": (0, 3),
    }[name]
    x = np.array([low - 1, low - 0.5, low, high, high + 0.5, 1e9, -1e9], F32)
    y = quantize_linear(x, 1.0, output_dtype=name, variant=variant)
    assert y.tolist() == [low, low, low, high, high, high, low]
    assert y.dtype == (("u" if low == 0 else "") + ("int16" if high > 255 else "int8"))


@pytest.mark.parametrize("variant", ["spec", "reference_evaluator"])
@pytest.mark.parametrize("name", TYPES)
def test_every_type_agrees_with_the_rule_written_for_one_number(name, variant):
    rng = np.random.default_rng(0)
    integer_type = INTEGER_TYPES[name]
    for _ in range(12):
        scale = F32(np.exp(3 * rng.normal()))
        zero_point = int(rng.integers(integer_type.qmin, integer_type.qmax + 1))
        x = near_ties(rng, scale, integer_type, 40)
        y = quantize_linear(x, scale, zero_point, output_dtype=name, variant=variant)
        expected = [SCALAR[variant](value, scale, zero_point, integer_type) for value in x]
        assert y.tolist() == expected


def test_special_values_in_onnxruntime():
    # ONNX Runtime 1.31.1 on x86-64
    for zero_point, low, high in (
        (np.int8(-3), -128, 127),
        (np.uint8(3), 0, 255),
        (np.int16(9), -32768, 32767),
    ):
        y = quantize_linear(SPECIAL, 1.0, zero_point, variant="onnxruntime")
        assert y.tolist() == [low, high, low, high, low]


def test_special_values_in_the_reference_evaluator():
    # onnx 1.23.2 on x86-64: all are -2^31 as int32, and wrap around with a negative zero point
    def values(zero_point):
        return quantize_linear(SPECIAL, 1.0, zero_point, variant="reference_evaluator").tolist()

    assert values(np.int8(0)) == [-128] * 5
    assert values(np.int8(-3)) == [127] * 5
    assert values(np.int8(5)) == [-128] * 5
    assert values(np.uint8(5)) == [0] * 5
    assert values(np.int16(-3)) == [32767] * 5


@pytest.mark.parametrize("variant", ["spec", "onnxruntime"])
def test_any_scale_divides_as_ieee_754_says(variant):
    # ONNX Runtime 1.31.1 on x86-64, int8 with zero point -3
    x = np.array([1, -1, 0, np.inf, np.nan, 1e-38, 3e38], F32)
    for scale, expected in (
        (0.0, [127, -128, -128, 127, -128, 127, 127]),
        (-0.0, [-128, 127, -128, -128, -128, -128, -128]),
        (-1.0, [-4, -2, -3, -128, -128, -3, -128]),
        (np.inf, [-3, -3, -3, -128, -128, -3, -3]),
        (np.nan, [-128] * 7),
        (1e-45, [127, -128, -3, 127, -128, 127, 127]),
        (1e38, [-3, -3, -3, 127, -128, -3, 0]),
    ):
        assert quantize_linear(x, F32(scale), np.int8(-3), variant=variant).tolist() == expected


def onnxruntime(x, zero_point, name, shape, **attributes):
    """Quantize an array full of one value with scale 1."""
    x = np.full(shape, x, F32)
    scale = np.ones(np.shape(zero_point), F32)
    return quantize_linear(
        x, scale, zero_point, output_dtype=name, variant="onnxruntime", **attributes
    ).tolist()


def test_onnxruntime_converts_a_four_bit_element_first_if_it_is_alone_in_its_byte():
    # ONNX Runtime 1.31.1 on x86-64
    assert onnxruntime(3e9, 0, "int4", 5) == [7, 7, 7, 7, -8]
    assert onnxruntime(np.inf, 5, "uint4", 5) == [15, 15, 15, 15, 0]
    assert onnxruntime(np.nan, -3, "int4", 5) == [-8, -8, -8, -8, 7]
    assert onnxruntime(3e9, 0, "int4", 4) == [7, 7, 7, 7]
    rows = onnxruntime(3e9, np.zeros(3, np.int8), "int4", (3, 5), axis=0)
    assert rows == [[7, 7, 7, 7, -8], [-8, 7, 7, 7, 7], [7, 7, 7, 7, -8]]
    assert onnxruntime(3e9, np.zeros(5, np.int8), "int4", (3, 5), axis=1) == [[-8] * 5] * 3
    blocks = onnxruntime(3e9, np.zeros((3, 3), np.int8), "int4", (3, 5), axis=1, block_size=2)
    assert blocks == [[7, 7, 7, 7, -8], [-8] * 5, [7, 7, 7, 7, -8]]
    blocks = onnxruntime(3e9, np.zeros((3, 3, 1), np.int8), "int4", (3, 5, 1), axis=1, block_size=2)
    assert np.ravel(blocks).tolist() == [7, 7, 7, 7, -8, -8, -8, -8, -8, -8, 7, 7, 7, 7, -8]


def test_onnxruntime_converts_two_bit_elements_first():
    # ONNX Runtime 1.31.1 on x86-64
    x = np.array([3e9, -3e9, np.nan, 0.5, 1.5], F32)
    for zero_point, expected in (
        (-2, [1, 1, 1, -2, 0]),
        (-1, [1, 1, 1, -1, 1]),
        (0, [-2, -2, -2, 0, 1]),
        (1, [-2, -2, -2, 1, 1]),
    ):
        y = quantize_linear(x, 1.0, zero_point, output_dtype="int2", variant="onnxruntime")
        assert y.tolist() == expected


def test_onnxruntime_converts_blocks_first_along_an_axis_that_is_not_the_last():
    # ONNX Runtime 1.31.1 on x86-64: blocks along the rows of a (3, 5) array, uint8 with zero point 3
    zero_point = np.full((1, 5), 3, np.uint8)
    assert onnxruntime(3e9, zero_point, None, (3, 5), axis=0, block_size=3) == [[0] * 5] * 3
    zero_point = np.full((1, 2), 3, np.uint8)
    assert onnxruntime(3e9, zero_point, None, (3, 2), axis=0, block_size=3) == [[0] * 2] * 3
    zero_point = np.full((3, 1), 3, np.uint8)
    assert onnxruntime(3e9, zero_point, None, (3, 5), axis=1, block_size=5) == [[255] * 5] * 3


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_agree_where_the_quotient_fits_in_int32(variant):
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(4, 6, 5)) * 20).astype(F32)
    scale = np.exp(rng.normal(size=(4, 3, 5))).astype(F32)
    for name in TYPES:
        zero_point = rng.integers(0, 2, scale.shape).astype(INTEGER_TYPES[name].storage)
        args = dict(axis=1, block_size=2, output_dtype=name)
        y = quantize_linear(x, scale, zero_point, variant=variant, **args)
        np.testing.assert_array_equal(y, quantize_linear(x, scale, zero_point, **args))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_each_slice_along_the_axis_has_its_own_scale_and_zero_point(axis, variant):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3, 4, 5)).astype(F32) * 50
    scale = np.exp(rng.normal(size=x.shape[axis])).astype(F32)
    zero_point = rng.integers(0, 256, scale.size).astype(np.uint8)
    y = quantize_linear(x, scale, zero_point, axis=axis, variant=variant)
    for i in range(scale.size):
        part = quantize_linear(x.take(i, axis), scale[i], zero_point[i], variant=variant)
        np.testing.assert_array_equal(y.take(i, axis), part)


def test_axis_is_1_by_default():
    x = np.array([[1, 2], [3, 4]], F32)
    assert quantize_linear(x, np.array([1, 0.5], F32)).tolist() == [[1, 4], [3, 8]]


@pytest.mark.parametrize("block_size", [1, 2, 3, 5, 7, 9])
def test_element_i_uses_the_scale_of_block_i_over_b(block_size):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 7)).astype(F32) * 50
    scale = np.exp(rng.normal(size=(2, math.ceil(7 / block_size)))).astype(F32)
    y = quantize_linear(x, scale, axis=-1, block_size=block_size, output_dtype="int8")
    for row in range(2):
        for i in range(7):
            expected = quantize_linear(x[row, i], scale[row, i // block_size], output_dtype="int8")
            assert y[row, i] == expected


def test_admissible_block_sizes_are_those_of_the_specification():
    # D = 10, S = 4: from ceil(10 / 4) = 3 to ceil(10 / 3) - 1 = 3
    x, scale = np.zeros(10, F32), np.ones(4, F32)
    assert quantize_linear(x, scale, axis=0, block_size=3).shape == (10,)
    for block_size in (2, 4):
        with pytest.raises(ValueError, match="y_scale must have shape"):
            quantize_linear(x, scale, axis=0, block_size=block_size)


def test_python_numbers_beyond_the_largest_float_are_infinite():
    assert quantize_linear([1e40, -1e40], 1.0, np.int8(0)).tolist() == [127, -128]
    assert quantize_linear(np.ones(2, F32), 1e40, np.int8(3)).tolist() == [3, 3]


def test_the_type_is_that_of_the_zero_point_then_output_dtype_then_uint8():
    x = F32(1)
    assert quantize_linear(x, 1.0).dtype == np.uint8
    assert quantize_linear(x, 1.0, np.int16(0)).dtype == np.int16
    assert quantize_linear(x, 1.0, output_dtype=np.uint16).dtype == np.uint16
    assert quantize_linear(x, 1.0, np.int8(7), output_dtype="int4") == 7


@pytest.mark.parametrize("variant", VARIANTS)
def test_empty_arrays_and_any_memory_layout(variant):
    assert quantize_linear(np.empty((0, 3), F32), 1.0, output_dtype="int4", variant=variant).shape == (0, 3)
    assert quantize_linear(np.empty((2, 0), F32), np.ones(0, F32), variant=variant).shape == (2, 0)
    x = np.arange(60, dtype=F32).reshape(6, 10)
    x[3, 4] = 3e9
    strided = x[::-2, ::3]
    for name in TYPES:
        args = dict(output_dtype=name, variant=variant)
        y = quantize_linear(strided, 1.0, **args)
        np.testing.assert_array_equal(y, quantize_linear(strided.copy(), 1.0, **args))
        np.testing.assert_array_equal(y, quantize_linear(np.asfortranarray(strided), 1.0, **args))
    assert x[3, 4] == F32(3e9)


@pytest.mark.parametrize(
    "error, message, arguments",
    [
        (TypeError, "x must be float32 or float16, got float64", dict(x=np.ones(2))),
        (TypeError, "y_scale must be float32 or float16, got int8", dict(y_scale=np.int8(1))),
        (TypeError, "y_zero_point must be one of .*, got int64", dict(y_zero_point=3)),
        (TypeError, "output_dtype must be one of .*, got int3", dict(output_dtype="int3")),
        (
            TypeError,
            "y_zero_point must be int8 for int4, got uint8",
            dict(output_dtype="int4", y_zero_point=np.uint8(0)),
        ),
        (
            ValueError,
            r"y_zero_point must lie within \[-8, 7\], got 8",
            dict(output_dtype="int4", y_zero_point=8),
        ),
        (
            ValueError,
            r"y_zero_point must have the shape of its scale \(\), got \(2,\)",
            dict(y_zero_point=np.zeros(2, np.int8)),
        ),
        (ValueError, r"y_scale must have shape \(4,\) .* got \(3,\)", dict(y_scale=np.ones(3, F32))),
        (ValueError, "axis must be a dimension of x, got axis 2", dict(y_scale=np.ones(3, F32), axis=2)),
        (ValueError, "block_size must be at least 0, got -1", dict(block_size=-1)),
        (ValueError, "variant must be one of .* got 'ort'", dict(variant="ort")),
    ],
)
def test_errors_name_the_argument_and_the_value(error, message, arguments):
    with pytest.raises(error, match=message):
        quantize_linear(**{"x": np.ones((3, 4), F32), "y_scale": 1.0, **arguments})
