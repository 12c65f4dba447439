import numpy as np
import pytest

from qbref.qnn import Levels


def real(levels):
    return levels.q * levels.scale.reshape(-1, *[1] * (levels.q.ndim - 1))


def test_a_gain_multiplies_the_scale_and_turns_the_integers_where_it_is_negative():
    levels = Levels(np.array([[3, -7], [1, 0], [2, 5]], np.int8), np.array([0.5, 2.0, 1.0], np.float32), 4)
    turned = levels.times(np.array([2.0, -0.25, -1.0], np.float32))
    assert turned.q.tolist() == [[3, -7], [-1, 0], [-2, -5]]
    assert turned.scale.tolist() == [1.0, 0.5, 1.0]
    assert levels.q.tolist() == [[3, -7], [1, 0], [2, 5]]


def test_a_gain_per_channel_spreads_one_scale():
    levels = Levels(np.array([[1], [-1]], np.int8), np.float32(0.5), 1)
    assert levels.times(np.array([3.0, 5.0], np.float32)).scale.tolist() == [1.5, 2.5]


def test_a_gain_of_zero_leaves_a_positive_vanishing_scale():
    turned = Levels(np.array([[1, -1]], np.int8), np.float32(1), 1).times(np.zeros(1, np.float32))
    assert 0 < turned.scale[0] < 1e-37


def test_a_most_negative_integer_turned_needs_one_more_bit():
    levels = Levels(np.array([[-8, 7]], np.int8), np.float32(1), 4)
    turned = levels.times(np.array([-1.0], np.float32))
    assert turned.q.tolist() == [[8, -7]] and turned.n_bits == 5
    same = levels.times(np.array([1.0], np.float32))
    assert same.q.tolist() == [[-8, 7]] and same.n_bits == 4


def test_what_int8_cannot_hold_is_an_error():
    levels = Levels(np.array([[-128, 7]], np.int8), np.float32(1), 8)
    with pytest.raises(
        ValueError, match="weights must be of narrow range where a gain is negative, got -128"
    ):
        levels.times(np.array([-1.0], np.float32))


def test_a_table_takes_in_the_turned_values():
    table = np.array([-3, 0, 5], np.int8)
    codes = np.array([[0, 1, 2], [0, 1, 2]], np.uint8)
    levels = Levels(table[codes], np.float32(0.5), 2, table, codes)
    turned = levels.times(np.array([1.0, -2.0], np.float32))
    assert turned.table.tolist() == [-5, -3, 0, 3, 5] and turned.n_bits == 3
    assert (turned.table[turned.codes] == turned.q).all()
    assert real(turned).tolist() == [[-1.5, 0.0, 2.5], [3.0, 0.0, -5.0]]


def test_a_table_that_would_outgrow_sixteen_entries_becomes_plain_integers():
    table = np.arange(-1, 15, dtype=np.int8)
    codes = np.arange(16, dtype=np.uint8)[None]
    turned = Levels(table[codes], np.float32(1), 4, table, codes).times(np.array([-1.0], np.float32))
    assert turned.table is None and turned.codes is None and turned.n_bits == 8
    assert turned.q.tolist() == [list(range(1, -15, -1))]
