"""Arguments for `lut_matmul`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from tests.twins.arrays import int8, int8_values, layouts
from tests.twins.int4_matmul import SHAPES, float32_values, packed_values


def lut_matmul_cases():
    rng = np.random.default_rng(7)
    for (m, k, n), dtype in itertools.product(SHAPES, (np.int8, np.uint8)):
        lhs, codes = int8_values(rng, (m, k), dtype), packed_values(rng, n, k)
        table, tables = int8_values(rng, 16, np.int8), int8_values(rng, (n, 16), np.int8)
        yield lhs, codes, table
        yield lhs, codes, table, int8_values(rng, m, dtype)
        yield lhs, codes, tables, int8_values(rng, m, dtype)
        for a, b, c in zip(layouts(lhs), layouts(codes), layouts(tables), strict=True):
            yield a, b, table[::-1], int(np.iinfo(dtype).max)
            yield a, b, c, int(np.iinfo(dtype).min)
    for _ in range(800):
        m, k, n = rng.integers((1, 1, 1), (24, 200, 12))
        yield int8_values(rng, (m, k), np.int8), packed_values(rng, n, k), int8_values(rng, 16, np.int8)
    yield from deepest()
    yield from floats(rng)
    for m, k, n in [(16, 513, 4097), (17, 641, 8192)]:  # work enough for several threads
        yield int8_values(rng, (m, k), np.int8), packed_values(rng, n, k), int8_values(rng, (n, 16), np.int8)
    yield float32_values(rng, (3, 1023)), packed_values(rng, 5001, 1023), float32_values(rng, (5001, 16))


def deepest():
    for weight, rows in itertools.product((-128, 127), (1, 2, 9)):
        table = np.full(16, weight, np.int8)
        for value in (-128, 127):
            yield np.full((rows, 131_071), value, np.int8), np.zeros((3, 65_536), np.uint8), table
        yield np.full((rows, 65_793), 255, np.uint8), np.zeros((3, 32_897), np.uint8), table
        yield np.full((rows, 65_793), 0, np.uint8), np.zeros((3, 32_897), np.uint8), table, 255


def floats(rng):
    shapes = [*SHAPES, (17, 511, 5), (16, 513, 4), (3, 1536, 6), (35, 40, 9)]
    shapes += rng.integers((1, 1, 1), (40, 100, 12), (200, 3)).tolist()
    for m, k, n in shapes:
        lhs, codes = float32_values(rng, (m, k)), packed_values(rng, n, k)
        table, tables = float32_values(rng, 16), float32_values(rng, (n, 16))
        yield lhs, codes, table
        yield lhs, codes, tables
        for mask in (0xFFFF0000, 0xFFFFFF00, 0xFFFF00FF):  # bytes of zeros: bfloat16, and almost
            yield lhs, codes, (table.view(np.uint32) & mask).view(np.float32)
        if m * k * n < 2000:
            yield from zip(layouts(lhs), layouts(codes), layouts(tables), strict=True)
    for value in (3e38, 1e-45, -0.0, np.inf, -np.inf):
        yield np.full((3, 33), value, np.float32), np.full((5, 17), 0x77, np.uint8), table


CASES = {"lut_matmul": lut_matmul_cases}

BYTE = np.ones((1, 1), np.uint8)
REAL = np.ones((1, 2), np.float32)

BAD_CALLS = {
    "lut_matmul": [
        ([[1]], BYTE, int8(16)),
        (int8(1, 2), int8(1, 1), int8(16)),
        (int8(1, 2), BYTE, np.ones(16, np.uint8)),
        (int8(1, 2), BYTE, int8(15)),
        (int8(1, 2), BYTE, int8(4, 4)),
        (int8(1, 2), BYTE, int8(2, 16)),
        (int8(1, 2), BYTE, np.ones(16, np.float32)),
        (int8(1, 2), np.ones((1, 2), np.uint8), int8(16)),
        (int8(1, 2), np.ones(1, np.uint8), int8(16)),
        (int8(1, 2), BYTE, int8(16), 128),
        (int8(1, 131_072), np.ones((1, 65_536), np.uint8), int8(16)),
        (REAL, BYTE, int8(16)),
        (REAL, BYTE, np.ones(16)),
        (REAL, BYTE, np.ones((2, 16), np.float32)),
        (REAL, BYTE, np.full(16, np.nan, np.float32)),
        (REAL, BYTE, np.full(16, -np.inf, np.float32)),
        (REAL, BYTE, np.ones(16, np.float32), 1),
        (REAL, BYTE, np.ones(16, np.float32), np.zeros(1, np.int32)),
    ],
}
