"""Arguments for `xnor_matmul`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

import qbref.kernels
from tests.twins.arrays import layouts, words, words_of


def xnor_matmul_cases():
    rng = np.random.default_rng(5)
    for k, m, n in itertools.product((0, 1, 63, 64, 65, 128, 200, 1000), (0, 1, 3, 8), (0, 1, 4, 7)):
        a, b = words_of(rng, (m, k)), words_of(rng, (n, k))
        yield a, b, k
        for first, second in zip(layouts(a), layouts(b), strict=True):
            yield first, second, k
    yield words_of(rng, (3, 2560)), words_of(rng, (101, 2560)), 2560  # more rows than a block holds
    ones = qbref.kernels.pack_bits(np.ones((2, 130), np.bool_))
    yield ones, np.zeros((5, 3), np.uint64), 130


CASES = {"xnor_matmul": xnor_matmul_cases}

BAD_CALLS = {
    "xnor_matmul": [
        ([[1]], words(1, 1), 64),
        (words(1, 1), np.ones((1, 1), np.int64), 64),
        (words(1), words(1, 1), 64),
        (words(1, 1), words(1, 2), 64),
        (words(1, 1), words(1, 1), 65),
        (words(1, 1), words(1, 1), -1),
        (words(1, 1), words(1, 1), 3.0),
        (words(2, 1) << np.uint64(3), words(1, 1), 3),
        (words(1, 1), words(2, 1) << np.uint64(63), 63),
    ],
}
