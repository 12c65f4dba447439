"""Arguments for `lut_matmul`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from tests.twins.arrays import int8, int8_values, layouts


def lut_matmul_cases():
    rng = np.random.default_rng(7)
    shapes = [(0, 3, 2), (3, 0, 2), (3, 2, 0), (1, 1, 1), (1, 5, 17), (7, 27, 16), (13, 64, 33), (4, 9, 3)]
    for (m, k, n), dtype in itertools.product(shapes, (np.int8, np.uint8)):
        lhs, table = int8_values(rng, (m, k), dtype), int8_values(rng, 16, np.int8)
        codes = int8_values(rng, (n, (k + 1) // 2), np.uint8)  # the spare nibble of an odd k is not zero
        yield lhs, codes, table
        yield lhs, codes, table, int8_values(rng, m, dtype)
        for a, b in zip(layouts(lhs), layouts(codes), strict=True):
            yield a, b, table[::-1], int(np.iinfo(dtype).max)
    yield np.full((2, 65_793), 255, np.uint8), np.zeros((3, 32_897), np.uint8), np.full(16, -128, np.int8)


CASES = {"lut_matmul": lut_matmul_cases}

BAD_CALLS = {
    "lut_matmul": [
        ([[1]], np.ones((1, 1), np.uint8), int8(16)),
        (int8(1, 2), int8(1, 1), int8(16)),
        (int8(1, 2), np.ones((1, 1), np.uint8), np.ones(16, np.uint8)),
        (int8(1, 2), np.ones((1, 1), np.uint8), int8(15)),
        (int8(1, 2), np.ones((1, 1), np.uint8), int8(4, 4)),
        (int8(1, 2), np.ones((1, 2), np.uint8), int8(16)),
        (int8(1, 2), np.ones(1, np.uint8), int8(16)),
        (int8(1, 2), np.ones((1, 1), np.uint8), int8(16), 128),
        (int8(1, 131_072), np.ones((1, 65_536), np.uint8), int8(16)),
    ],
}
