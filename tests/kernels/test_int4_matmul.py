import math

import numpy as np
import pytest

from qbref.kernels import int4_matmul

PACKED = np.array([[0xF1, 0x07], [0x98, 0x0A]], np.uint8)  # 1 -1 7 and -8 -7 -6


def weights_of(packed, k):
    """Each weight by shifting one Python integer per row, low nibble first, and folding 8..15 to -8..-1."""
    rows = [int.from_bytes(row.tobytes(), "little") for row in packed]
    return [
        [(bits >> (4 * i) & 15) - (16 if bits >> (4 * i + 3) & 1 else 0) for i in range(k)] for bits in rows
    ]


def random_packed(rng, n, k):
    return rng.integers(0, 256, (n, (k + 1) // 2)).astype(np.uint8)


# integers


def test_int4_matmul_by_hand():
    lhs = np.array([[1, 2, 3], [0, -128, 127]], np.int8)
    result = int4_matmul(lhs, PACKED)
    assert result.dtype == np.int32
    assert result.tolist() == [[1 - 2 + 21, -8 - 14 - 18], [128 + 889, 896 - 762]]


def test_int4_matmul_subtracts_the_zero_point_of_each_row_by_hand():
    lhs = np.array([[255, 128, 0], [5, 5, 6]], np.uint8)
    assert int4_matmul(lhs, PACKED, None, [128, 5]).tolist() == [[127 - 896, -1016 + 768], [7, -6]]


@pytest.mark.parametrize("k", [1, 2, 7, 64, 131])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_int4_matmul_equals_the_sum_in_python_integers(k, dtype):
    rng = np.random.default_rng(k)
    lo, hi = np.iinfo(dtype).min, np.iinfo(dtype).max
    lhs, packed = rng.integers(lo, hi, (4, k), dtype, endpoint=True), random_packed(rng, 5, k)
    for zero_point in (0, hi, rng.integers(lo, hi, 4, endpoint=True)):
        zero_points = np.broadcast_to(zero_point, 4).tolist()
        expected = [
            [sum((q - z) * w for q, w in zip(row, column, strict=True)) for column in weights_of(packed, k)]
            for row, z in zip(lhs.tolist(), zero_points, strict=True)
        ]
        assert int4_matmul(lhs, packed, None, zero_point).tolist() == expected


def test_int4_matmul_does_not_use_the_spare_nibble_of_an_odd_k():
    for spare in range(16):
        packed = np.array([[spare << 4 | 9]], np.uint8)
        assert int4_matmul(np.array([[3]], np.int8), packed).tolist() == [[-21]]
        assert int4_matmul(np.array([[3]], np.float32), packed, 1.0).tolist() == [[-21.0]]


def test_int4_matmul_is_exact_at_the_deepest_sum():
    lhs, packed = np.full((1, 65_793), 255, np.uint8), np.full((1, 32_897), 0x88, np.uint8)
    assert int4_matmul(lhs, packed).tolist() == [[65_793 * 255 * -8]]
    with pytest.raises(ValueError, match="K must be at most 65793 .*, got 65794"):
        int4_matmul(np.zeros((1, 65_794), np.uint8), packed)


# floats


def test_int4_matmul_of_floats_by_hand():
    lhs = np.array([[0.5, 2, -0.25], [0, 0, 1]], np.float32)
    result = int4_matmul(lhs, PACKED, np.array([2, -0.5], np.float32))
    assert result.dtype == np.float32
    assert result.tolist() == [[2 * (0.5 - 2 - 1.75), -0.5 * (-4 - 14 + 1.5)], [14, 3]]
    assert int4_matmul(lhs, PACKED, 2).tolist() == [[-6.5, -33], [14, -12]]


def test_int4_matmul_rounds_a_python_scale_to_float32():
    lhs, packed = np.ones((1, 1), np.float32), np.array([[3]], np.uint8)
    assert int4_matmul(lhs, packed, 0.1)[0, 0] == np.float32(3) * np.float32(0.1)


def test_int4_matmul_of_floats_stays_within_its_bound():
    rng = np.random.default_rng(3)
    for k in (1, 16, 17, 300):
        lhs = (rng.standard_normal((3, k)) * 10 ** rng.uniform(-3, 3, (3, k))).astype(np.float32)
        packed, scale = random_packed(rng, 4, k), rng.uniform(0.01, 1, 4).astype(np.float32)
        result = int4_matmul(lhs, packed, scale)
        roundings = (-(-k // 16) + 4 + 1) * 2.0**-24  # the sum's, and one for the scale
        for i, j in np.ndindex(3, 4):
            # the products of a float32, an int4 and a float32 are exact in float64's 53 bits: 24 + 4 + 24
            products = [
                x * w * scale[j].item()
                for x, w in zip(lhs[i].tolist(), weights_of(packed, k)[j], strict=True)
            ]
            bound = roundings / (1 - roundings) * math.fsum(map(abs, products))
            assert abs(result[i, j].item() - math.fsum(products)) <= bound


def test_int4_matmul_of_huge_floats_overflows_to_infinity_in_silence():
    lhs = np.array([[3e38, 3e38], [3e38, -np.inf], [np.nan, 0]], np.float32)
    result = int4_matmul(lhs, np.array([[0x71]], np.uint8), 1.0)
    assert result[:2].tolist() == [[np.inf], [-np.inf]]
    assert np.isnan(result[2, 0])


# shapes and refusals


def test_int4_matmul_of_empty_operands_is_empty_or_zero():
    for lhs_dtype, scale, dtype in [(np.int8, None, np.int32), (np.float32, 1.0, np.float32)]:
        for m, k, n in [(0, 3, 2), (2, 0, 3), (3, 2, 0)]:
            result = int4_matmul(np.ones((m, k), lhs_dtype), np.zeros((n, (k + 1) // 2), np.uint8), scale)
            assert result.dtype == dtype
            assert result.tolist() == np.zeros((m, n)).tolist()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lhs": np.zeros((2, 3))}, "lhs must have dtype int8 or uint8 or float32, got float64"),
        ({"packed": np.zeros((4, 2), np.int8)}, "packed must have dtype uint8"),
        ({"packed": np.zeros((4, 3), np.uint8)}, "packed must have 2 bytes a row for K = 3"),
        ({"scale": 1.0}, "scale must be None where lhs is int8"),
        ({"lhs_zero_point": 128}, "lhs_zero_point must be between -128 and 127, got 128"),
        ({"lhs": np.zeros((2, 3), np.float32)}, "scale must be given where lhs is float32"),
        ({"lhs": np.zeros((2, 3), np.float32), "scale": 1e39}, "scale must be finite, got inf"),
        ({"lhs": np.zeros((2, 3), np.float32), "scale": np.ones(4)}, "scale must have dtype float32"),
        (
            {"lhs": np.zeros((2, 3), np.float32), "scale": np.ones(3, np.float32)},
            r"scale must .* shape \(4,\)",
        ),
        (
            {"lhs": np.zeros((2, 3), np.float32), "scale": 1.0, "lhs_zero_point": 1},
            "lhs_zero_point must be 0",
        ),
    ],
)
def test_int4_matmul_refuses(change, message):
    good = dict(lhs=np.zeros((2, 3), np.int8), packed=np.zeros((4, 2), np.uint8))
    with pytest.raises((TypeError, ValueError), match=message):
        int4_matmul(**{**good, **change})
