from fractions import Fraction

import numpy as np
import pytest

from qbref.conventions.onnx import dequantize_linear
from qbref.quant import pack_int4, unpack_int4

F32 = np.float32


def nearest_float(exact):
    return F32(float(exact))  # 17 + 24 bits are exact in float64, so this rounds once


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_the_difference_is_exact_and_the_product_rounds_once(dtype):
    rng = np.random.default_rng(0)
    limits = np.iinfo(dtype)
    x = rng.integers(limits.min, limits.max + 1, 500).astype(dtype)
    x[:2] = limits.min, limits.max
    for zero_point in (limits.min, limits.max, 0):
        scale = F32(np.exp(rng.normal()))
        y = dequantize_linear(x, scale, dtype(zero_point))
        expected = [nearest_float((int(q) - zero_point) * Fraction(float(scale))) for q in x]
        assert y.dtype == np.float32
        assert y.tolist() == expected


def test_int32_rounds_to_float32_before_the_product():
    # 2^24 + 1 becomes 2^24; ONNX Runtime 1.31.1 gives these
    x = np.array([-3, 2**24 + 1, 2**31 - 1], np.int32)
    assert dequantize_linear(x, F32(-1)).tolist() == [3, -(2.0**24), -(2.0**31)]


def test_special_scales_multiply_as_ieee_754_says():
    # ONNX Runtime 1.31.1 on x86-64
    x = np.array([-128, -3, 0, 127], np.int8)
    for scale, expected in (
        (0.0, [-0.0, 0.0, 0.0, 0.0]),
        (-0.0, [0.0, -0.0, -0.0, -0.0]),
        (np.inf, [-np.inf, np.nan, np.inf, np.inf]),
        (np.nan, [np.nan] * 4),
        (1e38, [-np.inf, 0.0, 3e38, np.inf]),
        (-1.0, [125.0, -0.0, -3.0, -130.0]),
    ):
        y, expected = dequantize_linear(x, F32(scale), np.int8(-3)), np.array(expected, F32)
        np.testing.assert_array_equal(y, expected)
        numbers = ~np.isnan(expected)
        assert np.signbit(y[numbers]).tolist() == np.signbit(expected[numbers]).tolist()


def test_axes_and_blocks():
    x = np.array([[1, 2, 3], [4, 5, 6]], np.int8)
    zero_point = np.array([1, 0], np.int8)
    assert dequantize_linear(x, np.array([1, 10], F32), zero_point, axis=0).tolist() == [
        [0, 1, 2],
        [40, 50, 60],
    ]
    assert dequantize_linear(x, np.array([1, 10, 100], F32)).tolist() == [[1, 20, 300], [4, 50, 600]]
    blocks = np.array([[1, 10], [2, 20]], F32)
    assert dequantize_linear(x, blocks, axis=-1, block_size=2).tolist() == [[1, 2, 30], [8, 10, 120]]


def test_four_bit_values_come_from_their_packed_bytes():
    # ONNX stores int4 with the first element in the low half of the byte
    packed = pack_int4(np.array([1, -8, 7]))
    assert packed.tolist() == [0x81, 0x07]
    assert dequantize_linear(unpack_int4(packed, 3), F32(0.5), np.int8(1)).tolist() == [0, -4.5, 3]


def test_empty_and_strided_arrays():
    assert dequantize_linear(np.empty((0, 2), np.int8), F32(1)).shape == (0, 2)
    x = np.arange(24, dtype=np.uint8).reshape(4, 6)[::-2, ::3]
    assert dequantize_linear(x, F32(2)).tolist() == (2.0 * x).tolist()


@pytest.mark.parametrize(
    "error, message, arguments",
    [
        (TypeError, "x must be one of .* got int64", dict(x=np.array([1, 2]))),
        (TypeError, "x must be an integer array, got float32", dict(x=np.ones(2, F32))),
        (TypeError, "x_zero_point must have the dtype of x, int8, got uint8", dict(x_zero_point=np.uint8(1))),
        (
            ValueError,
            r"x_zero_point must lie within \[0, 0\], got 1",
            dict(x=np.ones(2, np.int32), x_zero_point=np.int32(1)),
        ),
        (TypeError, "x_scale must be float32 or float16, got float64", dict(x_scale=np.float64(1))),
    ],
)
def test_errors_name_the_argument_and_the_value(error, message, arguments):
    with pytest.raises(error, match=message):
        dequantize_linear(**{"x": np.ones((2, 3), np.int8), "x_scale": F32(1), **arguments})
