import numpy as np
import pytest

from qbref.conventions.onnx import matmul_integer

A = np.array([[11, 7, 3], [10, 6, 2], [9, 5, 1], [8, 4, 0]], np.uint8)
B = np.array([[1, 4], [2, 5], [3, 6]], np.uint8)


def test_the_example_of_the_specification():
    # onnx/backend/test/case/node/matmulinteger.py
    y = matmul_integer(A, B, np.array([12], np.uint8), np.array([0], np.uint8))
    assert y.tolist() == [[-38, -83], [-44, -98], [-50, -113], [-56, -128]]
    assert y.dtype == np.int32


def test_zero_points_per_row_and_per_column():
    expected = (A.astype(int) - [[1], [2], [3], [4]]) @ (B.astype(int) - [5, 6])
    rows, columns = np.array([1, 2, 3, 4], np.uint8), np.array([5, 6], np.uint8)
    for a_zero_point in (rows, rows[:, None]):
        for b_zero_point in (columns, columns[None]):
            assert matmul_integer(A, B, a_zero_point, b_zero_point).tolist() == expected.tolist()


def test_zero_points_of_batches_have_the_rank_of_the_batches():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, (2, 3, 4), np.int8), rng.integers(0, 256, (2, 4, 5), np.uint8)
    rows, columns = rng.integers(-128, 128, (2, 3, 1), np.int8), rng.integers(0, 256, (2, 1, 5), np.uint8)
    expected = (a.astype(int) - rows) @ (b.astype(int) - columns)
    np.testing.assert_array_equal(matmul_integer(a, b, rows, columns), expected)
    np.testing.assert_array_equal(
        matmul_integer(a, b[0], rows, columns[0]), (a - rows.astype(int)) @ (b[0] - columns[0].astype(int))
    )


@pytest.mark.parametrize(
    "a_shape, b_shape", [((4,), (4,)), ((4,), (4, 3)), ((3, 4), (4,)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,))]
)
def test_vectors_have_the_shapes_of_numpy_matmul(a_shape, b_shape):
    rng = np.random.default_rng(1)
    a, b = rng.integers(-128, 128, a_shape, np.int8), rng.integers(-128, 128, b_shape, np.int8)
    expected = np.matmul(a.astype(np.int32), b.astype(np.int32))
    y = matmul_integer(a, b)
    assert y.shape == expected.shape
    np.testing.assert_array_equal(y, expected)


def test_sums_wrap_around_in_32_bits():
    a = np.full((1, 40_000), 255, np.uint8)
    assert matmul_integer(a, a.T).tolist() == [[40_000 * 255**2 - 2**32]]


@pytest.mark.parametrize(
    "error, message, arguments",
    [
        (TypeError, "a must be int8 or uint8, got int64", dict(a=A.astype(int))),
        (TypeError, "b_zero_point must be uint8, got int8", dict(b_zero_point=np.int8(0))),
        (ValueError, r"b must have as many rows as a has columns \(3\), got shape \(2, 3\)", dict(b=B.T)),
        (ValueError, r"a and b must have at least one dimension", dict(a=np.uint8(1))),
        (
            ValueError,
            r"a_zero_point must be a scalar or one per row, \(4, 1\), got shape \(3,\)",
            dict(a_zero_point=np.zeros(3, np.uint8)),
        ),
        (ValueError, r"a_zero_point must lie within \[0, 255\], got 256", dict(a_zero_point=256)),
    ],
)
def test_errors_name_the_argument_and_the_value(error, message, arguments):
    with pytest.raises(error, match=message):
        matmul_integer(**{"a": A, "b": B, **arguments})
