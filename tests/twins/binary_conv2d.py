"""Arguments for `binary_conv2d`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from qbref.kernels import Threshold
from tests.twins.arrays import acc, layouts, words, words_of
from tests.twins.xnor_matmul import threshold_of

GEOMETRIES = [
    (1, 1, 0, 1),
    (3, 1, 1, 1),
    (3, 2, 1, 1),
    (2, 3, 0, 1),
    (3, 1, 2, 2),
    (5, 2, 4, 1),
    ((1, 3), (2, 1), (0, 1), (1, 1)),
    ((2, 3), (1, 2), (3, 2), (2, 1)),
    ((3, 1), 1, (0, 2), (1, 3)),
]


def weights_of(rng, outputs, taps, channels):
    return words_of(rng, (outputs, taps, channels)).reshape(outputs, taps * -(-channels // 64))


def binary_conv2d_cases():
    rng = np.random.default_rng(8)
    sizes = [(0, 7, 6), (1, 7, 6), (2, 5, 9)]
    for size, channels, geometry in itertools.product(sizes, (1, 3, 16, 63, 64, 65, 130), GEOMETRIES):
        outputs = int(rng.choice([0, 1, 5, 63, 64, 65, 130]))
        taps = int(np.prod(np.broadcast_to(geometry[0], 2)))
        x, weights = words_of(rng, (*size, channels)), weights_of(rng, outputs, taps, channels)
        for padding_value in (1, 0, -1):
            yield x, weights, channels, *geometry, padding_value
            yield (
                *(x, weights, channels, *geometry, padding_value),
                threshold_of(rng, outputs, taps * channels),
            )
    for channels in (5, 64):
        x, weights = words_of(rng, (2, 6, 7, channels)), weights_of(rng, 9, 6, channels)
        for first, second in zip(layouts(x), layouts(weights), strict=True):
            yield first, second, channels, (2, 3), 1, 1
    for _ in range(400):
        channels, outputs, kernel = (int(rng.integers(1, top)) for top in (140, 70, 5))
        size = rng.integers(kernel, 9, 2)
        x = words_of(rng, (int(rng.integers(0, 3)), *size, channels))
        geometry = (kernel, int(rng.integers(1, 4)), int(rng.integers(0, 4)), 1)
        yield (
            *(
                x,
                weights_of(rng, outputs, kernel**2, channels),
                channels,
                *geometry,
                int(rng.integers(-1, 2)),
            ),
            None if rng.random() < 0.5 else threshold_of(rng, outputs, kernel**2 * channels),
        )
    # nothing but border; images without a row; patches of several sections, in blocks of few rows
    yield words_of(rng, (1, 1, 1, 70)), weights_of(rng, 3, 9, 70), 70, 3, 4, 4, 1, 0
    yield words_of(rng, (2, 0, 3, 70)), weights_of(rng, 3, 4, 70), 70, 2, 1, 1, 1, 0
    yield words_of(rng, (2, 0, 3, 70)), weights_of(rng, 3, 4, 70), 70, 2, 1, 1, 1, -1
    yield words_of(rng, (1, 12, 11, 600)), weights_of(rng, 70, 25, 600), 600, 5, 1, 2, 1, 0
    # long enough for two threads
    yield (
        words_of(rng, (2, 40, 40, 64)),
        weights_of(rng, 100, 9, 64),
        64,
        3,
        1,
        1,
        1,
        0,
        threshold_of(rng, 100, 576),
    )


CASES = {"binary_conv2d": binary_conv2d_cases}

X, WEIGHTS = words(1, 3, 3, 1), words(2, 9)

BAD_CALLS = {
    "binary_conv2d": [
        ([[[[1]]]], words(1, 1), 1, 1),
        (X.view(np.int64), WEIGHTS, 1, 3),
        (X[0], WEIGHTS, 1, 3),
        (X, WEIGHTS.tolist(), 1, 3),
        (X, WEIGHTS.view(np.int64), 1, 3),
        (X, WEIGHTS[0], 1, 3),
        (X, WEIGHTS[:, :8], 1, 3),
        (X, WEIGHTS, 0, 3),
        (X, WEIGHTS, 1.0, 3),
        (X, WEIGHTS, 65, 3),
        (X << np.uint64(5), WEIGHTS, 5, 3),
        (X, WEIGHTS << np.uint64(5), 5, 3),
        (X, WEIGHTS, 1, 4),
        (X, WEIGHTS, 1, 0),
        (X, WEIGHTS, 1, (3, 3, 3)),
        (X, WEIGHTS, 1, 3, 0),
        (X, WEIGHTS, 1, 3, 1, -1),
        (X, WEIGHTS, 1, 3, 1, 0, 0),
        (X, WEIGHTS, 1, 3, 1, 0, 1, 2),
        (X, WEIGHTS, 1, 3, 1, 0, 1, -2),
        (X, WEIGHTS, 1, 3, 1, 0, 1, 0.0),
        (X, WEIGHTS, 1, 3, 1, 0, 1, 1, acc(2)),
        (X, WEIGHTS, 1, 3, 1, 0, 1, 1, Threshold(acc(1), np.zeros(1, np.bool_))),
        (words(1, 1, 1, 8), words(1, 8), 512, 2**13, 1, 2**13),
    ],
}
