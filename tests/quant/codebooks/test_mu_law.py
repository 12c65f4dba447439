import math

import numpy as np
import pytest

from qbref.quant.codebooks import mu_law


@pytest.mark.parametrize("n_bits", [2, 4, 8])
@pytest.mark.parametrize("mu", [0.5, 15.0, 255.0])
def test_compressed_levels_are_equally_spaced(n_bits, mu):
    levels = mu_law(np.array([0.3, -2.0]), n_bits, mu)
    y = [math.copysign(math.log1p(mu * abs(v) / 2), v) / math.log1p(mu) for v in levels]
    half = np.arange(2 ** (n_bits - 1)) / (2 ** (n_bits - 1) - 1)
    np.testing.assert_allclose(y, [*-half[::-1], *half], atol=1e-14)  # log1p and expm1, a few ulp each


def test_levels_by_hand():
    # (4^y - 1) / 3 at y = 0, 1/3, 2/3, 1
    thirds = [0, (4 ** (1 / 3) - 1) / 3, (16 ** (1 / 3) - 1) / 3, 1]
    expected = [-5 * t for t in thirds[::-1]] + [5 * t for t in thirds]
    np.testing.assert_allclose(mu_law(np.array([5.0]), 3, mu=3), expected, rtol=1e-14)


def test_the_largest_magnitude_is_a_level_and_zero_is_one():
    for largest in (0.1, 7.3, 1e-20):
        levels = mu_law(np.array([0.0, -largest]), 4)
        assert levels[0] == -largest and levels[-1] == largest and levels[7] == levels[8] == 0
        assert (np.diff(levels) >= 0).all()
    assert mu_law(np.zeros(2), 3).tolist() == [0] * 8


def test_a_small_mu_gives_almost_even_steps():
    steps = np.diff(mu_law(np.array([1.0]), 4, mu=1e-9)[8:])
    np.testing.assert_allclose(steps, 1 / 7, rtol=1e-8)  # the curvature is of order mu


@pytest.mark.parametrize("mu", [0.0, -1.0, np.inf, np.nan])
def test_mu_must_be_positive(mu):
    with pytest.raises(ValueError, match="mu must be positive and finite"):
        mu_law(np.ones(2), 4, mu)
