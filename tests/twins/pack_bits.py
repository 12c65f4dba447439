"""Arguments for `pack_bits` and `unpack_bits`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

import qbref.kernels
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
            for axis in range(-x.ndim, x.ndim):
                yield layout, axis
    for k, dtype in itertools.product(range(200), (np.float32, np.float64, np.int8, np.bool_)):
        yield rng.integers(-1, 2, (3, k)).astype(dtype), np.int64(1)
        yield rng.integers(-1, 2, (k, 2)).astype(dtype), 0
    yield (np.array([-128, -1, 0, 1, 127] * 30, np.int8),)
    yield (rng.standard_normal((3000, 3000), np.float32),)  # long enough for two threads


def unpack_bits_cases():
    rng = np.random.default_rng(4)
    for shape in [(0,), (1,), (63,), (64,), (65,), (3, 130), (2, 0), (0, 65), (2, 3, 192)]:
        for layout in layouts(words_of(rng, shape)):
            yield layout, shape[-1]
            yield layout, np.int64(shape[-1])
        for axis in range(-len(shape), len(shape)):
            packed = qbref.kernels.pack_bits(rng.random(shape) < 0.5, axis)
            for layout in layouts(packed):
                yield layout, shape[axis], axis
    for k in range(200):
        yield words_of(rng, (3, k)), k
    yield words_of(rng, (5000, 3000)), 3000


CASES = {"pack_bits": pack_bits_cases, "unpack_bits": unpack_bits_cases}

BAD_CALLS = {
    "pack_bits": [
        ([1.0],),
        (np.float32(1),),
        (np.array(1.0),),
        (np.ones(3, np.int32),),
        (np.ones(3, np.float16),),
        (np.ones(3, ">f4"),),
        (np.ones(3, np.float32), 1),
        (np.ones((3, 2), np.float32), -3),
        (np.ones(3, np.float32), 0.0),
        (np.ones(3, np.float32), None),
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
        (words(1, 2), 64),
        (words(1, 2), 65, 0),
        (words(1, 2), 64, 2),
        (np.array([[4], [1]], np.uint64), 66, 1),
        (np.array([[4], [4]], np.uint64), 66, 0),
    ],
}
