import numpy as np
import pytest

from qbref.kernels import Requantization, int8_conv2d, pack_filters

CASES = [
    # image (N, H, W, C), filters (O, KH, KW, C / groups), stride, padding, dilation, groups
    ((2, 5, 6, 3), (4, 3, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((1, 6, 5, 2), (3, 3, 2, 2), (2, 1), (1, 2), (1, 1), 1),
    ((1, 7, 7, 4), (6, 3, 3, 2), (1, 2), (2, 1), (2, 3), 2),
    ((2, 4, 4, 5), (5, 3, 3, 1), (1, 1), (1, 1), (1, 1), 5),
    ((1, 1, 1, 1), (2, 3, 3, 1), (1, 1), (1, 1), (1, 1), 1),
]


def by_definition(x, weight, stride, padding, dilation, groups, x_zero_point, weight_zero_point, bias):
    """One output at a time, with Python's integers; what lies outside the image adds nothing."""
    (n, h, w, _), (outputs, kh, kw, depth) = x.shape, weight.shape
    oh = (h + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (w + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.empty((n, oh, ow, outputs), np.int64)
    for image, i, j, o in np.ndindex(*y.shape):
        total = int(bias[o])
        for a, b, k in np.ndindex(kh, kw, depth):
            row = i * stride[0] - padding[0] + a * dilation[0]
            column = j * stride[1] - padding[1] + b * dilation[1]
            if 0 <= row < h and 0 <= column < w:
                channel = o // (outputs // groups) * depth + k
                q = int(x[image, row, column, channel]) - x_zero_point
                total += q * (int(weight[o, a, b, k]) - int(weight_zero_point[o]))
        y[image, i, j, o] = total
    return y


@pytest.mark.parametrize("x_dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("w_dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("case", CASES)
def test_every_output_is_the_sum_over_its_window(case, x_dtype, w_dtype):
    x_shape, w_shape, *geometry, groups = case
    rng = np.random.default_rng(0)
    x_limits, w_limits = np.iinfo(x_dtype), np.iinfo(w_dtype)
    x = rng.integers(x_limits.min, x_limits.max, x_shape, x_dtype, endpoint=True)
    weight = rng.integers(w_limits.min, w_limits.max, w_shape, w_dtype, endpoint=True)
    zero_point = int(rng.integers(x_limits.min, x_limits.max))
    zero_points = rng.integers(w_limits.min, w_limits.max, len(weight), w_dtype)
    bias = rng.integers(-1000, 1000, len(weight), np.int32)
    expected = by_definition(x, weight, *geometry, groups, zero_point, zero_points, bias)
    for filters in (weight, pack_filters(weight, groups)):
        y = int8_conv2d(x, filters, *geometry, groups, zero_point, zero_points, bias)
        assert y.dtype == np.int32
        assert np.array_equal(y, expected)


def test_requantization_belongs_to_the_filter_in_every_group():
    x = np.array([[[[10, 20]]]], np.int8)
    weight = np.array([3, 5], np.int8).reshape(2, 1, 1, 1)  # two groups of one: sums 30 and 100
    each = Requantization(np.array([2**30, 2**30]), np.array([0, -1]), 1, -128, 127)  # halves, quarters
    y = int8_conv2d(x, weight, groups=2, bias=np.array([2, 4], np.int32), requantization=each)
    assert y.dtype == np.int8
    assert y.tolist() == [[[[17, 27]]]]  # 32 / 2 + 1, 104 / 4 + 1


def test_an_empty_batch_has_an_empty_result_of_the_right_shape():
    y = int8_conv2d(np.zeros((0, 4, 5, 2), np.int8), np.ones((3, 2, 2, 2), np.int8))
    assert y.shape == (0, 3, 4, 3)
