import math

import numpy as np
import pytest

from qbref.kernels import lut_matmul


def by_definition(lhs, packed_codes, table, lhs_zero_point):
    """Each code by shifting one Python integer per row, low nibble first."""
    weights = []
    for row in packed_codes:
        bits = int.from_bytes(row.tobytes(), "little")
        weights.append([table[bits >> (4 * k) & 15].item() for k in range(lhs.shape[1])])
    zero_points = np.broadcast_to(lhs_zero_point, len(lhs)).tolist()
    return [
        [sum((q - z) * w for q, w in zip(row, column, strict=True)) for column in weights]
        for row, z in zip(lhs.tolist(), zero_points, strict=True)
    ]


TABLE = np.array([-128, -90, -61, -40, -25, -13, -5, 0, 4, 12, 23, 37, 55, 80, 104, 127], np.int8)


def test_lut_matmul_by_hand():
    lhs = np.array([[1, 2, 3], [0, 0, -1]], np.int8)
    packed_codes = np.array([[0x98, 0x0A], [0xF0, 0x07]], np.uint8)  # codes 8 9 10 and 0 15 7
    result = lut_matmul(lhs, packed_codes, TABLE)
    assert result.dtype == np.int32
    assert result.tolist() == [[4 + 24 + 69, -128 + 254 + 0], [-23, 0]]


