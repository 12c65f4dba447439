import numpy as np
import pytest

from qbref.kernels import int8_matmul


def by_definition(lhs, rhs, lhs_zero_point, rhs_zero_point):
    """The sum over k in Python integers."""
    (m, k), n = lhs.shape, rhs.shape[1]
    zl, zr = np.broadcast_to(lhs_zero_point, m).tolist(), np.broadcast_to(rhs_zero_point, n).tolist()
    a, b = lhs.tolist(), rhs.tolist()
    return [
        [sum((a[i][x] - zl[i]) * (b[x][j] - zr[j]) for x in range(k)) for j in range(n)] for i in range(m)
    ]


def test_int8_matmul_by_hand():
    lhs = np.array([[1, 2], [3, -4]], np.int8)
    rhs = np.array([[5, -6], [7, 8]], np.int8)
    result = int8_matmul(lhs, rhs)
    assert result.dtype == np.int32
    assert result.tolist() == [[19, 10], [-13, -50]]


def test_int8_matmul_subtracts_zero_points_by_hand():
    lhs = np.array([[130, 120]], np.uint8)  # 2 and -8 around 128
    rhs = np.array([[3], [5]], np.int8)  # 2 and 4 around 1
    assert int8_matmul(lhs, rhs, 128, 1).tolist() == [[2 * 2 - 8 * 4]]


@pytest.mark.parametrize("lhs_dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("rhs_dtype", [np.int8, np.uint8])
def test_int8_matmul_equals_the_sum_in_python_integers(lhs_dtype, rhs_dtype):
    rng = np.random.default_rng(0)
    l_lo, l_hi = np.iinfo(lhs_dtype).min, np.iinfo(lhs_dtype).max
    r_lo, r_hi = np.iinfo(rhs_dtype).min, np.iinfo(rhs_dtype).max
    lhs = rng.integers(l_lo, l_hi, (4, 9), lhs_dtype, endpoint=True)
    rhs = rng.integers(r_lo, r_hi, (9, 5), rhs_dtype, endpoint=True)
    rows = rng.integers(l_lo, l_hi, 4, endpoint=True)
    columns = rng.integers(r_lo, r_hi, 5, endpoint=True)
    for zl, zr in [(0, 0), (l_lo if l_lo else 1, r_hi), (rows, columns), (rows, 1), (1, columns)]:
        assert int8_matmul(lhs, rhs, zl, zr).tolist() == by_definition(lhs, rhs, zl, zr)


def test_int8_matmul_is_exact_at_the_deepest_sum():
    lhs, rhs = np.full((1, 131_071), -128, np.int8), np.full((131_071, 1), -128, np.int8)
    assert int8_matmul(lhs, rhs).tolist() == [[131_071 * 16_384]]  # 2**31 - 16384
    rhs[0] = -127  # one unit, which a float32 sum would lose
    assert int8_matmul(lhs, rhs).tolist() == [[131_071 * 16_384 - 128]]


@pytest.mark.parametrize(
    "dtype, zero_point, deepest",
    [(np.int8, 0, 131_071), (np.uint8, 0, 65_793), (np.uint8, 128, 131_071), (np.int8, [127], 65_793)],
)
def test_int8_matmul_refuses_a_sum_that_could_leave_int32(dtype, zero_point, deepest):
    int8_matmul(np.zeros((1, deepest), dtype), np.zeros((deepest, 1), np.int8), zero_point)
    with pytest.raises(ValueError, match=f"K must be at most {deepest} .*, got {deepest + 1}"):
        int8_matmul(np.zeros((1, deepest + 1), dtype), np.zeros((deepest + 1, 1), np.int8), zero_point)


def test_int8_matmul_of_empty_operands_is_empty_or_zero():
    assert int8_matmul(np.zeros((0, 3), np.int8), np.zeros((3, 2), np.int8)).shape == (0, 2)
    assert int8_matmul(np.zeros((2, 0), np.int8), np.zeros((0, 3), np.int8), 5).tolist() == [[0] * 3] * 2


@pytest.mark.parametrize("zero_point", [-129, 128, [0, 128], [0, 0, 0]])
def test_int8_matmul_refuses_a_zero_point_that_the_operand_cannot_hold(zero_point):
    with pytest.raises(ValueError, match="lhs_zero_point must"):
        int8_matmul(np.zeros((2, 3), np.int8), np.zeros((3, 4), np.int8), zero_point)


def test_int8_matmul_refuses_other_dtypes_and_shapes():
    good = np.zeros((3, 3), np.int8)
    with pytest.raises(TypeError, match="lhs must have dtype int8 or uint8, got int16"):
        int8_matmul(good.astype(np.int16), good)
    with pytest.raises(TypeError, match="rhs must be a numpy array, got list"):
        int8_matmul(good, [[1]])
    with pytest.raises(ValueError, match="rhs must have as many rows"):
        int8_matmul(good, good[:2])
    with pytest.raises(TypeError, match="rhs_zero_point must be an integer, got 0.5"):
        int8_matmul(good, good, 0, 0.5)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_bias_may_carry_the_deepest_sum_to_the_end_of_int32_and_no_further(sign):
    lhs, rhs = np.full((1, 3), -128, np.int8), np.full((3, 1), -128 if sign == 1 else 127, np.int8)
    room = 2**31 - 1 - 3 * 128 * 128  # by the dtypes, not by these values
    bias = np.array([sign * room], np.int32)
    assert int8_matmul(lhs, rhs, bias=bias)[0, 0] == sign * room + 3 * -128 * int(rhs[0, 0])
    with pytest.raises(ValueError, match=f"bias must be at most {room} in magnitude"):
        int8_matmul(lhs, rhs, bias=bias + np.int32(sign))
