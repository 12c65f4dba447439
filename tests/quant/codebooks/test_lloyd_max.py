import numpy as np
import pytest

from qbref.quant.codebooks import lloyd_max

# Max, "Quantizing for Minimum Distortion" (1960), table I: positive levels and mean squared error for
# the standard normal density
NORMAL = {
    1: ([0.7980], 0.3634),
    2: ([0.4528, 1.510], 0.1175),
    3: ([0.2451, 0.7560, 1.344, 2.152], 0.03454),
    4: ([0.1284, 0.3881, 0.6568, 0.9424, 1.256, 1.618, 2.069, 2.733], 0.009497),
}


def distortion(x, levels, weights=None):
    error = np.abs(x.reshape(-1, 1) - levels).min(axis=1) ** 2
    return np.average(error, weights=weights)


@pytest.mark.parametrize("n_bits", list(NORMAL))
def test_levels_for_the_normal_density_are_those_of_max(n_bits):
    x = np.linspace(-6, 6, 400_001)
    density = np.exp(-(x**2) / 2)
    levels = lloyd_max(x, n_bits, weights=density, tolerance=0, max_iterations=1000)
    positive, error = NORMAL[n_bits]
    # four digits in the table; iteration stops where boundaries move by less than the grid
    np.testing.assert_allclose(levels, [*np.negative(positive[::-1]), *positive], atol=1e-3)
    # the published error for 16 levels is 0.0004 of itself below what its own levels give
    assert distortion(x[::20], levels, density[::20]) == pytest.approx(error, rel=1e-3)


def test_distortion_never_rises():
    x = np.random.default_rng(1).standard_t(2, size=3000)
    errors = np.array([distortion(x, lloyd_max(x, 4, max_iterations=n)) for n in range(40)])
    assert (np.diff(errors) <= errors[:-1] * 1e-12).all()  # rounding of the sums
    assert errors[-1] < errors[0] * 0.8  # and it falls


@pytest.mark.parametrize("seed", range(5))
def test_both_conditions_hold_at_the_end(seed):
    x = np.random.default_rng(seed).normal(size=500)
    levels = lloyd_max(x, 3, tolerance=0, max_iterations=10_000)
    nearest = np.abs(x[:, None] - levels).argmin(axis=1)  # boundaries at midpoints
    means = [x[nearest == j].mean() for j in range(8)]
    np.testing.assert_allclose(levels, means, rtol=1e-12)  # summed in another order


def test_the_start_is_as_dense_as_the_cube_root_of_the_density():
    i = (np.arange(20_000) + 0.5) / 20_000
    middles = (np.arange(16) + 0.5) / 16
    # p = 1: p^(1/3) = 1, and its integral is x
    np.testing.assert_allclose(lloyd_max(i, 4, max_iterations=0), middles, atol=1e-3)
    # p = 2 x: p^(1/3) ∝ x^(1/3), and its integral is x^(4/3); near 0 the cells are wide
    np.testing.assert_allclose(lloyd_max(np.sqrt(i), 4, max_iterations=0), middles**0.75, atol=5e-3)


@pytest.mark.parametrize("n_bits", [5, 6, 7, 8])
def test_many_levels_reach_the_error_of_narrow_cells(n_bits):
    x = np.linspace(-7, 7, 200_001)
    density = np.exp(-(x**2) / 2)
    error = distortion(x[::40], lloyd_max(x, n_bits, density), density[::40])
    # Panter and Dite: (∫ p^(1/3) dx)³ / (12 · 4^n), for the normal density √3 π / 2 / 4^n, met from below;
    # 300 iterations leave up to 5 % (from the quantiles of the data, 170 % at 8 bits)
    assert 0.93 < error / (3**0.5 * np.pi / 2 / 4**n_bits) < 1.06


def test_a_wide_tolerance_stops_after_one_step():
    x = np.random.default_rng(4).normal(size=300)
    assert (lloyd_max(x, 3, tolerance=1.0) == lloyd_max(x, 3, max_iterations=1)).all()
    assert (lloyd_max(x, 3) != lloyd_max(x, 3, max_iterations=1)).any()


def test_integer_weights_act_as_repetition():
    rng = np.random.default_rng(5)
    x, weights = rng.normal(size=200), rng.integers(0, 5, 200)
    repeated = lloyd_max(np.repeat(x, weights), 3)
    np.testing.assert_allclose(lloyd_max(x, 3, weights), repeated, rtol=1e-12)  # other sums
    twice = np.concatenate([x, x])
    np.testing.assert_allclose(lloyd_max(twice, 3, np.concatenate([weights, weights])), repeated, rtol=1e-12)


def test_values_without_weight_are_ignored():
    x = np.array([1.0, 2.0, 1000.0, 9.0, 11.0])
    assert lloyd_max(x, 1, weights=[1, 1, 0, 1, 1]).tolist() == [1.5, 10]
    assert lloyd_max(x, 2, weights=[1, 1, 0, 0, 1]).tolist() == [1, 2, 11, 11]


def test_many_equal_values_cost_one_level():
    x = np.array([0.0] * 900 + [*np.linspace(1, 2, 50), *np.linspace(-2, -1, 50)])
    levels = lloyd_max(x, 3)
    nearest = np.abs(x[:, None] - levels).argmin(axis=1)
    assert np.unique(levels).size == 8 and np.unique(nearest).size == 8 and 0 in levels


def test_fewer_values_than_levels_are_reproduced_exactly():
    assert lloyd_max(np.array([3.0, 1.0, 3.0]), 2).tolist() == [1, 3, 3, 3]


@pytest.mark.parametrize("weights", [[1, -1, 1], [0, 0, 0], [1, np.nan, 1], [1, np.inf, 1]])
def test_broken_weights_are_refused(weights):
    with pytest.raises(ValueError, match="weights must be nonnegative and finite with a positive sum"):
        lloyd_max(np.array([1.0, 2.0, 3.0]), 1, weights)


def test_other_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"weights must have the shape of x, \(3,\), got \(2,\)"):
        lloyd_max(np.ones(3), 1, [1, 1])
    with pytest.raises(ValueError, match="n_bits must be from 1 to 8, got 0"):
        lloyd_max(np.ones(3), 0)
