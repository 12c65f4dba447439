import numpy as np
import pytest

from qbref.conventions.torch import (
    dequantize_per_channel,
    dequantize_per_tensor,
    quantize_per_channel,
    quantize_per_tensor,
)


@pytest.mark.parametrize("dtype, zero_point", [("qint8", -5), ("quint8", 200)])
def test_every_8_bit_level_returns_to_itself(dtype, zero_point):
    lowest = -128 if dtype == "qint8" else 0
    q = np.arange(lowest, lowest + 256).astype(np.int8 if lowest else np.uint8)
    for scale in (0.1, 1.0, 3.7e-5):
        x = dequantize_per_tensor(q, scale, zero_point)
        assert x.dtype == np.float32
        assert np.array_equal(quantize_per_tensor(x, scale, zero_point, dtype), q)
        x = dequantize_per_channel(q[None], [scale], [zero_point], 0)
        assert np.array_equal(quantize_per_channel(x, [scale], [zero_point], 0, dtype), q[None])


def test_one_scale_is_rounded_to_float32_and_channels_keep_float64():
    # PyTorch 2.13.0, CPU: 9 levels of 0.1
    q = np.array([[9]], np.int8)
    assert dequantize_per_tensor(q, 0.1, 0).item() == 0.9000000357627869
    assert dequantize_per_channel(q, [0.1], [0], 0).item() == 0.8999999761581421


def test_int32_differences_wrap_around_for_one_scale():
    # PyTorch 2.13.0, CPU, gives 2147483648.0 for both
    q = np.array([-(2**31), 2**31 - 1], np.int32)
    assert dequantize_per_tensor(q, 1.0, 5).tolist() == [2.0**31, 2.0**31]
    assert dequantize_per_channel(q[None], [1.0], [5], 0).tolist() == [[-(2.0**31), 2.0**31]]


def test_channels_subtract_the_zero_point_in_float32():
    # 2^24 + 1 is no float32 number and becomes 2^24; minus 1 that is 2^24 − 1 and not 2^24
    q = np.array([[2**24 + 1]], np.int32)
    assert dequantize_per_channel(q, [1.0], [1], 0).item() == 2**24 - 1
    assert dequantize_per_tensor(q, 1.0, 1).item() == 2**24


def test_channels_on_the_last_axis_and_empty_arrays():
    q = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert dequantize_per_channel(q, [1, 2, 4], [1, 0, 3], -1).tolist() == [[0, 4, 0], [3, 10, 12]]
    assert dequantize_per_channel(q[:0], [1, 2, 4], [1, 0, 3], -1).shape == (0, 3)
    assert dequantize_per_tensor(q[:, ::-2], 1.0, 1).tolist() == [[2, 0], [5, 3]]


def test_overflow_gives_infinity():
    assert dequantize_per_tensor(np.array([-128, 127], np.int8), 3e38, 0).tolist() == [-np.inf, np.inf]


def test_invalid_arguments_are_named():
    with pytest.raises(TypeError, match="q must be one of int8, uint8, int32, got int64"):
        dequantize_per_tensor(np.array([1]), 1.0, 0)
    with pytest.raises(ValueError, match=r"zero_point must lie within \[0, 255\], got -1"):
        dequantize_per_tensor(np.array([1], np.uint8), 1.0, -1)
