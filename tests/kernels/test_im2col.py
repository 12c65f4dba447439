import numpy as np
import pytest

from qbref.kernels import im2col


def by_definition(x, kernel_size, stride, padding, dilation, pad_value):
    """One value at a time, from the index formula."""
    n, height, width, channels = x.shape
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = kernel_size, stride, padding, dilation
    oh = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    ow = (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    rows = []
    for image, top, left in np.ndindex(n, oh, ow):
        row = []
        for a, b, c in np.ndindex(kh, kw, channels):
            i, j = top * sh + a * dh - ph, left * sw + b * dw - pw
            row.append(x[image, i, j, c].item() if 0 <= i < height and 0 <= j < width else pad_value)
        rows.append(row)
    return rows


def test_im2col_by_hand():
    x = np.arange(1, 10, dtype=np.int8).reshape(1, 3, 3, 1)
    assert im2col(x, 2).tolist() == [[1, 2, 4, 5], [2, 3, 5, 6], [4, 5, 7, 8], [5, 6, 8, 9]]
    assert im2col(x, 3, stride=2, padding=1, pad_value=-1)[0].tolist() == [-1, -1, -1, -1, 1, 2, -1, 4, 5]
    assert im2col(x, 2, dilation=2).tolist() == [[1, 3, 7, 9]]


def test_im2col_orders_a_row_by_height_then_width_then_channel():
    x = np.arange(8, dtype=np.uint8).reshape(1, 2, 2, 2)
    assert im2col(x, 2).tolist() == [[0, 1, 2, 3, 4, 5, 6, 7]]


@pytest.mark.parametrize("dtype, pad_value", [(np.int8, -128), (np.uint8, 255), (np.uint64, 2**64 - 1)])
@pytest.mark.parametrize(
    "geometry",
    [
        ((1, 1), (1, 1), (0, 0), (1, 1)),
        ((3, 3), (1, 1), (1, 1), (1, 1)),
        ((3, 2), (2, 3), (0, 4), (1, 1)),
        ((2, 3), (1, 2), (3, 1), (2, 1)),
        ((2, 2), (2, 1), (1, 2), (1, 3)),
        ((5, 6), (1, 1), (0, 0), (1, 1)),
    ],
    ids=str,
)
def test_im2col_equals_the_index_formula(geometry, dtype, pad_value):
    x = np.random.default_rng(0).integers(0, 100, (2, 5, 6, 3)).astype(dtype)
    columns = im2col(x, *geometry, pad_value)
    assert columns.dtype == dtype
    assert columns.tolist() == by_definition(x, *geometry, pad_value)


def test_im2col_leaves_its_input_alone_and_owns_its_result():
    x = np.ones((1, 2, 2, 1), np.int8)
    im2col(x, 1)[:] = 0
    assert x.all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"x": np.zeros((1, 3, 3, 1))}, "x must have dtype int8 or uint8 or uint64, got float64"),
        ({"x": np.zeros((3, 3, 1), np.int8)}, "x must have 4 dimensions"),
        ({"kernel_size": 4}, "kernel_size must fit in the padded input"),
        ({"kernel_size": 2, "dilation": 3}, "kernel_size must fit in the padded input"),
        ({"kernel_size": 0}, "kernel_size must be between 1"),
        ({"stride": (1, 0)}, "stride must be between 1"),
        ({"padding": -1}, "padding must be between 0"),
        ({"padding": (1, 2, 3)}, "padding must be an integer or a pair"),
        ({"dilation": 1.5}, "dilation must be an integer, got 1.5"),
        ({"pad_value": 128}, "pad_value must be between -128 and 127, got 128"),
    ],
)
def test_im2col_refuses(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        im2col(**{"x": np.zeros((1, 3, 3, 1), np.int8), "kernel_size": 1, **change})
