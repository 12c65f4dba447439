"""Arrays that the cases of several kernels are made of."""

from typing import NamedTuple

import numpy as np

import qbref.kernels

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
MODES = ("single", "double", "half_up_twice", "float32", "float64")


class Packed(NamedTuple):
    """An operand that each backend is to pack ahead, by its own function of this name."""

    pack: str
    array: np.ndarray


def layouts(x):
    """The same values: as they are, at an odd address, read-only, transposed, in strides of both signs."""
    yield x
    odd = np.frombuffer(bytearray(x.nbytes + 1), np.uint8)[1:].view(x.dtype).reshape(x.shape)
    odd[...] = x
    yield odd
    frozen = x.copy()
    frozen.flags.writeable = False
    yield frozen
    yield np.asfortranarray(x)
    spread = np.zeros([2 * n for n in x.shape], x.dtype)[tuple(slice(None, None, -2) for _ in x.shape)]
    spread[...] = x
    yield spread


def int8_values(rng, shape, dtype):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def words_of(rng, shape):
    return qbref.kernels.pack_bits(rng.random(shape) < 0.5)


# for calls that must fail


def int8(*shape):
    return np.ones(shape, np.int8)


def words(*shape):
    return np.ones(shape, np.uint64)


def acc(*shape):
    return np.ones(shape, np.int32)
