import numpy as np
import pytest

from qbref.conventions.tflite.accumulator import accumulate, add_bias


@pytest.mark.parametrize("depth", [1, 1000, 70_001])
def test_sums_of_int16_are_exact(depth):
    """Python's integers; up to 70,001 · 2^15 · 127 they are far beyond float32 and int32."""
    rng = np.random.default_rng(8)
    rows = rng.integers(32_000, 2**15, (2, depth)).astype(np.int16)
    rows[1] = -(2**15)
    weights = rng.integers(100, 128, (3, depth)).astype(np.int8)
    columns = weights.tolist()
    exact = [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in rows.tolist()
    ]
    assert accumulate(rows, weights, 0).tolist() == exact


def test_sums_of_int8_wrap_around_in_32_bits():
    rows, weights = np.full((1, 70_000), 127, np.int8), np.full((1, 70_000), 127, np.int8)
    total = 70_000 * (127 + 128) * 127
    assert accumulate(rows, weights, -128).tolist() == [[total - 2**32]]


def test_a_bias_wraps_around_for_int8_alone():
    acc, bias = np.array([[2**31 - 1, -(2**31)]]), np.array([1, -1], np.int32)
    assert add_bias(acc, bias, np.int8).tolist() == [[-(2**31), 2**31 - 1]]
    assert add_bias(acc, bias, np.int16).tolist() == [[2**31, -(2**31) - 1]]
    assert add_bias(acc, None, np.int16).tolist() == acc.tolist()
