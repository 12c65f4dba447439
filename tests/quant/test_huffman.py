from itertools import product

import numpy as np
import pytest

from qbref.quant import Codebook, huffman_lengths, huffman_size


def least_cost(counts):
    """Try all code lengths that Kraft's inequality allows: a prefix code exists for exactly those."""
    n = len(counts)
    allowed = (
        lengths for lengths in product(range(1, max(n, 2)), repeat=n) if sum(2.0**-m for m in lengths) <= 1
    )
    return min(sum(c * m for c, m in zip(counts, lengths, strict=True)) for lengths in allowed)


def test_lengths_by_hand():
    # 1 + 1 join to 2, with 2 to 4, with 4 to 8: each join adds a bit
    assert huffman_lengths(np.array([4, 2, 1, 1])).tolist() == [1, 2, 3, 3]
    assert huffman_lengths(np.array([3, 3, 3, 3])).tolist() == [2, 2, 2, 2]


def test_fibonacci_counts_give_the_longest_codes():
    assert sorted(huffman_lengths(np.array([1, 1, 2, 3, 5, 8, 13, 21]))) == [1, 2, 3, 4, 5, 6, 7, 7]


@pytest.mark.parametrize("seed", range(30))
def test_no_prefix_code_is_shorter(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 30, rng.integers(2, 6))
    lengths = huffman_lengths(counts)
    assert counts @ lengths == least_cost(counts.tolist())


@pytest.mark.parametrize("seed", range(10))
def test_a_full_prefix_code_exists_and_the_cost_is_near_the_entropy(seed):
    counts = np.random.default_rng(seed).geometric(0.05, 256) - 1
    lengths = huffman_lengths(counts)
    used = counts > 0
    assert (lengths[~used] == 0).all()
    assert (2.0 ** -lengths[used]).sum() == 1  # Kraft with equality, exact in binary
    p = counts[used] / counts.sum()
    entropy = -(p * np.log2(p)).sum()
    assert entropy <= p @ lengths[used] < entropy + 1


def test_symbols_that_never_occur_and_a_lone_symbol():
    assert huffman_lengths(np.array([0, 7, 0])).tolist() == [0, 1, 0]
    assert huffman_lengths(np.array([0, 7, 2])).tolist() == [0, 1, 1]
    assert huffman_lengths(np.array([0, 0])).tolist() == [0, 0]
    assert huffman_lengths(np.array([], np.int64)).tolist() == []


def test_large_counts_do_not_overflow():
    counts = np.array([2**62, 2**62, 2**62])
    assert sorted(huffman_lengths(counts)) == [1, 2, 2]


def test_sizes_by_hand():
    codes = np.repeat(np.arange(4, dtype=np.uint8), [4, 2, 1, 1]).reshape(2, 4)
    size = huffman_size(codes, Codebook([0.0, 1.0, 2.0, 3.0], 2))
    # 4*1 + 2*2 + 1*3 + 1*3; lengths up to 3 need two bits for each of 4 symbols; 4 levels of 32 bits
    assert size == (14, 8, 128) and size.total == 150
    per_row = huffman_size(codes, Codebook([[0.0, 1.0, 2.0, 3.0]] * 2, 2, axis=0))
    assert per_row == (14, 8, 256)
    lone = huffman_size(np.full(10, 3), Codebook([0.0, 1.0, 2.0, 3.0], 2))
    assert lone == (10, 4, 128)


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match="counts must be an integer array"):
        huffman_lengths(np.array([0.5]))
    with pytest.raises(ValueError, match="counts must not be negative, got -1"):
        huffman_lengths(np.array([2, -1]))
    with pytest.raises(ValueError, match="counts must have one dimension"):
        huffman_lengths(np.ones((2, 2), int))
    codebook = Codebook([0.0, 1.0], 1)
    with pytest.raises(ValueError, match=r"codes must lie within \[0, 1\], got 2"):
        huffman_size([0, 2], codebook)
    with pytest.raises(ValueError, match=r"codes must not be empty, got shape \(0,\)"):
        huffman_size(np.zeros(0, int), codebook)
