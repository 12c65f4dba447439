import numpy as np
import pytest

from qbref import ptq
from qbref.integer.weights import IntWeights


@pytest.mark.parametrize("n_bits", [2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 7, 8, 9, 27])
def test_dense_bytes_are_those_of_the_integer_engine(n_bits, k):
    q = np.zeros((3, k), np.int8)
    assert ptq.dense_bytes((3, k), n_bits) == IntWeights.from_levels(q, n_bits).data.nbytes


def test_a_filter_is_one_row():
    assert ptq.dense_bytes((16, 3, 3, 3), 4) == 16 * 14  # 27 nibbles
    assert ptq.dense_bytes((16, 3, 3, 3), 32) == 16 * 27 * 4


@pytest.mark.parametrize("n_bits", [1, 0, 9, 16, 31])
def test_widths_that_are_never_stored_are_refused(n_bits):
    with pytest.raises(ValueError, match=f"n_bits must be in 2..8 or 32, got {n_bits}"):
        ptq.dense_bytes((2, 2), n_bits)


def encode(values, index_bits):
    """(distance, value) entries, written one position at a time."""
    entries, distance = [], 0
    pending = np.trim_zeros(values, "b")
    for value in pending:
        distance += 1
        if value or distance == 2**index_bits:
            entries.append((distance, value))
            distance = 0
    return entries


def decode(entries, size):
    values, position = np.zeros(size), -1
    for distance, value in entries:
        position += distance
        values[position] = value
    return values


@pytest.mark.parametrize("index_bits", [1, 2, 3, 5])
@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 1.0])
def test_sparse_bytes_are_those_of_an_encoding_that_can_be_read_back(index_bits, density):
    rng = np.random.default_rng(1)
    values = rng.standard_normal(200) * (rng.random(200) < density)
    entries = encode(values, index_bits)
    assert (decode(entries, 200) == values).all()
    assert all(1 <= distance <= 2**index_bits for distance, _ in entries)
    bits = len(entries) * (index_bits + 8)
    assert ptq.sparse_bytes(values.reshape(10, 20), 8, index_bits) == -(-bits // 8)


def test_a_gap_of_exactly_two_to_the_index_bits_needs_no_stored_zero():
    weight = np.zeros(16)
    weight[[0, 4]] = 1
    assert ptq.sparse_bytes(weight, 6, index_bits=2) == 2  # distances 1 and 4
    weight[[4, 5]] = 0, 1
    assert ptq.sparse_bytes(weight, 6, index_bits=2) == 3  # 1, then 4 for a zero, then 1


def test_without_index_bits_the_cheapest_are_taken():
    weight = np.zeros(1000)
    weight[::20] = 1
    by_width = [ptq.sparse_bytes(weight, 8, bits) for bits in range(1, 17)]
    assert ptq.sparse_bytes(weight, 8) == min(by_width) < by_width[0]
    assert by_width.index(min(by_width)) == 4  # 5 bits: gaps of 20 fit 32


def test_only_zeros_take_no_bytes():
    assert ptq.sparse_bytes(np.zeros((4, 4)), 8) == 0
