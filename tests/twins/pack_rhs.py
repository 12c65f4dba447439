"""Arguments for `pack_rhs`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from tests.twins.arrays import int8, int8_values, layouts


def pack_rhs_cases():
    rng = np.random.default_rng(8)
    sizes = (0, 1, 2, 3, 5, 16, 17, 64, 65)
    for k, n, dtype in itertools.product(sizes, sizes, (np.int8, np.uint8)):
        for layout in layouts(int8_values(rng, (k, n), dtype)):
            yield (layout,)


CASES = {"pack_rhs": pack_rhs_cases}

BAD_CALLS = {
    "pack_rhs": [
        ([[1]],),
        (int8(3),),
        (int8(2, 2, 2),),
        (np.ones((2, 2), np.int16),),
        (np.ones((2, 2), np.float32),),
    ],
}
