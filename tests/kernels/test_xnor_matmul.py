import numpy as np
import pytest

from qbref.kernels import Threshold, pack_bits, unpack_bits, xnor_matmul


def random_signs(rng, *shape):
    return rng.choice(np.array([-1, 1], np.int8), shape)


def test_xnor_matmul_by_hand():
    a = np.array([[1, 1, -1], [-1, -1, -1]], np.int8)
    b = np.array([[1, 1, -1], [1, -1, -1], [-1, -1, 1]], np.int8)
    result = xnor_matmul(pack_bits(a), pack_bits(b), 3)
    assert result.dtype == np.int32
    assert result.tolist() == [[3, 1, -3], [-1, 1, 1]]


@pytest.mark.parametrize("k", [1, 2, 63, 64, 65, 128, 300])
def test_xnor_matmul_equals_the_product_of_signs(k):
    rng = np.random.default_rng(k)
    a, b = random_signs(rng, 5, k), random_signs(rng, 7, k)
    expected = a.astype(np.int64) @ b.astype(np.int64).T
    assert np.array_equal(xnor_matmul(pack_bits(a), pack_bits(b), k), expected)


def test_xnor_matmul_does_not_depend_on_which_bit_is_minus_one():
    rng = np.random.default_rng(0)
    a, b = random_signs(rng, 4, 100), random_signs(rng, 3, 100)
    flipped = xnor_matmul(pack_bits(a > 0), pack_bits(b > 0), 100)  # bit 1 stands for +1
    assert np.array_equal(flipped, xnor_matmul(pack_bits(a), pack_bits(b), 100))


def test_xnor_matmul_in_blocks_of_rows_is_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    a, b = pack_bits(random_signs(rng, 7, 130)), pack_bits(random_signs(rng, 4, 130))
    whole = xnor_matmul(a, b, 130)
    for block_words in (1, 12, 30):
        monkeypatch.setitem(xnor_matmul.__globals__, "BLOCK_WORDS", block_words)
        assert np.array_equal(xnor_matmul(a, b, 130), whole)


def test_xnor_matmul_of_nothing_is_zero():
    assert xnor_matmul(np.zeros((2, 0), np.uint64), np.zeros((3, 0), np.uint64), 0).tolist() == [[0] * 3] * 2
    assert xnor_matmul(np.zeros((0, 1), np.uint64), np.zeros((3, 1), np.uint64), 9).shape == (0, 3)


@pytest.mark.parametrize("operand", ["a_words", "b_words"])
def test_xnor_matmul_refuses_tail_bits_that_would_leak_into_the_result(operand):
    operands = {"a_words": np.zeros((2, 2), np.uint64), "b_words": np.zeros((2, 2), np.uint64)}
    operands[operand][1, 1] = 1 << 6
    xnor_matmul(**operands, k=71)
    with pytest.raises(ValueError, match=f"{operand} must have zeros beyond bit 69"):
        xnor_matmul(**operands, k=70)


@pytest.mark.parametrize("k", [64, 129, 0])
def test_xnor_matmul_refuses_a_wrong_number_of_words(k):
    words = np.zeros((2, 2), np.uint64)
    with pytest.raises(ValueError, match="a_words must have"):
        xnor_matmul(words, words, k)


def test_xnor_matmul_refuses_other_dtypes():
    with pytest.raises(TypeError, match="b_words must have dtype uint64, got int64"):
        xnor_matmul(np.zeros((1, 1), np.uint64), np.zeros((1, 1), np.int64), 1)


def test_a_threshold_makes_signs_by_hand():
    a = pack_bits(np.array([[1, 1, -1], [-1, -1, -1]], np.int8))
    b = pack_bits(np.array([[1, 1, -1], [1, -1, -1], [-1, -1, 1]], np.int8))
    # accumulators [[3, 1, -3], [-1, 1, 1]]: at least 1, at least 2, less than 1
    threshold = Threshold(np.array([1, 2, 1], np.int32), np.array([False, False, True]))
    words = xnor_matmul(a, b, 3, threshold)
    assert words.dtype == np.uint64
    assert unpack_bits(words, 3).tolist() == [[1, -1, 1], [-1, -1, -1]]


@pytest.mark.parametrize("n", [1, 63, 64, 65, 130])
def test_a_threshold_is_the_comparison_and_then_packing(n):
    rng = np.random.default_rng(n)
    a, b = random_signs(rng, 6, 40), random_signs(rng, n, 40)
    values, flip = rng.integers(-12, 13, n).astype(np.int32), rng.random(n) < 0.5
    sums = a.astype(np.int64) @ b.astype(np.int64).T
    # with a flip, the smaller sums are +1
    expected = np.where(flip, np.where(sums < values, 1, -1), np.where(sums < values, -1, 1))
    words = xnor_matmul(pack_bits(a), pack_bits(b), 40, Threshold(values, flip))
    assert words.shape == (6, -(-n // 64))
    assert np.array_equal(unpack_bits(words, n), expected)


@pytest.mark.parametrize("flip, sign", [(False, 1), (True, -1)])
def test_the_lowest_threshold_is_always_passed_and_the_highest_never(flip, sign):
    a, b = np.array([[0]], np.uint64), np.array([[0], [(1 << 64) - 1]], np.uint64)
    info = np.iinfo(np.int32)
    for value, expected in ((info.min, sign), (info.max, -sign)):
        threshold = Threshold(np.full(2, value, np.int32), np.full(2, flip))
        assert unpack_bits(xnor_matmul(a, b, 64, threshold), 2).tolist() == [[expected] * 2]


def test_a_threshold_of_an_empty_row_compares_zero():
    empty = np.zeros((2, 0), np.uint64)
    threshold = Threshold(np.array([0, 1], np.int32), np.array([False, False]))
    assert xnor_matmul(empty, empty, 0, threshold).tolist() == [[0b10], [0b10]]


def test_a_threshold_of_another_length_is_refused():
    words = np.zeros((3, 1), np.uint64)
    with pytest.raises(ValueError, match=r"threshold.flip must have shape \(3,\), got shape \(2,\)"):
        xnor_matmul(words, words, 5, Threshold(np.zeros(3, np.int32), np.zeros(2, np.bool_)))


def test_a_threshold_must_be_one():
    words = np.zeros((3, 1), np.uint64)
    with pytest.raises(TypeError, match="threshold must be a Threshold or None, got int"):
        xnor_matmul(words, words, 5, 2)
