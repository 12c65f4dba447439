import tracemalloc

import numpy as np
import pytest

from qbref.conventions.products import SAFE_DEPTH, integer_conv, integer_matmul, saturating_matmul

DTYPES = (np.int8, np.uint8)
MIXES = [(a, b) for a in DTYPES for b in DTYPES]


def any_values(rng, dtype, shape):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def python_matmul(lhs, rhs, lhs_zero_point, rhs_zero_point):
    """With Python's unbounded integers, then brought to 32 bits."""
    exact = (lhs.astype(object) - lhs_zero_point) @ (rhs.astype(object) - rhs_zero_point)
    return [[(int(v) + 2**31) % 2**32 - 2**31 for v in row] for row in exact]


@pytest.mark.parametrize("lhs_dtype, rhs_dtype", MIXES)
def test_every_mix_of_signs_is_exact(lhs_dtype, rhs_dtype):
    rng = np.random.default_rng(0)
    lhs, rhs = any_values(rng, lhs_dtype, (3, 50)), any_values(rng, rhs_dtype, (50, 4))
    rows, columns = any_values(rng, lhs_dtype, 3), any_values(rng, rhs_dtype, 4)
    y = integer_matmul(lhs, rhs, rows, columns)
    assert y.dtype == np.int32
    assert y.tolist() == python_matmul(lhs, rhs, rows.astype(int)[:, None], columns.astype(int))
    assert integer_matmul(lhs, rhs).tolist() == python_matmul(lhs, rhs, 0, 0)


@pytest.mark.parametrize("lhs_dtype, rhs_dtype", MIXES)
@pytest.mark.parametrize("k", [SAFE_DEPTH, SAFE_DEPTH + 1, 3 * SAFE_DEPTH + 5])
def test_long_sums_wrap_around(lhs_dtype, rhs_dtype, k):
    lhs = np.full((1, k), np.iinfo(lhs_dtype).max, lhs_dtype)
    rhs = np.full((k, 2), np.iinfo(rhs_dtype).max, rhs_dtype)
    rhs[:, 1] = np.iinfo(rhs_dtype).min
    zero_points = int(np.iinfo(lhs_dtype).min), int(np.iinfo(rhs_dtype).min)
    assert integer_matmul(lhs, rhs, *zero_points).tolist() == python_matmul(lhs, rhs, *zero_points)


def test_leading_axes_broadcast():
    rng = np.random.default_rng(1)
    lhs, rhs = any_values(rng, np.int8, (2, 3, 4, 5)), any_values(rng, np.uint8, (3, 5, 6))
    expected = np.matmul(lhs.astype(int) + 1, rhs.astype(int) - 7)
    np.testing.assert_array_equal(integer_matmul(lhs, rhs, -1, 7), expected)


def test_empty_products_and_any_memory_layout():
    assert integer_matmul(np.zeros((2, 0), np.int8), np.zeros((0, 3), np.int8)).tolist() == [[0] * 3] * 2
    assert integer_matmul(np.zeros((0, 4), np.int8), np.zeros((4, 3), np.int8)).shape == (0, 3)
    rng = np.random.default_rng(2)
    lhs, rhs = any_values(rng, np.int8, (9, 8))[::-2, 1::2], any_values(rng, np.uint8, (6, 8)).T[::2]
    np.testing.assert_array_equal(integer_matmul(lhs, rhs), lhs.astype(int) @ rhs.astype(int))


def test_pairs_of_products_saturate_without_vnni():
    # MatMulInteger of ONNX Runtime 1.31.1 on a processor with AVX2 and without VNNI
    def of_constants(k, value):
        return saturating_matmul(np.full((3, k), 255, np.uint8), np.full((k, 2), value, np.int8)).tolist()

    assert of_constants(2, 127) == [[32767] * 2] * 3  # exactly 64770
    assert of_constants(4, -128) == [[-65536] * 2] * 3  # exactly -130560
    assert of_constants(15, 127) == [[261754] * 2] * 3  # seven pairs, and one product that fits
    assert of_constants(64, 127) == [[1048544] * 2] * 3


def test_pairs_are_of_raw_values_and_zero_points_come_after():
    # 200 * 100 + 100 * 127 = 32700 fits; 201 * 100 + 100 * 127 = 32800 does not
    rhs = np.array([[100], [127]], np.int8)
    for first, pair in ((200, 32700), (201, 32767)):
        lhs = np.array([[first, 100]], np.uint8)
        expected = pair - 5 * (first + 100) - 9 * 227 + 2 * 9 * 5
        assert saturating_matmul(lhs, rhs, 9, 5).tolist() == [[expected]]


def test_seven_bit_operands_never_saturate():
    rng = np.random.default_rng(5)
    lhs, rhs = rng.integers(0, 128, (4, 33), np.uint8), any_values(rng, np.int8, (33, 5))
    rows, columns = rng.integers(0, 256, 4), rng.integers(-128, 128, 5)
    lhs[0], rhs[:, 0] = 127, -128
    expected = integer_matmul(lhs, rhs, rows, columns)
    np.testing.assert_array_equal(saturating_matmul(lhs, rhs, rows, columns), expected)


def test_only_uint8_times_int8_saturates():
    with pytest.raises(TypeError, match="lhs must be uint8, got int8"):
        saturating_matmul(np.ones((1, 1), np.int8), np.ones((1, 1), np.int8))


