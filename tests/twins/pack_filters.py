"""Arguments for `pack_filters`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from tests.twins.arrays import int8, int8_values, layouts


def pack_filters_cases():
    rng = np.random.default_rng(10)
    shapes = [((1, 1, 1, 1), 1), ((6, 3, 2, 5), 1), ((6, 3, 2, 5), 3), ((6, 3, 3, 1), 6), ((6, 1, 1, 2), 6)]
    for (shape, groups), dtype in itertools.product(shapes, (np.int8, np.uint8)):
        for layout in layouts(int8_values(rng, shape, dtype)):
            yield layout, groups


CASES = {"pack_filters": pack_filters_cases}

BAD_CALLS = {
    "pack_filters": [
        ([[[[1]]]],),
        (int8(3, 3, 3),),
        (np.ones((1, 1, 1, 1), np.int16),),
        (int8(0, 3, 3, 1),),
        (int8(4, 3, 3, 1), 3),
        (int8(4, 3, 3, 1), 0),
        (int8(4, 3, 3, 1), 2.0),
    ],
}
