from itertools import product

import numpy as np
import pytest

from qbref.quant.codebooks import apot
from qbref.quant.codebooks.apot import apot_magnitudes

# Exponents of the terms as the authors list them for 2 to 6 magnitude bits, `build_power_value` in
# github.com/yhhhli/APoT_Quantization, models/quant_layer.py
TERMS = {
    2: [(1, 2, 3)],
    3: [(1, 2, 4), (3,)],
    4: [(1, 3, 5), (2, 4, 6)],
    5: [(1, 3, 6), (2, 4, 7), (5,)],
    6: [(1, 4, 7), (2, 5, 8), (3, 6, 9)],
}


@pytest.mark.parametrize("n_bits", list(TERMS))
def test_magnitudes_are_those_of_the_authors(n_bits):
    choices = [[0, *(2.0**-e for e in exponents)] for exponents in TERMS[n_bits]]
    values = np.array(sorted(set(map(sum, product(*choices)))))
    assert apot_magnitudes(n_bits).tolist() == (values / values[-1]).tolist()


def test_four_bit_weights_by_hand():
    # {0, 1/2, 1/4, 1/16} + {0, 1/8}; times 10/8 / (5/8) = in tenths of the largest
    tenths = [0, 1, 2, 3, 4, 6, 8, 10]
    expected = np.array([-t / 10 for t in tenths[::-1]] + [t / 10 for t in tenths])
    np.testing.assert_allclose(apot(np.array([2.0, -0.3]), 4), 2 * expected, rtol=1e-15)  # one rounding


@pytest.mark.parametrize("n_bits", range(2, 9))
def test_levels_are_distinct_but_for_zero_symmetric_and_reach_the_largest_magnitude(n_bits):
    levels = apot(np.array([1.0, -3.7]), n_bits)
    assert levels.shape == (2**n_bits,) and np.unique(levels).size == 2**n_bits - 1
    assert (levels == -levels[::-1]).all() and levels[-1] == 3.7


def test_zeros_give_zero_levels():
    assert apot(np.zeros(3), 4).tolist() == [0] * 16


def test_a_sign_and_at_least_one_bit_are_needed():
    with pytest.raises(ValueError, match="n_bits must be from 2 to 8, got 1"):
        apot(np.ones(3), 1)
