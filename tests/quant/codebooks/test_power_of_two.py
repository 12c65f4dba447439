from fractions import Fraction

import numpy as np
import pytest

from qbref.quant.codebooks import power_of_two


def test_levels_by_hand():
    assert power_of_two(np.array([0.1, -1.0]), 2).tolist() == [-1, 0, 0, 1]
    assert power_of_two(np.array([0.1, -1.0]), 4).tolist() == [
        *[-1, -0.5, -0.25, -0.125, -0.0625, -0.03125, -0.015625, 0],
        *[0, 0.015625, 0.03125, 0.0625, 0.125, 0.25, 0.5, 1],
    ]


@pytest.mark.parametrize("largest", [1.0, 1.49, 1.5, 1.51, 2.9, 3.0, 0.7499, 0.75, 1e-30, 3e38])
def test_the_top_is_the_power_of_two_nearest_to_the_largest_magnitude(largest):
    powers = [Fraction(2) ** e for e in range(-120, 128)]
    nearest = min(powers, key=lambda p: (abs(p - Fraction(largest)), -p))  # the larger one at a tie
    for sign in (1, -1):
        top = power_of_two(np.array([0.0, sign * largest]), 3)[-1]
        assert Fraction(float(top)) == nearest


def test_levels_stay_within_float32():
    assert power_of_two(np.array([3.4e38]), 2)[-1] == 2.0**127


def test_zeros_give_zero_levels_without_a_sign():
    assert power_of_two(np.zeros(3), 3).tolist() == [0] * 8
    assert not np.signbit(power_of_two(np.ones(3), 3)[3:5]).any()


def test_a_sign_and_at_least_one_bit_are_needed():
    with pytest.raises(ValueError, match="n_bits must be from 2 to 8, got 1"):
        power_of_two(np.ones(3), 1)
