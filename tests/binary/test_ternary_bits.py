import numpy as np
import pytest

from qbref.binary import TernaryWords, pack_ternary, ternary_matmul, unpack_ternary
from qbref.kernels import pack_bits

SIZES = [0, 1, 2, 63, 64, 65, 127, 128, 200]


def ternary(shape, seed=0):
    return np.random.default_rng(seed).integers(-1, 2, shape).astype(np.int8)


@pytest.mark.parametrize("k", SIZES)
def test_packing_puts_element_i_at_bit_i_of_both_planes(k):
    q = ternary((3, k))
    words = pack_ternary(q)
    for plane, condition in zip(words, (q != 0, q == -1), strict=True):
        assert plane.dtype == np.uint64 and plane.shape == (3, -(-k // 64))
        expected = [sum(1 << i for i in range(k) if row[i]) for row in condition]
        found = [sum(int(word) << (64 * j) for j, word in enumerate(row)) for row in plane]
        assert found == expected  # which also has no bit beyond k
    result = unpack_ternary(words, k)
    assert result.dtype == np.int8 and (result == q).all() and result.shape == q.shape


def test_the_negative_plane_of_a_binary_vector_is_its_packed_signs():
    signs = (2 * np.random.default_rng(0).integers(0, 2, (2, 100)) - 1).astype(np.int8)
    assert (pack_ternary(signs).negative == pack_bits(signs)).all()


@pytest.mark.parametrize("k", SIZES)
@pytest.mark.parametrize("m, n", [(0, 3), (1, 1), (3, 0), (4, 5)])
def test_the_product_is_exact(k, m, n):
    a, b = ternary((m, k), seed=1), ternary((n, k), seed=2)
    accumulator = ternary_matmul(pack_ternary(a), pack_ternary(b))
    assert accumulator.dtype == np.int32 and accumulator.shape == (m, n)
    assert (accumulator == a.astype(np.int64) @ b.T.astype(np.int64)).all()


def test_all_nine_products_of_two_elements():
    levels = np.array([[-1], [0], [1]])
    assert ternary_matmul(pack_ternary(levels), pack_ternary(levels)).tolist() == [
        [1, 0, -1],
        [0, 0, 0],
        [-1, 0, 1],
    ]


def test_extreme_sums_are_reached():
    ones = np.ones((1, 1000), int)
    planes = pack_ternary(np.concatenate([ones, -ones, 0 * ones]))
    assert ternary_matmul(planes, pack_ternary(ones)).tolist() == [[1000], [-1000], [0]]


def test_strided_and_higher_dimensional_arrays_pack_alike():
    q = ternary((4, 3, 70))
    assert (unpack_ternary(pack_ternary(q), 70) == q).all()
    for plane, copied in zip(
        pack_ternary(q[::2, :, ::-1]), pack_ternary(q[::2, :, ::-1].copy()), strict=True
    ):
        assert (plane == copied).all()


def test_bad_arguments_are_named():
    with pytest.raises(TypeError, match="q must be an integer array"):
        pack_ternary(np.zeros(3))
    with pytest.raises(ValueError, match=r"q must lie within \[-1, 1\], got 2"):
        pack_ternary(np.array([0, 2]))
    with pytest.raises(ValueError, match="q must have at least one dimension"):
        pack_ternary(np.array(1))
    one, three = np.array([[1]], np.uint64), np.array([[3]], np.uint64)
    with pytest.raises(ValueError, match="words must mark only nonzero elements as negative"):
        unpack_ternary(TernaryWords(one, three), 2)
    with pytest.raises(ValueError, match="words must have no bit set beyond k"):
        unpack_ternary(TernaryWords(three, one), 1)
    with pytest.raises(ValueError, match="words must have 2 words a row for k 65, got 1"):
        unpack_ternary(TernaryWords(three, one), 65)
    with pytest.raises(TypeError, match="a must hold uint64 planes"):
        ternary_matmul(TernaryWords(one.astype(int), one.astype(int)), TernaryWords(one, one))
    with pytest.raises(ValueError, match="b must hold planes of one shape"):
        ternary_matmul(TernaryWords(one, one), TernaryWords(one, one[0]))
    wide = np.array([[1, 1]], np.uint64)
    with pytest.raises(ValueError, match="a and b must be matrices with rows of one length"):
        ternary_matmul(TernaryWords(one, one), TernaryWords(wide, wide))
