import numpy as np
import pytest

from qbref.conventions import larq


def packed_by_hand(negative):
    """Words of one row, bit by bit, in Python integers."""
    words = [0] * -(-len(negative) // 32)
    for c, bit in enumerate(negative):
        words[c // 32] |= int(bit) << (c % 32)
    return [w - 2**32 if w >= 2**31 else w for w in words]


@pytest.mark.parametrize("channels", [1, 31, 32, 33, 64, 70, 96, 97])
def test_channels_fill_words_from_the_lowest_bit(channels):
    x = np.random.default_rng(channels).normal(size=(2, 3, channels)).astype(np.float32)
    words = larq.quantize(x)
    assert words.dtype == np.int32
    assert words.reshape(6, -1).tolist() == [packed_by_hand(row < 0) for row in x.reshape(6, -1)]
    np.testing.assert_array_equal(larq.dequantize(words, channels), np.where(x < 0, -1, 1))


def test_zeros_nan_and_subnormal_numbers_are_plus_one():
    # larq-compute-engine 0.16.0; the interpreter flushes -1e-45 and -1.1e-38 to zero
    x = np.array([0, -0.0, np.nan, -1e-45, -1.1e-38, -1.2e-38, -np.inf], np.float32)
    assert larq.quantize(x).tolist() == [0b1100000]


@pytest.mark.parametrize("zero_point", [-128, -7, 0, 127])
def test_int8_is_compared_with_the_zero_point(zero_point):
    x = np.arange(-128, 128, dtype=np.int8)
    expected = packed_by_hand([v < zero_point for v in range(-128, 128)])
    assert larq.quantize(x, zero_point).tolist() == expected


@pytest.mark.parametrize(
    "scale, zero_point, minus, plus",  # larq-compute-engine 0.16.0
    [(0.4, 3, 0, 6), (1 / 128, -1, -128, 127), (0.001, 3, -128, 127), (2.0, 5, 4, 6), (2.1, 5, 5, 5)],
)
def test_int8_values_of_the_bits_are_a_rounded_reciprocal_away_from_the_zero_point(
    scale, zero_point, minus, plus
):
    assert larq.dequantize(np.array([1], np.int32), 2, scale, zero_point).tolist() == [minus, plus]


def test_layout_and_emptiness_do_not_matter():
    x = np.random.default_rng(0).normal(size=(70, 5)).astype(np.float32).T[::2]
    assert np.array_equal(larq.quantize(x), larq.quantize(np.ascontiguousarray(x)))
    assert larq.quantize(np.empty((0, 40), np.float32)).shape == (0, 2)
    assert larq.dequantize(np.empty((0, 2), np.int32), 40).shape == (0, 40)


def test_the_offset_of_a_tiny_scale_saturates():
    words = np.array([1], np.int32)
    for scale in (1e-10, 1e-45):  # 1e10 does not fit in int32, 1 / 1e-45 not in float32
        assert larq.dequantize(words, 2, scale, -7).tolist() == [-128, 127]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: larq.quantize(np.zeros(3)), "x must be float32 or int8, got float64"),
        (lambda: larq.quantize(np.float32(1)), "x must have an axis of channels"),
        (lambda: larq.quantize(np.zeros(3, np.float32), 1), "zero_point must lie within"),
        (lambda: larq.dequantize(np.zeros(2, np.int32), 32), "words must have 1 words for 32 channels"),
        (lambda: larq.dequantize(np.zeros(1, np.int64), 32), "words must be int32, got int64"),
        (lambda: larq.dequantize(np.array([4], np.int32), 2), "words must"),
        (
            lambda: larq.dequantize(np.zeros(1, np.int32), 2, scale=0.0),
            "scale must be positive and finite, got 0.0",
        ),
        (lambda: larq.dequantize(np.zeros(1, np.int32), 2, scale=1e-46), "scale must be positive and finite"),
        (
            lambda: larq.dequantize(np.zeros(1, np.int32), 2, scale=np.inf),
            "scale must be positive and finite",
        ),
        (lambda: larq.dequantize(np.zeros(1, np.int32), 2, 0.5, 128), "zero_point must lie within"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
