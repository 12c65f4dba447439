"""Arguments for `int8_conv2d`: valid ones, and ones that must be refused."""

import numpy as np

from qbref.kernels import Requantization
from tests.twins.arrays import INT32_MAX, MODES, Packed, acc, int8, int8_values, layouts


def int8_conv2d_cases():
    rng = np.random.default_rng(11)
    for i in range(400):
        groups, depth, per_group = rng.choice(
            [(1, 1, 3), (1, 3, 5), (1, 16, 17), (2, 3, 4), (3, 1, 2), (5, 1, 1), (33, 1, 1)]
        )
        n, h, w = rng.integers([0, 1, 1], [4, 9, 9])
        kernel = rng.integers(1, 4, 2)
        stride, padding, dilation = rng.integers(1, 3, 2), rng.integers(0, 3, 2), rng.integers(1, 3, 2)
        if (dilation * (kernel - 1) + 1 > (h, w) + 2 * padding).any():
            continue
        x_dtype, w_dtype = rng.choice([np.int8, np.uint8], 2)
        x = list(layouts(int8_values(rng, (n, h, w, groups * depth), x_dtype)))[i % 5]
        weight = int8_values(rng, (groups * per_group, *kernel, depth), w_dtype)
        outputs = len(weight)
        zero_points = int8_values(rng, outputs, w_dtype) if i % 3 else int(int8_values(rng, (), w_dtype))
        bias = rng.integers(-(2**20), 2**20, outputs, dtype=np.int32) if i % 2 else None
        mode = MODES[i % 5]
        each = rng.integers(2**30, 2**31, outputs), rng.integers(-12, -6, outputs)
        finish = (
            None,
            Requantization(2**30 + 99, -9, 3, -128, 127, mode),
            Requantization(
                rng.integers(2**30, 2**31, outputs), rng.integers(-12, -6, outputs), 9, 0, 255, mode
            ),
            Requantization(each[0], -3, -9, -(2**15), 2**15 - 1, mode),
        )[i % 4]
        geometry = [tuple(map(int, pair)) for pair in (stride, padding, dilation)]
        yield x, weight, *geometry, int(groups), int(int8_values(rng, (), x_dtype)), zero_points, bias, finish
    x = int8_values(rng, (1, 5, 5, 2), np.int8)
    yield x, Packed("pack_filters", int8_values(rng, (3, 3, 3, 2), np.int8)), 1, 1
    yield np.zeros((1, 0, 3, 1), np.int8), int8(2, 2, 2, 1), 1, 1, 1, 1, 5  # padding alone
    yield (
        int8_values(rng, (1, 40, 40, 300), np.uint8),
        int8_values(rng, (300, 3, 3, 1), np.int8),
        1,
        1,
        1,
        300,
        7,
    )
    yield int8_values(rng, (2, 30, 30, 40), np.int8), int8_values(rng, (20, 3, 3, 40), np.int8), 1, 1, 1, 1, 7


CASES = {"int8_conv2d": int8_conv2d_cases}

X = int8(1, 5, 5, 4)
BAD_CALLS = {
    "int8_conv2d": [
        ([[[[1]]]], int8(2, 3, 3, 4)),
        (int8(5, 5, 4), int8(2, 3, 3, 4)),
        (X.astype(np.int16), int8(2, 3, 3, 4)),
        (X, int8(2, 3, 3)),
        (X, int8(2, 3, 3, 3)),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 2),
        (X, int8(3, 3, 3, 2), 1, 0, 1, 2),
        (X, Packed("pack_filters", int8(2, 3, 3, 2)), 1, 0, 1, 2),
        (X, int8(2, 6, 3, 4)),
        (X, int8(2, 3, 3, 4), 0),
        (X, int8(2, 3, 3, 4), 1, -1),
        (X, int8(2, 3, 3, 4), 1, 0, 0),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 0),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 1, 128),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 1, [1, 2, 3, 4]),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 1, 0, 128),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 1, 0, [1]),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 1, 0, 0, acc(3)),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 1, 0, 0, np.array([0, INT32_MAX], np.int32)),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 1, 0, 0, None, (1, 2)),
        (X, int8(2, 3, 3, 4), 1, 0, 1, 1, 0, 0, None, Requantization([1, 2, 3], 0, 0, -128, 127)),
        (int8(1, 1, 1, 131_072), int8(1, 1, 1, 131_072)),
    ],
}
