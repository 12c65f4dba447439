import numpy as np
import pytest

from qbref.calibration import MSE, MinMax
from qbref.quant import fake_quantize, params_from_range


def mean_squared_error(x, p):
    return np.square(fake_quantize(x, p).astype(np.float64) - x).mean()


def normal(count=50_000, seed=0):
    return np.random.default_rng(seed).normal(size=count).astype(np.float32)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("n_bits", "at_most"), [(2, 0.3), (3, 0.4), (4, 0.5), (8, 0.95)])
def test_it_beats_the_whole_range_on_normal_data(symmetric, n_bits, at_most):
    x = normal()
    chosen = mean_squared_error(x, MSE().observe(x).params(n_bits, symmetric=symmetric))
    whole = mean_squared_error(x, MinMax().observe(x).params(n_bits, symmetric=symmetric))
    assert chosen < at_most * whole


def test_sixteen_equal_steps_on_normal_data_reach_the_known_optimum():
    # Max, "Quantizing for minimum distortion" (1960), table II: 16 equally spaced levels, step 0.3352,
    # mean squared error 0.01154. Here one of the levels must be 0, which costs some: hence one-sided 5 %.
    x = normal(200_000)
    p = MSE().observe(x).params(n_bits=4)
    assert 0.01154 * 0.98 < mean_squared_error(x, p) < 0.01154 * 1.05
    assert p.scale == pytest.approx(0.3352, rel=0.05)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("n_bits", [3, 4, 6])
@pytest.mark.parametrize("data", ["normal", "exponential", "skewed", "bimodal"])
def test_no_range_of_a_fine_grid_is_much_better(symmetric, n_bits, data):
    rng = np.random.default_rng(3)
    x = {
        "normal": lambda: rng.normal(size=4000),
        "exponential": lambda: rng.exponential(size=4000),
        "skewed": lambda: rng.exponential(size=4000) * 2 - 0.3,
        "bimodal": lambda: rng.normal(size=4000) + rng.choice([-6, 2], size=4000),
    }[data]().astype(np.float32)
    chosen = mean_squared_error(x, MSE().observe(x).params(n_bits, symmetric=symmetric))
    fractions = np.linspace(0.05, 1, 24)
    every = [
        mean_squared_error(
            x, params_from_range(a * min(x.min(), 0), b * x.max(), n_bits, symmetric=symmetric)
        )
        for a in fractions
        for b in fractions
    ]
    # the search moves one end at a time, and may stop in a valley beside the deepest
    assert chosen <= 1.05 * min(every)


def test_each_end_is_searched_by_itself():
    # dense at the lower end, long at the upper: shrinking both alike to cut the tail would cut the -1 too
    tail = np.random.default_rng(4).exponential(size=1000)
    x = np.concatenate([np.full(500, -1.0), tail]).astype(np.float32)
    p = MSE().observe(x).params(n_bits=4)
    assert (p.qmin - p.zero_point) * p.scale < -0.95
    assert (p.qmax - p.zero_point) * p.scale < 0.8 * x.max()


def test_data_on_a_grid_keep_it():
    x = np.array([8.0] + [0.0, 1.0, 2.0] * 1000, np.float32)
    p = MSE().observe(x).params(n_bits=2, signed=False)
    # cutting 8 to 3 costs 25 once; steps of 8/3 would cost about 1 each, 1000 times
    assert p.scale == 1 and p.zero_point == 0


@pytest.mark.parametrize("n_bits", [12, 16])
def test_with_many_bits_it_is_no_worse_than_the_whole_range(n_bits):
    x = normal(5000)
    chosen = mean_squared_error(x, MSE().observe(x).params(n_bits))
    whole = mean_squared_error(x, MinMax().observe(x).params(n_bits))
    assert chosen <= 1.05 * whole  # bins are wider than steps: a rough estimate


def test_batches_may_come_in_any_cut_and_order():
    x = normal(3000)
    whole, parts = MSE().observe(x), MSE()
    for part in np.array_split(np.sort(x)[::-1], 13):
        parts.observe(part)
    assert whole.params(n_bits=4) == parts.params(n_bits=4)


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match="n_bins must be at least 2"):
        MSE(n_bins=1)
    with pytest.raises(ValueError, match="n_candidates must be at least 1"):
        MSE(n_candidates=0)
