"""Arguments for `int4_matmul`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from tests.twins.arrays import int8, int8_values, layouts

SHAPES = [
    (0, 3, 2),
    (3, 0, 2),
    (3, 2, 0),
    (0, 0, 0),
    (1, 1, 1),
    (1, 5, 17),
    (2, 31, 3),
    (3, 32, 4),
    (4, 33, 5),
]
SHAPES += [
    (5, 63, 9),
    (6, 64, 8),
    (7, 65, 7),
    (8, 127, 6),
    (9, 128, 5),
    (33, 129, 3),
    (1, 255, 5),
    (2, 1025, 6),
]


def int4_matmul_cases():
    rng = np.random.default_rng(11)
    for (m, k, n), dtype in itertools.product(SHAPES, (np.int8, np.uint8)):
        limits = np.iinfo(dtype)
        lhs, zero_points = int8_values(rng, (m, k), dtype), int8_values(rng, m, dtype)
        packed = packed_values(rng, n, k)
        yield lhs, packed
        yield lhs, packed, None, zero_points
        yield lhs // 3 + 64 * (dtype is np.uint8), packed, None, 64 * (dtype is np.uint8)
        for zero_point in (limits.min, limits.max, (limits.min + limits.max + 1) // 2):
            yield lhs, packed, None, int(zero_point)
        for a, b in zip(layouts(lhs), layouts(packed), strict=True):
            yield a, b, None, zero_points[::-1]
    yield from small_shapes(rng)
    yield from extremes()
    yield from floats(rng)
    for m, k, n in [(16, 1023, 3201), (17, 641, 8192)]:  # work enough for several threads
        yield int8_values(rng, (m, k), np.int8), packed_values(rng, n, k)


def packed_values(rng, n, k):
    """Nibbles of every value; the spare one of an odd k is not zero."""
    return int8_values(rng, (n, (k + 1) // 2), np.uint8)


def float32_values(rng, shape):
    """Finite values of all sizes from 1e-3 to 1e3, so that the order of a sum shows in its last bits."""
    return (rng.standard_normal(shape) * 10 ** rng.uniform(-3, 3, shape)).astype(np.float32)


def small_shapes(rng):
    for _ in range(800):
        m, k, n = rng.integers((1, 1, 1), (24, 200, 12))
        dtype = (np.int8, np.uint8)[rng.integers(2)]
        yield int8_values(rng, (m, k), dtype), packed_values(rng, n, k), None, int8_values(rng, m, dtype)


def extremes():
    """Sums as large as they get: at depths around their moves from int16 to int32, and at the deepest."""
    bytes_of_one_weight = (0x88, 0x77, 0x00)
    for k, code in itertools.product((256, 257, 320, 512, 577), bytes_of_one_weight):
        packed = np.full((3, (k + 1) // 2), code, np.uint8)
        for value, dtype, zero_point in itertools.product(
            (0, 127, 128, 255), (np.int8, np.uint8), (0, 255, 128)
        ):
            lhs = np.full((5, k), value, np.uint8).view(dtype)
            yield lhs, packed, None, np.uint8(zero_point).view(dtype)
    for code in bytes_of_one_weight:
        yield np.full((2, 131_071), -128, np.int8), np.full((2, 65_536), code, np.uint8)
        yield np.full((9, 65_793), 255, np.uint8), np.full((3, 32_897), code, np.uint8)
        yield np.full((1, 65_793), 255, np.uint8), np.full((3, 32_897), code, np.uint8)
        yield np.full((1, 65_793), -128, np.int8), np.full((3, 32_897), code, np.uint8), None, 127


def floats(rng):
    shapes = [*SHAPES, (17, 511, 5), (16, 513, 4), (3, 1536, 6), (35, 40, 9)]
    shapes += rng.integers((1, 1, 1), (40, 100, 12), (200, 3)).tolist()
    for m, k, n in shapes:
        lhs, packed = float32_values(rng, (m, k)), packed_values(rng, n, k)
        scale = float32_values(rng, n)
        yield lhs, packed, scale
        yield lhs, packed, -0.1
        yield lhs, packed, np.array(0.3, np.float32)
        if m * k * n < 2000:
            for a, b in zip(layouts(lhs), layouts(packed), strict=True):
                yield a, b, scale[::-1]
    for value in (
        3e38,
        1e-45,
        -1e-39,
        -0.0,
        np.inf,
        -np.inf,
    ):  # overflow, numbers below the normal, infinities
        yield np.full((3, 33), value, np.float32), np.full((5, 17), 0x77, np.uint8), 0.7
        yield np.full((3, 33), value, np.float32), np.full((5, 17), 0x9A, np.uint8), -3e38


CASES = {"int4_matmul": int4_matmul_cases}

BYTE = np.ones((1, 1), np.uint8)
REAL = np.ones((1, 2), np.float32)

BAD_CALLS = {
    "int4_matmul": [
        ([[1]], BYTE),
        (int8(1, 2), None),
        (int8(1, 2), int8(1, 1)),
        (np.ones((1, 2)), BYTE, 1.0),
        (np.ones((1, 2), np.int16), BYTE),
        (int8(2), BYTE),
        (int8(1, 2), np.ones(1, np.uint8)),
        (int8(1, 2), np.ones((1, 2), np.uint8)),
        (int8(1, 3), BYTE),
        (int8(1, 2), BYTE, 1.0),
        (int8(1, 2), BYTE, np.ones(1, np.float32)),
        (int8(1, 2), BYTE, None, 128),
        (int8(1, 2), BYTE, None, [1, 2]),
        (int8(1, 2), BYTE, None, 0.5),
        (int8(1, 131_072), np.ones((1, 65_536), np.uint8)),
        (REAL, BYTE),
        (REAL, BYTE, [1.0]),
        (REAL, BYTE, np.ones(1)),
        (REAL, BYTE, np.ones(2, np.float32)),
        (REAL, BYTE, np.ones((1, 1), np.float32)),
        (REAL, BYTE, np.full(1, np.nan, np.float32)),
        (REAL, BYTE, np.inf),
        (REAL, BYTE, 1e39),
        (REAL, BYTE, 1.0, 3),
        (REAL, BYTE, 1.0, [0]),
    ],
}
