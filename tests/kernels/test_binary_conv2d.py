import numpy as np
import pytest

from qbref.kernels import Threshold, binary_conv2d, pack_bits, unpack_bits


def random_signs(rng, *shape):
    return rng.choice(np.array([-1, 1], np.int8), shape)


def convolve(x, weights, stride, padding, dilation, padding_value):
    """Tap by tap: x (N, H, W, C) and weights (O, KH, KW, C) to (N, OH, OW, O)."""
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    n, h, w, _ = x.shape
    _, kh, kw, _ = weights.shape
    oh, ow = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (w + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    out = np.zeros((n, oh, ow, len(weights)), np.int64)
    for i, j, a, b in np.ndindex(oh, ow, kh, kw):
        row, column = i * sh + a * dh - ph, j * sw + b * dw - pw
        inside = 0 <= row < h and 0 <= column < w
        pixel = x[:, row, column].astype(np.int64) if inside else np.full((n, x.shape[3]), padding_value)
        out[:, i, j] += pixel @ weights[:, a, b].T
    return out


def pack_weights(weights):
    return pack_bits(weights).reshape(len(weights), -1)


def test_binary_conv2d_by_hand():
    x = np.array([[1, -1, -1], [1, 1, -1]], np.int8).reshape(1, 2, 3, 1)
    weights = np.array([[[1, -1], [1, 1]], [[-1, -1], [-1, -1]]], np.int8).reshape(2, 2, 2, 1)
    result = binary_conv2d(pack_bits(x), pack_weights(weights), 1, 2)
    assert result.dtype == np.int32
    # 1+1+1+1 and -1+1+1-1; the second filter is minus the sum of the patch
    assert result.tolist() == [[[[4, -2], [0, 2]]]]


@pytest.mark.parametrize("value, expected", [(1, [0, 0, 0, 0]), (0, [1, 0, 0, 1]), (-1, [2, 0, 0, 2])])
def test_binary_conv2d_pads_by_hand(value, expected):
    x = pack_bits(np.array([-1, 1, -1], np.int8).reshape(1, 1, 3, 1))
    minus_the_sum = pack_weights(np.array([-1, -1], np.int8).reshape(1, 1, 2, 1))
    result = binary_conv2d(x, minus_the_sum, 1, (1, 2), padding=(0, 1), padding_value=value)
    assert result.ravel().tolist() == expected


@pytest.mark.parametrize("padding_value", [1, 0, -1])
@pytest.mark.parametrize("channels", [1, 16, 63, 64, 65, 130])
@pytest.mark.parametrize(
    "kernel, stride, padding, dilation",
    [
        ((1, 1), (1, 1), (0, 0), (1, 1)),
        ((3, 3), (1, 1), (1, 1), (1, 1)),
        ((3, 3), (2, 2), (1, 1), (1, 1)),
        ((2, 3), (1, 2), (3, 2), (2, 1)),
        ((3, 1), (1, 1), (0, 2), (1, 3)),
    ],
)
def test_binary_conv2d_equals_the_sum_over_taps(kernel, stride, padding, dilation, channels, padding_value):
    rng = np.random.default_rng(channels)
    x, weights = random_signs(rng, 2, 5, 6, channels), random_signs(rng, 3, *kernel, channels)
    expected = convolve(x, weights, stride, padding, dilation, padding_value)
    geometry = kernel, stride, padding, dilation
    result = binary_conv2d(pack_bits(x), pack_weights(weights), channels, *geometry, padding_value)
    assert result.shape == expected.shape
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("outputs", [2, 64, 65])
def test_binary_conv2d_with_a_threshold_is_the_input_of_the_next(outputs):
    rng = np.random.default_rng(outputs)
    x, weights = random_signs(rng, 2, 4, 4, 20), random_signs(rng, outputs, 3, 3, 20)
    values, flip = rng.integers(-20, 20, outputs).astype(np.int32), rng.random(outputs) < 0.5
    sums = convolve(x, weights, (1, 1), (1, 1), (1, 1), 0)
    expected = np.where(flip, np.where(sums < values, 1, -1), np.where(sums < values, -1, 1))
    words = binary_conv2d(
        pack_bits(x),
        pack_weights(weights),
        20,
        3,
        padding=1,
        padding_value=0,
        threshold=Threshold(values, flip),
    )
    assert words.shape == (2, 4, 4, -(-outputs // 64))
    assert np.array_equal(unpack_bits(words, outputs), expected)


def test_binary_conv2d_of_nothing_is_empty():
    x, weights = np.zeros((0, 4, 4, 1), np.uint64), np.zeros((2, 9), np.uint64)
    assert binary_conv2d(x, weights, 5, 3).shape == (0, 2, 2, 2)
    assert binary_conv2d(np.zeros((1, 4, 4, 1), np.uint64), weights[:0], 5, 3).shape == (1, 2, 2, 0)


@pytest.mark.parametrize("name", ["x_words", "weight_words"])
def test_binary_conv2d_refuses_unused_bits_that_are_set(name):
    operands = {"x_words": np.zeros((1, 3, 3, 1), np.uint64), "weight_words": np.zeros((2, 9), np.uint64)}
    operands[name].flat[4] = 1 << 20
    binary_conv2d(**operands, channels=21, kernel_size=3)
    with pytest.raises(ValueError, match=f"{name} must have zeros beyond bit 19"):
        binary_conv2d(**operands, channels=20, kernel_size=3)


def test_binary_conv2d_refuses_weights_whose_taps_are_not_whole_words():
    x, weights = np.zeros((1, 3, 3, 1), np.uint64), np.zeros((2, 3), np.uint64)
    with pytest.raises(ValueError, match="weight_words must have 9 words a row, 1 for each tap"):
        binary_conv2d(x, weights, channels=20, kernel_size=3)


@pytest.mark.parametrize("value", [2, -2])
def test_binary_conv2d_refuses_another_padding_value(value):
    x, weights = np.zeros((1, 3, 3, 1), np.uint64), np.zeros((2, 9), np.uint64)
    with pytest.raises(ValueError, match="padding_value must be between -1 and 1"):
        binary_conv2d(x, weights, 20, 3, padding_value=value)
