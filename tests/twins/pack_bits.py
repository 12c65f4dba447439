"""Arguments for `pack_bits` and `unpack_bits`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from tests.twins.arrays import layouts, words, words_of


def pack_bits_cases():
    rng = np.random.default_rng(3)
    special = [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1e-45, -1e-45]
    for dtype in (np.float32, np.float64):
        yield (np.array(special, np.float64).astype(dtype),)
        yield (np.array(special * 13, np.float64).astype(dtype),)
    shapes = [(0,), (1,), (7,), (63,), (64,), (65,), (3, 130), (2, 0), (0, 65), (2, 3, 192)]
    for shape, dtype in itertools.product(shapes, (np.float32, np.float64, np.int8, np.bool_)):
        x = rng.integers(-2, 2, shape).astype(dtype)
        for layout in layouts(x):
            yield (layout,)
    yield (np.array([-128, -1, 0, 1, 127] * 30, np.int8),)


def unpack_bits_cases():
    rng = np.random.default_rng(4)
    for shape in [(0,), (1,), (63,), (64,), (65,), (3, 130), (2, 0), (0, 65), (2, 3, 192)]:
        for layout in layouts(words_of(rng, shape)):
            yield layout, shape[-1]
            yield layout, np.int64(shape[-1])


CASES = {"pack_bits": pack_bits_cases, "unpack_bits": unpack_bits_cases}

BAD_CALLS = {
    "pack_bits": [
        ([1.0],),
        (np.float32(1),),
        (np.array(1.0),),
        (np.ones(3, np.int32),),
        (np.ones(3, np.float16),),
        (np.ones(3, ">f4"),),
    ],
    "unpack_bits": [
        ([1], 1),
        (np.ones(1, np.int64), 1),
        (words(1), 65),
        (words(2), 64),
        (words(1), 0),
        (words(1), -1),
        (words(1), 1.0),
        (np.array(1, np.uint64), 1),
        (np.array([4], np.uint64), 2),
    ],
}
