import math

import numpy as np
import pytest

from qbref.conventions.tflite.gemmlowp import (
    INT16,
    INT32,
    exp_on_negative_values,
    logistic,
    one_over_one_plus_x,
    tanh,
)

ALL = np.arange(-(2**15), 2**15)


def test_constants_are_those_of_gemmlowp():
    """fixedpoint/fixedpoint.h spells them out in 32 bits, and halves them sixteen times for 16."""
    written = {
        math.exp(-1 / 8): 1895147668,
        math.exp(-1 / 4): 1672461947,
        math.exp(-1 / 2): 1302514674,
        math.exp(-1): 790015084,
        math.exp(-2): 290630308,
        math.exp(-4): 39332535,
        math.exp(-8): 720401,
        math.exp(-16): 242,
        1 / 3: 715827883,
    }
    for real, constant in written.items():
        assert INT32.number(real) == constant
        assert INT16.number(real) == (constant + 2**15) >> 16
    assert [INT32.number(real, 2) for real in (48 / 17, -32 / 17)] == [1515870810, -1010580540]


def test_a_product_is_rounded_half_up():
    assert INT16.product(np.array([1, -1, 3, -3]), 2**14).tolist() == [1, 0, 2, -1]
    assert INT32.product(np.array([1, -1, 3, -3]), 2**30).tolist() == [1, 0, 2, -1]


def test_exponential_in_32_bits_is_near_the_real_one():
    """The polynomial of degree 4 on [-1/4, 0) errs by less than 2^-18 of its value, near 1."""
    a = -np.unique(np.geomspace(1, 2**31 - 1, 2000).astype(np.int64))
    error = exp_on_negative_values(a) / 2.0**31 - np.exp(a / 2.0**26)
    assert np.abs(error).max() < 2.0**-18
    assert exp_on_negative_values(0) == 2**31 - 1


def test_reciprocal_in_32_bits_is_near_the_real_one():
    """Three Newton steps from 48/17 - 32/17 d leave only the rounding of Q2.29: a few units of 2^-29."""
    a = np.linspace(0, 2**31 - 1, 3001).astype(np.int64)
    error = one_over_one_plus_x(a) / 2.0**31 - 1 / (1 + a / 2.0**31)
    assert np.abs(error).max() < 8 * 2.0**-29


@pytest.mark.parametrize("integer_bits", [3, 4])
def test_functions_in_16_bits_are_near_the_real_ones(integer_bits):
    """Q2.13 of Newton's method carries 2^-13, twice that in tanh; a few roundings come on top."""
    x = ALL / 2.0 ** (15 - integer_bits)
    negative = ALL[ALL <= 0]
    exponential = exp_on_negative_values(negative, integer_bits, INT16) / 2.0**15
    assert np.abs(exponential - np.exp(x[ALL <= 0])).max() < 4 * 2.0**-15
    assert np.abs(logistic(ALL, integer_bits, INT16) / 2.0**15 - 1 / (1 + np.exp(-x))).max() < 2.0**-12
    assert np.abs(tanh(ALL, integer_bits, INT16) / 2.0**15 - np.tanh(x)).max() < 2.0**-11


def test_functions_in_16_bits_are_symmetric():
    x = np.arange(1, 2**15)
    assert np.array_equal(tanh(-x, 3, INT16), -tanh(x, 3, INT16))
    assert np.array_equal(logistic(-x, 3, INT16), 2**15 - 1 - logistic(x, 3, INT16))
    assert (tanh(0, 3, INT16), logistic(0, 3, INT16)) == (0, 2**14)
