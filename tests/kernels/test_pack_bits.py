import numpy as np
import pytest

from qbref.kernels import pack_bits, unpack_bits


def as_integer(x):
    """Bit i set where x[i] < 0, in one Python integer."""
    return sum(1 << i for i, value in enumerate(x.tolist()) if value < 0)


def test_pack_bits_sets_a_bit_for_minus_one_lowest_first():
    assert pack_bits(np.array([-1, 1, -1, -1], np.int8)).tolist() == [0b1101]
    assert pack_bits(np.array([1.0] * 63 + [-1.0])).tolist() == [1 << 63]
    assert pack_bits(np.array([1.0] * 64 + [-1.0])).tolist() == [0, 1]


def test_pack_bits_takes_zeros_and_nan_as_plus_one():
    x = np.array([0.0, -0.0, np.nan, -np.nan, -np.inf, np.inf, -5e-324, 5e-324])
    assert pack_bits(x).tolist() == [0b01010000]


def test_pack_bits_takes_a_bool_as_the_bit():
    assert pack_bits(np.array([True, False, True])).tolist() == [0b101]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8])
@pytest.mark.parametrize("k", [0, 1, 8, 63, 64, 65, 127, 128, 200])
def test_pack_bits_equals_the_bits_of_a_python_integer(dtype, k):
    x = np.random.default_rng(k).integers(-2, 3, (3, k)).astype(dtype)
    words = pack_bits(x)
    assert words.dtype == np.uint64
    assert words.shape == (3, -(-k // 64))
    for row, packed in zip(x, words, strict=True):
        assert sum(word << (64 * i) for i, word in enumerate(packed.tolist())) == as_integer(row)


def test_pack_bits_keeps_leading_axes():
    x = np.random.default_rng(0).standard_normal((2, 3, 70))
    words = pack_bits(x)
    assert words.shape == (2, 3, 2)
    assert np.array_equal(words[1, 2], pack_bits(x[1, 2]))


@pytest.mark.parametrize("k", [0, 1, 63, 64, 65, 200])
def test_unpack_bits_undoes_pack_bits(k):
    signs = np.random.default_rng(k).choice(np.array([-1, 1], np.int8), (4, k))
    unpacked = unpack_bits(pack_bits(signs), k)
    assert unpacked.dtype == np.int8
    assert np.array_equal(unpacked, signs)


def test_unpack_bits_refuses_a_set_bit_beyond_k():
    words = np.array([0b1000], np.uint64)
    assert unpack_bits(words, 4).tolist() == [1, 1, 1, -1]
    with pytest.raises(ValueError, match="words must have zeros beyond bit 2"):
        unpack_bits(words, 3)


@pytest.mark.parametrize("k", [0, 64, 129])
def test_unpack_bits_refuses_a_wrong_number_of_words(k):
    with pytest.raises(ValueError, match="words must have"):
        unpack_bits(np.zeros(2, np.uint64), k)


@pytest.mark.parametrize("x", [np.zeros(3, np.int32), np.zeros(3, np.float16), [1.0]], ids=repr)
def test_pack_bits_refuses_other_dtypes(x):
    with pytest.raises(TypeError, match="x must"):
        pack_bits(x)


def test_pack_bits_along_the_first_axis_by_hand():
    x = np.array([[-1, 1], [1, -1], [-1, -1]], np.int8)
    assert pack_bits(x, axis=0).tolist() == [[0b101, 0b110]]
    assert pack_bits(x, axis=1).tolist() == [[0b01], [0b10], [0b11]]


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_pack_bits_along_an_axis_is_packing_each_line_of_it(axis):
    x = np.random.default_rng(1).standard_normal((66, 67, 68), np.float32)
    words = pack_bits(x, axis)
    assert words.flags.c_contiguous
    place = axis % 3
    assert words.shape == tuple(2 if i == place else n for i, n in enumerate(x.shape))
    lines, packed_lines = np.moveaxis(x, axis, -1), np.moveaxis(words, axis, -1)
    assert sum(word << (64 * i) for i, word in enumerate(packed_lines[5, 6].tolist())) == as_integer(
        lines[5, 6]
    )


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_unpack_bits_undoes_pack_bits_along_the_same_axis(axis):
    signs = np.random.default_rng(2).choice(np.array([-1, 1], np.int8), (70, 130))
    unpacked = unpack_bits(pack_bits(signs, axis), signs.shape[axis], axis)
    assert unpacked.flags.c_contiguous
    assert np.array_equal(unpacked, signs)


def test_unpack_bits_by_hand():
    words = np.array([[0b01, 0b10]], np.uint64)
    assert unpack_bits(words, 2, axis=0).tolist() == [[-1, 1], [1, -1]]


@pytest.mark.parametrize("axis", [2, -3])
def test_pack_bits_refuses_an_axis_that_is_not_there(axis):
    with pytest.raises(ValueError, match=f"axis must be between -2 and 1, got {axis}"):
        pack_bits(np.ones((2, 2), np.int8), axis)
    with pytest.raises(ValueError, match=f"axis must be between -2 and 1, got {axis}"):
        unpack_bits(np.ones((2, 2), np.uint64), 65, axis)


def test_unpack_bits_looks_for_set_bits_beyond_k_along_its_axis():
    words = np.array([[4], [1]], np.uint64)
    unpack_bits(words, 66, axis=0)
    with pytest.raises(ValueError, match="words must have zeros beyond bit 1"):
        unpack_bits(words, 2, axis=1)