@pytest.mark.parametrize("k", [1, 2, 7, 20])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_lut_matmul_equals_the_sum_in_python_integers(k, dtype):
    rng = np.random.default_rng(k)
    lo, hi = np.iinfo(dtype).min, np.iinfo(dtype).max
    lhs = rng.integers(lo, hi, (4, k), dtype, endpoint=True)
    packed_codes = rng.integers(0, 256, (5, (k + 1) // 2)).astype(np.uint8)
    for zero_point in (0, hi, rng.integers(lo, hi, 4, endpoint=True)):
        expected = by_definition(lhs, packed_codes, TABLE, zero_point)
        assert lut_matmul(lhs, packed_codes, TABLE, zero_point).tolist() == expected


def test_lut_matmul_does_not_use_the_spare_nibble_of_an_odd_k():
    lhs = np.array([[3]], np.int8)
    for spare in range(16):
        assert lut_matmul(lhs, np.array([[spare << 4 | 9]], np.uint8), TABLE).tolist() == [[36]]


def test_lut_matmul_takes_a_table_for_each_row():
    tables = np.stack([TABLE, TABLE[::-1]])
    packed_codes = np.array([[0xF0], [0xF0]], np.uint8)
    assert lut_matmul(np.array([[1, 2]], np.int8), packed_codes, tables).tolist() == [[-128 + 254, 127 - 256]]
    lhs, real_tables = np.array([[1, 0.5]], np.float32), tables.astype(np.float32) / 4
    assert lut_matmul(lhs, packed_codes, real_tables).tolist() == [[-32 + 15.875, 31.75 - 16]]


# floats: the order of summation


REAL_TABLE = (TABLE / np.float32(7)).astype(np.float32)
ONES = np.ones(16, np.float32)


def sum_of(values):
    """The float32 product with weights of 1: the sum of `values`, at the places k that they name."""
    lhs = np.zeros((1, 40), np.float32)
    lhs[0, list(values)] = list(values.values())
    return lut_matmul(lhs, np.zeros((1, 20), np.uint8), ONES).item()


def test_lut_matmul_adds_in_sixteen_lanes_and_then_halves_by_hand():
    big = 2.0**24  # adding 1 to it is a tie that rounds back to it, adding 2 is exact
    assert sum_of({0: big, 16: 1, 32: 1}) == big  # one lane, in order
    assert sum_of({0: 1, 16: 1, 32: big}) == big + 2
    assert sum_of({0: big, 8: 1, 24: 1}) == big + 2  # lane 8 adds its two, then joins lane 0
    assert sum_of({0: big, 8: 1, 4: 1}) == big  # lane 8 joins lane 0 before lane 4 does
    assert sum_of({0: big, 4: 1, 12: 1}) == big + 2
    assert sum_of({0: big, 2: 1, 6: 1}) == big + 2
    assert sum_of({0: big, 1: 1, 3: 1}) == big + 2
    assert sum_of({0: big, 2: 1, 1: 1}) == big


def test_lut_matmul_rounds_products_before_it_adds_them():
    # (1 + 2**-12)**2 = 1 + 2**-11 + 2**-24, rounded 1 + 2**-11; a fused multiply-add would leave 2**-24
    table = np.full(16, 1 + 2.0**-12, np.float32)
    table[1] = 1
    lhs, packed_codes = np.zeros((1, 17), np.float32), np.zeros((1, 9), np.uint8)
    lhs[0, 0], packed_codes[0, 0] = -(1 + 2.0**-11), 1
    lhs[0, 16] = 1 + 2.0**-12
    assert lut_matmul(lhs, packed_codes, table).tolist() == [[0.0]]


def test_lut_matmul_of_floats_stays_within_its_bound():
    rng = np.random.default_rng(5)
    for k in (1, 15, 33, 400):
        lhs = (rng.standard_normal((3, k)) * 10 ** rng.uniform(-3, 3, (3, k))).astype(np.float32)
        packed_codes = rng.integers(0, 256, (4, (k + 1) // 2)).astype(np.uint8)
        result = lut_matmul(lhs, packed_codes, REAL_TABLE)
        assert result.dtype == np.float32
        roundings = (-(-k // 16) + 4) * 2.0**-24
        for i, j in np.ndindex(3, 4):
            bits = int.from_bytes(packed_codes[j].tobytes(), "little")
            weights = [REAL_TABLE[bits >> (4 * x) & 15].item() for x in range(k)]
            products = [x * w for x, w in zip(lhs[i].tolist(), weights, strict=True)]  # exact in float64
            bound = roundings / (1 - roundings) * math.fsum(map(abs, products))
            assert abs(result[i, j].item() - math.fsum(products)) <= bound


def test_lut_matmul_of_empty_floats_is_empty_or_zero():
    for m, k, n in [(0, 3, 2), (2, 0, 3), (3, 2, 0)]:
        result = lut_matmul(np.ones((m, k), np.float32), np.zeros((n, (k + 1) // 2), np.uint8), ONES)
        assert result.dtype == np.float32
        assert result.tolist() == np.zeros((m, n)).tolist()


# refusals


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lhs": np.zeros((2, 3), np.int16)}, "lhs must have dtype int8 or uint8"),
        ({"packed_codes": np.zeros((4, 2), np.int8)}, "packed_codes must have dtype uint8"),
        ({"packed_codes": np.zeros((4, 3), np.uint8)}, "packed_codes must have 2 bytes a row for K = 3"),
        ({"table": TABLE[:15]}, "table must have 16 entries"),
        (
            {"table": np.stack([TABLE] * 3)},
            r"table must have 16 entries, or shape \(4, 16\), got shape \(3, 16\)",
        ),
        ({"table": REAL_TABLE}, "table must have dtype int8, got float32"),
        ({"lhs": np.zeros((2, 3), np.float32)}, "table must have dtype float32, got int8"),
        ({"lhs": np.zeros((2, 3), np.float32), "table": ONES * np.inf}, "table must be finite, got inf"),
        ({"table": TABLE.astype(np.int16)}, "table must have dtype int8"),
        ({"lhs_zero_point": 128}, "lhs_zero_point must be between -128 and 127, got 128"),
    ],
)
def test_lut_matmul_refuses(change, message):
    good = dict(lhs=np.zeros((2, 3), np.int8), packed_codes=np.zeros((4, 2), np.uint8), table=TABLE)
    with pytest.raises((TypeError, ValueError), match=message):
        lut_matmul(**{**good, **change})


def test_lut_matmul_refuses_a_sum_that_could_leave_int32():
    with pytest.raises(ValueError, match="K must be at most 131071 .*, got 131072"):
        lut_matmul(np.zeros((1, 131_072), np.int8), np.zeros((1, 65_536), np.uint8), TABLE)
