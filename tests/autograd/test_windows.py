import numpy as np

from qbref.autograd.windows import inside, surround, to_chwn, to_nchw, windows


def test_each_tap_sees_the_image_shifted_strided_and_dilated():
    x = np.arange(2 * 9 * 8 * 3).reshape(2, 9, 8, 3)
    view = windows(x, (2, 3), stride=(2, 1), dilation=(3, 2))
    assert view.shape == (2, 2, 3, 3, 4, 3)
    for c, k, m, i, j, n in np.ndindex(view.shape):
        assert view[c, k, m, i, j, n] == x[c, 2 * i + 3 * k, j + 2 * m, n]


def test_windows_write_through_to_the_image():
    x = np.zeros((1, 3, 3, 1))
    view = windows(x, (2, 2))
    for row, col in np.ndindex(2, 2):
        view[:, row, col] += 1
    assert x[0, :, :, 0].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]  # windows that contain each pixel


def test_surround_and_inside_are_inverse():
    x = np.ones((1, 2, 3, 1), np.float32)
    padded = surround(x, (1, 0), -np.inf)
    assert padded.dtype == np.float32
    assert padded[0, :, :, 0].tolist() == [[-np.inf] * 3, [1] * 3, [1] * 3, [-np.inf] * 3]
    assert np.array_equal(inside(padded, (1, 0)), x)


def test_memory_orders_convert_without_a_copy():
    x = np.arange(24).reshape(1, 2, 3, 4)
    assert to_chwn(x)[1, 2, 3, 0] == x[0, 1, 2, 3]
    assert np.array_equal(to_nchw(to_chwn(x)), x)
    assert np.shares_memory(to_chwn(x), x)
