import tracemalloc

import numpy as np
import pytest

from qbref.conventions import tflite
from qbref.conventions.parts import LARGEST, parts


@pytest.mark.parametrize(
    "shape", [(3, 4), (1, 200_000), (200_000, 1), (2, 70_001), (5, 3, 40_000), (2, 2, 2_000_000), (7, 9, 0)]
)
def test_every_item_is_in_one_part_and_no_part_is_too_large(shape):
    y = np.zeros(shape, np.int8)
    for part in parts(y):
        y[part] += 1
        assert 16 * y[part].size <= LARGEST or y[part].shape[:2] == (1, 1)
    assert (y == 1).all()


def test_an_empty_array_has_no_parts():
    assert not list(parts(np.zeros((0, 3)))) and not list(parts(np.zeros((3, 0))))


def test_what_is_read_makes_parts_smaller():
    y, windows = np.zeros((4, 64), np.int8), np.broadcast_to(np.int8(0), (4, 64, 2**15))
    assert [y[part].shape for part in parts(y, windows)] == [(1, 32)] * 8


IMAGE = np.zeros((1, 250, 250, 16), np.int8)
VECTOR = IMAGE.ravel()
FILTERS = np.ones((16, 7, 7, 16), np.int8)
OPERATORS = {
    "conv_2d": lambda k: tflite.conv_2d(IMAGE, 1, 3, FILTERS, 1, 99, 0, padding="SAME", kernels=k),
    "depthwise_conv_2d": lambda k: tflite.depthwise_conv_2d(IMAGE, 1, 3, FILTERS[:1], 1, 99, 0, kernels=k),
    "average_pool_2d": lambda k: tflite.average_pool_2d(IMAGE, 7, 1, kernels=k),
    "max_pool_2d": lambda k: tflite.max_pool_2d(IMAGE, 7, 1, kernels=k),
    "requantize": lambda k: tflite.requantize(VECTOR, 1, 0, 2, 0, kernels=k),
    "softmax": lambda k: tflite.softmax(IMAGE, 0.1, kernels=k),
    "add": lambda k: tflite.add(VECTOR, 1, 0, VECTOR, 2, 0, 4, 0, kernels=k),
    "sub": lambda k: tflite.sub(VECTOR, 1, 0, VECTOR, 2, 0, 4, 0, kernels=k),
    "mul": lambda k: tflite.mul(VECTOR, 1, 0, VECTOR, 2, 0, 4, 0, kernels=k),
}


@pytest.mark.parametrize("kernels", ["ref", "opt", "xnnpack"])
@pytest.mark.parametrize("name", OPERATORS)
def test_a_million_elements_take_ten_bytes_each(name, kernels):
    """In one part it would be 25 to 118: eight for each int64 on the way."""
    tracemalloc.start()
    OPERATORS[name](kernels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * IMAGE.nbytes
