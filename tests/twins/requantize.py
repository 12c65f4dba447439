"""Arguments for `requantize`: valid ones, and ones that must be refused."""

import itertools

import numpy as np

from tests.twins.arrays import INT32_MAX, INT32_MIN, MODES, acc, int8, layouts


def requantize_cases():
    rng = np.random.default_rng(2)
    ranges = [
        (-128, 127),
        (-7, 7),
        (0, 255),
        (3, 200),
        (-(2**15), 2**15 - 1),
        (0, 2**16 - 1),
        (INT32_MIN, INT32_MAX),
    ]
    multipliers = [0, 1, 2**30, 3 * 2**29, 2**31 - 1, 1_527_099_520, 1_389_471_203]
    for mode, shift in itertools.product(MODES, range(-31, 31)):
        multiplier = multipliers[shift % len(multipliers)]
        x = near_ties(rng, multiplier, shift)
        for qmin, qmax in ranges:
            yield x, multiplier, shift, 0, qmin, qmax, mode
            yield x, multiplier, shift, rng.integers(qmin, qmax, endpoint=True), qmin, qmax, mode
        yield x, multiplier, shift, INT32_MAX, -128, 127, mode
        yield x, multiplier, shift, INT32_MIN, 0, 255, mode
    for mode, channels in itertools.product(MODES, (1, 3, 8, 10, 32, 600)):
        multiplier = rng.integers(2**30, 2**31, channels)
        shift = rng.integers(-12, 1, channels).astype(np.int32)
        x = np.stack([near_ties(rng, m, s)[:40] for m, s in zip(multiplier, shift, strict=True)], axis=-1)
        for qmin, qmax in ranges:
            zero_point = min(max(11, qmin), qmax)
            yield x, multiplier.astype(np.int32), shift, zero_point, qmin, qmax, mode
            yield x, multiplier, -5, zero_point, qmin, qmax, mode
            yield x, 2**30, shift, zero_point, qmin, qmax, mode
        for layout in layouts(x):
            yield layout, multiplier, shift, 3, -128, 127, mode
            yield layout.reshape(2, 20, channels), multiplier, shift, 3, 0, 255, mode
            yield layout, 2**30 + 1, -7, 3, -128, 127, mode
        for shape in ((0,), (channels,), (0, channels), (2, 0, channels)):
            yield np.zeros(shape, np.int32), 2**30, -3, 1, -128, 127, mode
            yield np.zeros(shape, np.int32), np.full(shape[-1], 2**30), -3, 1, -128, 127, mode


def near_ties(rng, multiplier, shift):
    """Accumulators whose exact product lies at or beside a half, the extreme ones, and random ones."""
    half_odd = rng.integers(-400, 400, 40) + 0.5
    ties = np.rint(half_odd * 2.0 ** (31 - shift) / max(multiplier, 1))
    ties = np.clip(ties, INT32_MIN + 1, INT32_MAX - 1).astype(np.int64)
    extreme = [INT32_MIN, INT32_MIN + 1, -3, -2, -1, 0, 1, 2, 3, INT32_MAX - 1, INT32_MAX]
    return np.concatenate([ties - 1, ties, ties + 1, extreme, rng.integers(INT32_MIN, INT32_MAX, 40)]).astype(
        np.int32
    )


CASES = {"requantize": requantize_cases}

BAD_CALLS = {
    "requantize": [
        ([1], 2**30, 0, 0, 0, 1),
        (int8(3), 2**30, 0, 0, 0, 1),
        (np.ones(3), 2**30, 0, 0, 0, 1),
        (np.array(3, np.int32), 2**30, 0, 0, 0, 1),
        (acc(3), -1, 0, 0, 0, 1),
        (acc(3), 2**31, 0, 0, 0, 1),
        (acc(3), 0.5, 0, 0, 0, 1),
        (acc(3), [1.0, 2.0, 3.0], 0, 0, 0, 1),
        (acc(3), [1, 2], 0, 0, 0, 1),
        (acc(3), [1, 2, -3], 0, 0, 0, 1),
        (acc(3, 0), [1], 0, 0, 0, 1),
        (acc(3), 2**30, 31, 0, 0, 1),
        (acc(3), 2**30, [0, 0, -32], 0, 0, 1),
        (acc(3), 2**30, 0, 0.0, 0, 1),
        (acc(3), 2**30, 0, 2**31, 0, 1),
        (acc(3), 2**30, 0, 0, 2, 1),
        (acc(3), 2**30, 0, 0, 0, 2**31),
        (acc(3), 2**30, 0, 0, 0, 1, "half_even"),
        (acc(3), 2**30, 0, 0, 0, 1, None),
    ],
}
