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


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lhs": np.zeros((2, 3), np.int16)}, "lhs must have dtype int8 or uint8"),
        ({"packed_codes": np.zeros((4, 2), np.int8)}, "packed_codes must have dtype uint8"),
        ({"packed_codes": np.zeros((4, 3), np.uint8)}, "packed_codes must have 2 bytes a row for K = 3"),
        ({"table": TABLE[:15]}, "table must have 16 entries"),
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
