import numpy as np
import pytest

from qbref.kernels import Requantization, int8_matmul, pack_filters, pack_rhs, requantize


def exact(lhs, rhs, lhs_zero_point=0, rhs_zero_point=0):
    """lhs @ rhs in int64, zero points given as they broadcast."""
    return np.einsum(
        "...mk,...kn->...mn", lhs.astype(np.int64) - lhs_zero_point, rhs.astype(np.int64) - rhs_zero_point
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_a_packed_matrix_stands_for_the_matrix(dtype):
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(0)
    rhs = rng.integers(limits.min, limits.max, (7, 5), dtype, endpoint=True)
    packed = pack_rhs(rhs)
    assert packed.shape == (7, 5)
    assert packed.dtype == dtype
    assert packed.unpack().dtype == dtype
    assert np.array_equal(packed.unpack(), rhs)
    lhs = rng.integers(-128, 127, (3, 7), np.int8, endpoint=True)
    columns = rng.integers(limits.min, limits.max, 5, dtype)
    expected = exact(lhs, rhs, -9, columns.astype(np.int64))
    assert np.array_equal(int8_matmul(lhs, packed, -9, columns), expected)


def test_packing_copies():
    rhs = np.ones((2, 2), np.int8)
    packed = pack_rhs(rhs)
    rhs[...] = 5
    assert packed.unpack().tolist() == [[1, 1], [1, 1]]


def test_packed_filters_stand_for_the_filters():
    weight = np.arange(-24, 24, dtype=np.int8).reshape(4, 2, 3, 2)
    for groups in (1, 2, 4):
        packed = pack_filters(weight, groups)
        assert (packed.shape, packed.groups, packed.dtype) == (weight.shape, groups, np.int8)
        assert np.array_equal(packed.unpack(), weight)


@pytest.mark.parametrize("left, right", [((3,), ()), ((3,), (3,)), ((2, 1), (3,)), ((), (2,)), ((0,), ())])
def test_leading_axes_broadcast_like_those_of_numpy(left, right):
    rng = np.random.default_rng(1)
    lhs = rng.integers(0, 255, (*left, 4, 6), np.uint8, endpoint=True)
    rhs = rng.integers(-128, 127, (*right, 6, 2), np.int8, endpoint=True)
    rows, columns = rng.integers(0, 255, (*left, 4)), rng.integers(-128, 127, (*right, 2))
    expected = exact(lhs, rhs, rows[..., None], columns[..., None, :])
    result = int8_matmul(lhs, rhs, rows, columns)
    assert result.shape == expected.shape
    assert np.array_equal(result, expected)


def test_bias_comes_before_requantization():
    lhs, rhs = np.array([[2, 3]], np.int8), np.array([[10, -1], [20, 4]], np.int8)  # sums 80 and 10
    bias = np.array([4, -30], np.int32)
    assert int8_matmul(lhs, rhs, bias=bias).tolist() == [[84, -20]]
    halve = Requantization(2**30, 0, 5, 0, 255)
    result = int8_matmul(lhs, rhs, bias=bias, requantization=halve)
    assert result.dtype == np.uint8
    assert result.tolist() == [[47, 0]]  # 84 / 2 + 5; -20 / 2 + 5 is clipped
    assert np.array_equal(result, requantize(np.array([[84, -20]], np.int32), *halve))
