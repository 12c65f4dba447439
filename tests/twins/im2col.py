"""Arguments for `im2col`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from tests.twins.arrays import int8, layouts


def im2col_cases():
    rng = np.random.default_rng(6)
    geometries = [(1, 1, 0, 1), (3, 1, 1, 1), (3, 2, 1, 1), (2, 3, 0, 1), (3, 1, 2, 2), (5, 2, 4, 1)]
    geometries += [
        ((1, 3), (2, 1), (0, 1), (1, 1)),
        ((2, 3), (1, 2), (3, 2), (2, 1)),
        ((3, 1), 1, (0, 2), (1, 3)),
    ]
    for shape, geometry in itertools.product(
        [(0, 7, 6, 2), (1, 7, 6, 1), (2, 7, 6, 3), (2, 5, 9, 16), (1, 6, 6, 0)], geometries
    ):
        for dtype, pad_value in ((np.int8, -128), (np.uint8, 255), (np.uint64, 2**64 - 1), (np.uint64, 0)):
            x = rng.integers(0, 100, shape).astype(dtype)
            for layout in layouts(x):
                yield layout, *geometry, pad_value
    yield np.arange(1, 4, dtype=np.int8).reshape(1, 1, 3, 1), (1, 3), 1, (0, 5)  # columns of padding alone
    yield np.arange(1, 4, dtype=np.int8).reshape(1, 3, 1, 1), 3, 2, 4, 1, 9


CASES = {"im2col": im2col_cases}

BAD_CALLS = {
    "im2col": [
        ([[[[1]]]], 1),
        (int8(1, 3, 3), 1),
        (np.ones((1, 3, 3, 1), np.int16), 1),
        (np.ones((1, 3, 3, 1), np.float32), 1),
        (int8(1, 3, 3, 1), 4),
        (int8(1, 3, 3, 1), (1, 2), 1, 0, (1, 3)),
        (int8(1, 3, 3, 1), 0),
        (int8(1, 3, 3, 1), 1.0),
        (int8(1, 3, 3, 1), (1, 1, 1)),
        (int8(1, 3, 3, 1), 1, 0),
        (int8(1, 3, 3, 1), 1, 1, -1),
        (int8(1, 3, 3, 1), 1, 1, 0, 0),
        (int8(1, 3, 3, 1), 1, 1, 0, 1, 128),
        (int8(1, 3, 3, 1).view(np.uint8), 1, 1, 0, 1, -1),
        (int8(1, 3, 3, 1), 1, 1, 0, 1, 0.0),
    ],
}
