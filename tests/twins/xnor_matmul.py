"""Arguments for `xnor_matmul`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

import qbref.kernels
from qbref.kernels import Threshold
from tests.twins.arrays import INT32_MAX, INT32_MIN, acc, layouts, words, words_of


def threshold_of(rng, n, k):
    """One threshold for each column, around the sums that occur and at both ends of int32."""
    extremes = [INT32_MIN, INT32_MAX, -k - 1, -k, k, k + 1, 0, 1]
    values = np.where(rng.random(n) < 0.3, rng.choice(extremes, n), rng.integers(-k - 1, k + 2, n) // 4)
    return Threshold(np.clip(values, INT32_MIN, INT32_MAX).astype(np.int32), rng.random(n) < 0.5)


def xnor_matmul_cases():
    rng = np.random.default_rng(5)
    for k, m, n in itertools.product((0, 1, 63, 64, 65, 128, 200, 1000), (0, 1, 3, 8), (0, 1, 4, 7)):
        a, b = words_of(rng, (m, k)), words_of(rng, (n, k))
        yield a, b, k, threshold_of(rng, n, k)
        for first, second in zip(layouts(a), layouts(b), strict=True):
            yield first, second, k
    for m, n in itertools.product((1, 6, 7, 8, 63, 64, 65, 130), (63, 64, 65, 128, 129)):  # blocks of 64 x 64
        k = int(rng.integers(1, 300))
        a, b = words_of(rng, (m, k)), words_of(rng, (n, k))
        yield a, b, k
        yield a, b, k, threshold_of(rng, n, k)
    for k in (
        255,
        256,
        1008,
        1023,
        1024,
        1025,
        1040,
        2048,
        2100,
        8129,
    ):  # sections of 1024 bits, byte sums of 252
        for m in (2, 9):
            a, b = words_of(rng, (m, k)), words_of(rng, (70, k))
            yield a, b, k
            yield a, b, k, threshold_of(rng, 70, k)
    for k in (64, 252, 253, 1024, 7937, 20_000, 300_000):  # the largest sums and the smallest
        ones = qbref.kernels.pack_bits(np.ones((7, k), np.bool_))
        yield ones, ones, k
        yield ones, np.zeros_like(ones), k
        yield ones[:2], np.zeros_like(ones), k
    for _ in range(1500):
        m, n, k = rng.integers(0, 12), rng.integers(0, 9), int(rng.integers(0, 200))
        a, b = words_of(rng, (m, k)), words_of(rng, (n, k))
        yield a, b, k, None if rng.random() < 0.5 else threshold_of(rng, n, k)
    yield words_of(rng, (400, 1000)), words_of(rng, (500, 1000)), 1000  # long enough for two threads


CASES = {"xnor_matmul": xnor_matmul_cases}

FLIP = np.zeros(1, np.bool_)

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
        (words(1, 1), words(1, 1), 64, 0),
        (words(1, 1), words(1, 1), 64, acc(1)),
        (words(1, 1), words(1, 1), 64, (acc(1),)),
        (words(1, 1), words(1, 1), 64, Threshold(0, FLIP)),
        (words(1, 1), words(1, 1), 64, Threshold(np.ones(1), FLIP)),
        (words(1, 1), words(1, 1), 64, Threshold(acc(1), acc(1))),
        (words(1, 1), words(1, 1), 64, Threshold(acc(2), FLIP)),
        (words(1, 1), words(1, 1), 64, Threshold(acc(1), np.zeros((1, 1), np.bool_))),
    ],
}
