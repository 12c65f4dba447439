"""Special values: observed in PyTorch 2.13.0, CPU."""

import numpy as np
import pytest

from qbref.conventions.torch import quantized_decomposed as decomposed

SPECIAL = np.float32([3e9, -3e9, np.inf, -np.inf, np.nan, 2147483520])


@pytest.mark.parametrize(
    "dtype, expected",
    [
        (np.int8, [127, -128, 127, -128, 0, 127]),
        (np.uint8, [255, 0, 255, 0, 0, 255]),
        (np.int16, [32767, -32768, 32767, -32768, 0, 32767]),
        (np.uint16, [65535, 0, 65535, 0, 0, 65535]),
        (np.int32, [-(2**31)] * 5 + [2147483520]),
    ],
)
def test_special_values(dtype, expected):
    limits = np.iinfo(dtype)
    q = decomposed.quantize_per_tensor(SPECIAL, 1.0, 0, limits.min, limits.max, dtype)
    assert q.tolist() == expected and q.dtype == dtype
    q = decomposed.quantize_per_channel(SPECIAL[None], [1.0], [0], 0, limits.min, limits.max, dtype)
    assert q.tolist() == [expected]


def test_the_zero_point_is_added_after_rounding():
    x = np.float32([[0.5, 1.5, 2.5]])
    assert decomposed.quantize_per_tensor(x, 1.0, 7, -128, 127, np.int8).tolist() == [[7, 9, 9]]
    assert decomposed.quantize_per_channel(x, [1.0], [7], 0, -128, 127, np.int8).tolist() == [[7, 9, 9]]


def test_one_scale_is_inverted_in_float64_and_channels_in_float32():
    # Find a scale whose two reciprocals differ, and an x that makes a tie of one of them
    for scale in np.random.default_rng(0).uniform(0.01, 1, 1000):
        double, single = np.float32(1 / scale), np.float32(1) / np.float32(scale)
        if double == single:
            continue
        near = np.float32(2.5 / double)
        for x in (near, np.nextafter(near, np.float32(0)), np.nextafter(near, np.float32(9))):
            tensor = decomposed.quantize_per_tensor(x.reshape(1), scale, 0, -8, 7, np.int8)
            channel = decomposed.quantize_per_channel(x.reshape(1), [scale], [0], 0, -8, 7, np.int8)
            assert tensor == np.rint(x * double) and channel == np.rint(x * single)
            if tensor != channel:
                return
    pytest.fail("no scale tells the two reciprocals apart")


def test_limits_below_the_range_of_the_dtype_are_kept():
    q = decomposed.quantize_per_tensor(np.float32([-9, 9]), 1.0, 0, -8, 7, np.int8)
    assert q.tolist() == [-8, 7]


def test_dequantization_subtracts_in_float32_for_one_scale_and_in_integers_for_channels():
    q = np.array([[2**24 + 1]], np.int32)
    assert decomposed.dequantize_per_tensor(q, 1.0, 1).item() == 2**24 - 1
    assert decomposed.dequantize_per_channel(q, [1.0], [1], 0).item() == 2**24
    assert decomposed.dequantize_per_tensor(np.array([-3, 5], np.int16), 0.5, 1).tolist() == [-2, 2]


def test_invalid_arguments_are_named():
    with pytest.raises(TypeError, match="dtype must be one of int8, uint8, int16, uint16, int32, got int64"):
        decomposed.quantize_per_tensor([1.0], 1.0, 0, -8, 7, np.int64)
    with pytest.raises(ValueError, match="quant_min and quant_max must be in order in int8, got -8, 128"):
        decomposed.quantize_per_tensor([1.0], 1.0, 0, -8, 128, np.int8)
    with pytest.raises(TypeError, match="q must be one of int8, uint8, int16, uint16, int32, got float64"):
        decomposed.dequantize_per_tensor(np.array([1.0]), 1.0, 0)
