from fractions import Fraction

import numpy as np
import pytest

import qbref as qb
from qbref.binary import binary_tanh_unit, hard_sigmoid, sign, stochastic_sign
from tests.binary.kinks import kinks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hard_sigmoid_is_a_clipped_line(dtype):
    x = kinks(dtype)
    x = x[np.isfinite(x)]
    result = hard_sigmoid(x)
    assert result.dtype == dtype
    exact = [min(max((Fraction(v) + 1) / 2, 0), 1) for v in x.tolist()]
    # one rounding, of x + 1 at most 2
    np.testing.assert_allclose(result, [float(p) for p in exact], rtol=0, atol=np.finfo(dtype).eps / 2)
    assert hard_sigmoid([-np.inf, np.inf]).tolist() == [0, 1]


def test_from_one_outward_nothing_is_left_to_chance():
    rng = np.random.default_rng(0)
    x = np.repeat(np.array([-np.inf, -3.0, -1.0, 1.0, 3.0, np.inf], np.float32), 1000).reshape(6, 1000)
    assert (stochastic_sign(x, rng) == sign(x)).all()


def test_the_mean_is_hard_tanh():
    places = np.array([-0.999, -0.5, -0.0, 0.25, 0.75])
    n = 40_000
    drawn = stochastic_sign(np.repeat(places[:, np.newaxis], n, axis=1), np.random.default_rng(3))
    assert set(np.unique(drawn)) == {-1.0, 1.0}
    standard_error = np.sqrt((1 - places**2) / n)
    assert (np.abs(drawn.mean(axis=1) - places) < 4 * standard_error).all()  # 4σ, and the seed is fixed


def test_one_number_is_drawn_per_element_in_order():
    x = np.linspace(-1, 1, 12).reshape(3, 4)
    u = np.random.default_rng(5).random(12).reshape(3, 4)
    expected = np.where(2 * u - 1 < x, 1.0, -1.0)  # u < (x + 1) / 2, solved for x
    assert (stochastic_sign(x, np.random.default_rng(5)) == expected).all()


def test_the_shared_generator_is_used_and_seeded():
    x = np.zeros(64, np.float32)
    qb.manual_seed(11)
    first, second = stochastic_sign(x), stochastic_sign(x)
    qb.manual_seed(11)
    assert (stochastic_sign(x) == first).all() and (first != second).any() and first.dtype == np.float32


def test_nan_has_no_probability():
    with pytest.raises(ValueError, match="must not contain NaN"):
        stochastic_sign([0.0, np.nan])


def test_binary_tanh_unit_is_sign_but_for_the_rounding_of_x_plus_one():
    x = kinks(np.float32)
    assert (binary_tanh_unit(x) == sign(x))[(x >= 0) | (x < -(2.0**-25))].all()
    edge = np.float32(-(2.0**-25))  # −2⁻²⁵ + 1 is a tie between 1 − 2⁻²⁴ and 1, which is even
    beyond = np.nextafter(edge, np.float32(-1))
    x = np.array([beyond, edge, -1e-12, -0.0], np.float32)
    assert binary_tanh_unit(x).tolist() == [-1, 1, 1, 1]
    assert sign(x).tolist() == [-1, -1, -1, 1]