def direct_conv(x, w, x_zero_point, w_zero_point, strides, pads, dilations, group):
    """The definition for two spatial axes, one output at a time."""
    x = np.pad(x.astype(int) - x_zero_point, ((0, 0), (0, 0), *pads))
    w = w.astype(int) - np.reshape(w_zero_point, (-1, 1, 1, 1))
    (sh, sw), (dh, dw), (kh, kw) = strides, dilations, w.shape[2:]
    height = (x.shape[2] - (kh - 1) * dh - 1) // sh + 1
    width = (x.shape[3] - (kw - 1) * dw - 1) // sw + 1
    y = np.zeros((len(x), len(w), height, width), int)
    for n, m, i, j in np.ndindex(*y.shape):
        first = m // (len(w) // group) * w.shape[1]
        patch = x[n, first : first + w.shape[1], i * sh :, j * sw :]
        y[n, m, i, j] = (patch[:, : kh * dh : dh, : kw * dw : dw][:, :kh, :kw] * w[m]).sum()
    return y


@pytest.mark.parametrize("x_dtype, w_dtype", MIXES)
@pytest.mark.parametrize(
    "channels, filters, group, strides, pads, dilations",
    [
        (3, 4, 1, (1, 1), [(0, 0), (0, 0)], (1, 1)),
        (4, 6, 2, (2, 1), [(1, 0), (2, 1)], (1, 2)),
        (5, 5, 5, (3, 2), [(0, 2), (1, 1)], (2, 1)),
    ],
)
def test_convolution_is_its_definition(x_dtype, w_dtype, channels, filters, group, strides, pads, dilations):
    rng = np.random.default_rng(3)
    x = any_values(rng, x_dtype, (2, channels, 7, 8))
    w = any_values(rng, w_dtype, (filters, channels // group, 3, 2))
    x_zero_point, w_zero_point = int(any_values(rng, x_dtype, ())), any_values(rng, w_dtype, filters)
    args = x, w, x_zero_point, w_zero_point.astype(np.int32), strides, pads, dilations, group
    np.testing.assert_array_equal(integer_conv(*args), direct_conv(*args))


def test_one_and_three_spatial_axes_are_slices_of_the_plane():
    rng = np.random.default_rng(4)
    x, w = any_values(rng, np.uint8, (2, 3, 9)), any_values(rng, np.int8, (4, 3, 2))
    zero = np.zeros(4, np.int32)
    line = integer_conv(x, w, 5, zero, [2], [(1, 0)], [2], 1)
    plane = x[:, :, None], w[:, :, None], 5, zero, [1, 2], [(0, 0), (1, 0)], [1, 2], 1
    space = x[:, :, None, :, None], w[:, :, None, :, None]
    space = *space, 5, zero, [1, 2, 1], [(0, 0), (1, 0), (0, 0)], [1, 2, 1], 1
    np.testing.assert_array_equal(line, direct_conv(*plane)[:, :, 0])
    np.testing.assert_array_equal(line, integer_conv(*space)[:, :, 0, :, 0])


def test_convolution_of_no_images():
    x, w = np.zeros((0, 3, 5, 5), np.int8), np.zeros((4, 3, 2, 2), np.int8)
    y = integer_conv(x, w, 0, np.zeros(4, np.int32), [1, 1], [(0, 0), (0, 0)], [1, 1], 1)
    assert y.shape == (0, 4, 4, 4)


@pytest.mark.parametrize(
    "error, match, arguments",
    [
        (ValueError, r"lhs and rhs must be \(M, K\) and \(K, N\)", ((1, 2), (4, 1), 3, 0)),
        (TypeError, "lhs_zero_point must be an integer array, got float64", ((1, 2), (2, 1), 1.9, 0)),
        (ValueError, "rhs_zero_point must be one number or 3", ((1, 2), (2, 3), 0, np.array([1, 2]))),
    ],
)
def test_a_saturating_product_checks_shapes_and_zero_points(error, match, arguments):
    lhs, rhs, *zero_points = arguments
    with pytest.raises(error, match=match):
        saturating_matmul(np.ones(lhs, np.uint8), np.ones(rhs, np.int8), *zero_points)


def test_a_convolution_is_the_same_in_parts_as_in_one(monkeypatch):
    rng = np.random.default_rng(8)
    x, w = any_values(rng, np.uint8, (5, 6, 9, 7)), any_values(rng, np.int8, (4, 3, 2, 3))
    arguments = (x, w, 7, np.arange(4), [1, 2], [(1, 0), (2, 1)], [2, 1], 2)
    whole = integer_conv(*arguments)
    for largest in (1, 500, 4000, 9000):  # an output, a row of outputs, rows, an image and more
        monkeypatch.setattr("qbref.conventions.parts.LARGEST", largest)
        assert np.array_equal(integer_conv(*arguments), whole)


def test_a_convolution_does_not_write_out_all_windows():
    """49 windows see each of 10^6 bytes; the int32 result has 4, the padded image 1, and parts up to 3."""
    x, w = np.ones((1, 16, 250, 250), np.uint8), np.ones((16, 16, 7, 7), np.int8)
    tracemalloc.start()
    integer_conv(x, w, 0, np.zeros(16, int), [1, 1], [(3, 3), (3, 3)], [1, 1], 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * x.nbytes
