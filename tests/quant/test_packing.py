import numpy as np
import pytest

from qbref.quant import pack_int2, pack_int4, unpack_int2, unpack_int4

PAIRS = {4: (pack_int4, unpack_int4), 2: (pack_int2, unpack_int2)}


def test_low_bits_come_first():
    assert pack_int4(np.array([0x1, 0xF, 0xA, 0x5])).tolist() == [0xF1, 0x5A]
    assert pack_int2(np.array([1, 2, 3, 0, 2])).tolist() == [0b00_11_10_01, 0b10]


def test_negative_values_are_stored_in_twos_complement():
    assert pack_int4(np.array([-8, -1, 7], np.int8)).tolist() == [0xF8, 0x07]
    assert pack_int2(np.array([-2, -1, 1, 0], np.int8)).tolist() == [0b00_01_11_10]


@pytest.mark.parametrize("n_bits", [2, 4])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("count", range(10))
def test_unpacking_restores_what_was_packed(n_bits, signed, count):
    pack, unpack = PAIRS[n_bits]
    lo = -(2 ** (n_bits - 1)) if signed else 0
    dtype = np.int8 if signed else np.uint8
    q = np.random.default_rng(count).integers(lo, lo + 2**n_bits, (2, 3, count)).astype(dtype)
    packed = pack(q)
    assert packed.dtype == np.uint8 and packed.shape == (2, 3, -(-count * n_bits // 8))
    restored = unpack(packed, count, signed)
    assert restored.dtype == dtype and restored.shape == q.shape and (restored == q).all()


@pytest.mark.parametrize("n_bits", [2, 4])
def test_packing_agrees_with_sums_of_shifted_python_integers(n_bits):
    pack, _ = PAIRS[n_bits]
    q = np.random.default_rng(0).integers(0, 2**n_bits, 37)
    per_byte = 8 // n_bits
    chunks = [q[i : i + per_byte].tolist() for i in range(0, len(q), per_byte)]
    expected = [sum(value << (n_bits * position) for position, value in enumerate(chunk)) for chunk in chunks]
    assert pack(q).tolist() == expected


def test_every_byte_unpacks_to_all_its_fields():
    every = np.arange(256, dtype=np.uint8)
    assert (pack_int4(unpack_int4(every, 512)) == every).all()
    assert (pack_int2(unpack_int2(every, 1024)) == every).all()


def test_strided_input_packs_like_a_copy():
    q = np.arange(48).reshape(6, 8) % 16
    assert (pack_int4(q.T[::2]) == pack_int4(q.T[::2].copy())).all()


@pytest.mark.parametrize("q", [[16], [-9], [-1, 8], [3, -1, 15]])
def test_values_that_fit_neither_range_are_refused(q):
    with pytest.raises(ValueError, match=r"q must lie within \[-8, 7\] or \[0, 15\]"):
        pack_int4(np.array(q))


def test_other_bad_arguments_are_named():
    with pytest.raises(TypeError, match="q must be an integer array"):
        pack_int4(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="q must have at least one dimension"):
        pack_int4(np.int8(3))
    with pytest.raises(TypeError, match="packed must be uint8"):
        unpack_int4(np.zeros(3, np.int8), 6)
    for count in (4, 7, -1):
        with pytest.raises(ValueError, match=f"for count {count}"):
            unpack_int4(np.zeros(3, np.uint8), count)
