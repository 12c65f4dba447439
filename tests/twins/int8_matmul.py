"""Arguments for `int8_matmul`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from qbref.kernels import Requantization
from tests.twins.arrays import INT32_MAX, INT32_MIN, MODES, Packed, acc, int8, int8_values, layouts


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
    yield from random_products(rng, 1500)
    yield from batches(rng)


def random_products(rng, count):
    """Small shapes around the edges of tiles and panels, with everything that a product can be asked for."""
    for i in range(count):
        m, k, n = rng.integers(0, [40, 150, 70])
        lhs_dtype, rhs_dtype = rng.choice([np.int8, np.uint8], 2)
        lhs, rhs = int8_values(rng, (m, k), lhs_dtype), int8_values(rng, (k, n), rhs_dtype)
        if i % 7 == 0:
            lhs[...], rhs[...] = np.iinfo(lhs_dtype).min, np.iinfo(rhs_dtype).min
        lhs, rhs = list(layouts(lhs))[i % 5], list(layouts(rhs))[i // 5 % 5]
        bias = rng.integers(-(2**20), 2**20, n, dtype=np.int32) if i % 2 else None
        yield (
            lhs,
            Packed("pack_rhs", rhs) if i % 3 else rhs,
            int8_values(rng, m, lhs_dtype) if i % 5 == 0 else int(int8_values(rng, (), lhs_dtype)),
            int8_values(rng, n, rhs_dtype) if i % 5 == 1 else int(int8_values(rng, (), rhs_dtype)) * (i % 2),
            bias,
            requantizations(rng, n)[i % 11],
        )


def requantizations(rng, n):
    """Every mode, to bytes and wider, by one constant and by one per column; and none."""
    found = [None]
    for mode in MODES:
        multiplier, shift = rng.integers(2**30, 2**31, n), rng.integers(-16, -6, n).astype(np.int32)
        found.append(Requantization(multiplier, shift, 3, -128, 127, mode))
        low, high = ((0, 255), (-(2**15), 2**15 - 1), (0, 2**16 - 1), (INT32_MIN, INT32_MAX))[n % 4]
        found.append(Requantization(2**30 + 12345, -9, 1, low, high, mode))
    return found


def batches(rng):
    for left, right in [
        ((3,), ()),
        ((2, 3), ()),
        ((3,), (3,)),
        ((2, 1), (3,)),
        ((), (2,)),
        ((0,), (0,)),
        ((0, 2), ()),
    ]:
        lhs, rhs = int8_values(rng, (*left, 5, 7), np.int8), int8_values(rng, (*right, 7, 4), np.uint8)
        yield lhs, rhs
        yield lhs, rhs, int8_values(rng, (*left, 5), np.int8), 7
        yield lhs, rhs, 5, int8_values(rng, (*right, 4), np.uint8), acc(4)
        yield lhs, rhs, -3, 200, acc(4), Requantization(2**30, -7, 0, -128, 127)
    yield int8_values(rng, (2, 3, 5, 7), np.int8), Packed("pack_rhs", int8_values(rng, (7, 4), np.int8))


CASES = {"int8_matmul": int8_matmul_cases}

BAD_CALLS = {
    "int8_matmul": [
        ([[1]], int8(1, 1)),
        (int8(1, 1), None),
        (int8(1, 1), np.ones((1, 1), np.int16)),
        (np.ones((1, 1), np.float32), int8(1, 1)),
        (int8(1), int8(1, 1)),
        (int8(1, 2), int8(1, 1, 1)),
        (int8(1), int8(1, 1, 1)),
        (int8(2, 1, 1), int8(3, 1, 1)),
        (int8(2, 1, 1), np.ones((2, 1, 1), np.int16)),
        (np.ones((2, 1, 1)), int8(1, 1)),
        (int8(2, 3, 1), int8(1, 1), [0, 0, 0]),
        (int8(2, 3, 1), int8(2, 1, 1), np.zeros((3, 2), np.int8)),
        (int8(2, 3, 1), int8(2, 1, 1), 0, [0, 0]),
        (int8(2, 3), Packed("pack_rhs", int8(2, 3))),
        (int8(2, 3), Packed("pack_rhs", int8(3, 2)), 0, 128),
        (int8(2, 3), int8(3, 2), 0, 0, [1, 2]),
        (int8(2, 3), int8(3, 2), 0, 0, np.ones(2, np.int64)),
        (int8(2, 3), int8(3, 2), 0, 0, acc(3)),
        (int8(2, 3), int8(3, 2), 0, 0, np.array([0, INT32_MAX], np.int32)),
        (int8(2, 3), int8(3, 2), 0, 0, np.array([0, INT32_MIN], np.int32)),
        (int8(2, 3), int8(3, 2), 0, 0, None, 2**30),
        (int8(2, 3), int8(3, 2), 0, 0, None, (2**30, 0, 0)),
        (int8(2, 3), int8(3, 2), 0, 0, None, Requantization(2**31, 0, 0, -128, 127)),
        (int8(2, 3), int8(3, 2), 0, 0, None, Requantization([1, 2, 3], 0, 0, -128, 127)),
        (int8(2, 3), int8(3, 2), 0, 0, None, Requantization(1, 31, 0, -128, 127)),
        (int8(2, 3), int8(3, 2), 0, 0, None, Requantization(1, 0, 0, 5, 4)),
        (int8(2, 3), int8(3, 2), 0, 0, None, Requantization(1, 0, 0, -128, 127, "half_even")),
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
