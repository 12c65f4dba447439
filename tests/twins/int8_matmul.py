"""Arguments for `int8_matmul`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from tests.twins.arrays import int8, int8_values, layouts


def int8_matmul_cases():
    rng = np.random.default_rng(1)
    shapes = [
        (0, 3, 2),
        (3, 0, 2),
        (3, 2, 0),
        (0, 0, 0),
        (1, 1, 1),
        (1, 5, 17),
        (2, 7, 3),
        (3, 8, 32),
        (4, 9, 16),
    ]
    shapes += [(5, 16, 16), (5, 64, 33), (6, 6, 16), (7, 27, 16), (13, 63, 15), (50, 65, 31), (25, 2, 1)]
    dtypes = (np.int8, np.uint8)
    for (m, k, n), lhs_dtype, rhs_dtype in itertools.product(shapes, dtypes, dtypes):
        lhs, rhs = int8_values(rng, (m, k), lhs_dtype), int8_values(rng, (k, n), rhs_dtype)
        rows, columns = int8_values(rng, m, lhs_dtype), int8_values(rng, n, rhs_dtype)
        yield lhs, rhs
        yield lhs, rhs, int(np.iinfo(lhs_dtype).max), int(np.iinfo(rhs_dtype).min)
        yield lhs, rhs, rows, columns
        yield lhs, rhs, rows.astype(np.int32), np.array(3, np.int32)
        for a, b in zip(layouts(lhs), layouts(rhs), strict=True):
            yield a, b, 5, columns
            yield lhs, b, 0, 7
    for lhs, rhs in itertools.product((-128, 127), repeat=2):  # the deepest sums that are allowed
        yield np.full((1, 131_071), lhs, np.int8), np.full((131_071, 1), rhs, np.int8)
        yield np.full((5, 131_071), lhs, np.int8), np.full((131_071, 2), rhs, np.int8)
        yield np.full((5, 65_793), 255, np.uint8), np.full((65_793, 17), rhs, np.int8)
        yield np.full((5, 33_025), 255, np.uint8), np.full((33_025, 16), 255, np.uint8)


CASES = {"int8_matmul": int8_matmul_cases}

BAD_CALLS = {
    "int8_matmul": [
        ([[1]], int8(1, 1)),
        (int8(1, 1), None),
        (int8(1, 1), np.ones((1, 1), np.int16)),
        (np.ones((1, 1), np.float32), int8(1, 1)),
        (int8(1), int8(1, 1)),
        (int8(1, 1), int8(1, 1, 1)),
        (int8(2, 3), int8(4, 5)),
        (int8(2, 3), int8(3, 5), 128),
        (int8(2, 3), int8(3, 5).view(np.uint8), 0, -1),
        (int8(2, 3), int8(3, 5), 0.0),
        (int8(2, 3), int8(3, 5), "0"),
        (int8(2, 3), int8(3, 5), [1.0, 2.0]),
        (int8(2, 3), int8(3, 5), [1, 2, 3]),
        (int8(2, 3), int8(3, 5), [1, 128]),
        (int8(2, 3), int8(3, 5), 0, [1, 2]),
        (int8(1, 131_072), int8(131_072, 1)),
        (int8(1, 65_794).view(np.uint8), int8(65_794, 1)),
        (int8(2, 65_794), int8(65_794, 1), [0, 127]),
    ],
}
