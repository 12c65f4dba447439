import numpy as np
import pytest

from qbref.calibration import MSE, SQNR, MinMax
from qbref.calibration.sqnr import affine_candidates, symmetric_candidates
from qbref.quant import fake_quantize

RNG = np.random.default_rng(0)


BINS = dict(n_bins=1024)


def on_bin_centres(x):
    """`x` moved to middles of bins of width 1/64, which 1024 have in [−6, 9]: the histogram says all."""
    return (np.floor(np.append(np.clip(x, -6, 8.99), [-6, 8.99]) * 64) + 0.5) / 64


def loops(x, n_bits, n_deltas, n_offsets, gamma):
    """AIMET's search for levels 0..n, candidate by candidate and value by value: (noise, Δ, offset)."""
    n = 2**n_bits - 1
    low, high = min(x.min(), 0.0), max(x.max(), 0.0)
    max_delta = (high - low) / n
    observed = round(low / max_delta)
    offsets = [round(-n + i * n / (n_offsets - 2)) for i in range(n_offsets - 1)] + [observed]
    best = None
    for k in range(1, n_deltas + 1):
        for offset in offsets:
            delta = max_delta * k / (n_deltas - 1)
            begin = max(delta * offset, max_delta * observed)
            end = min(delta * offset + delta * n, max_delta * (observed + n))
            step = float(np.float32((end - begin) / n))  # as stored; it decides ties of the offset
            zero = round(begin / step)
            noise = 0.0
            for value in x.tolist():
                level = round(value / step) - zero
                error = (min(max(level, 0), n) + zero) * step - value
                noise += error * error * (1.0 if 0 <= level <= n else gamma)
            if best is None or noise < best[0] * (1 - 1e-9):
                best = noise, step, zero
    return best


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("n_bits, skew", [(2, 0.0), (4, 0.0), (4, 1.5), (3, -2.0)])
def test_it_is_the_search_written_as_loops(n_bits, skew, gamma):
    x = on_bin_centres(RNG.laplace(skew, 1, 150))
    noise, step, offset = loops(x, n_bits, 9, 11, gamma)
    params = SQNR(n_deltas=9, n_offsets=11, gamma=gamma, **BINS).observe(x).params(n_bits, signed=False)
    scale, zero_point = float(params.scale), int(params.zero_point)
    level = np.rint(x / scale) + zero_point
    nearest = np.clip(level, params.qmin, params.qmax)
    weight = np.where(level == nearest, 1.0, gamma)
    mine = np.sum(weight * np.square((nearest - zero_point) * scale - x))
    # candidates of equal noise: the noise decides, not which of them was taken
    assert mine == pytest.approx(noise, rel=1e-4, abs=1e-9)
    assert params.scale == pytest.approx(step, rel=1e-5) and params.zero_point == -offset


def test_the_grid_by_hand():
    lo, hi = affine_candidates(-1.0, 2.0, n_steps=3, n_deltas=3, n_offsets=3)
    # Δ ∈ {½, 1, 1½} and offset ∈ {−3, 0, observed −1}, cut to [−1, 2]
    expected = [(-1, 0), (0, 1.5), (-0.5, 1), (-1, 0), (0, 2), (-1, 2), (-1, 0), (0, 2), (-1, 2)]
    assert list(zip(lo, hi, strict=True)) == expected


def test_symmetric_ranges_have_a_hundred_and_one_steps_the_widest_beyond_the_data():
    x = on_bin_centres(RNG.standard_normal(2000))
    farthest = np.abs(x).max()
    noise = []
    for k in range(1, 102):
        scale = farthest * k / 100 / 7
        level = np.rint(x / scale)
        nearest = np.clip(level, -8, 7)
        noise.append(np.sum(np.where(level == nearest, 1, 3) * np.square(nearest * scale - x)))
    params = SQNR(**BINS).observe(x).params(4, symmetric=True)
    assert params.scale == pytest.approx(farthest * (1 + np.argmin(noise)) / 100 / 7, rel=1e-6)  # float32


def test_the_widest_symmetric_candidate_is_one_per_cent_beyond_the_data():
    lo, hi = symmetric_candidates(-1.0, 2.0)
    assert len(hi) == 101 and hi[0] == 0.02 and hi[-1] == 2.02 and (lo == -hi).all()


def test_clipping_costs_more_with_a_greater_gamma():
    x = RNG.laplace(0, 1, 20_000)
    widths = [np.ptp(SQNR(gamma=gamma).observe(x).range(n_bits=4)) for gamma in (0.3, 1, 3, 30)]
    assert widths == sorted(widths) and widths[0] < widths[-1]


@pytest.mark.parametrize("n_bits", [3, 4, 6])
def test_it_beats_the_extremes_and_comes_near_the_finer_search(n_bits):
    x = RNG.laplace(0, 1, 20_000).astype(np.float32)
    error = {}
    for observer in (MinMax(), SQNR(gamma=1.0), MSE()):
        x_hat = fake_quantize(x, observer.observe(x).params(n_bits))
        error[type(observer).__name__] = np.mean(np.square(x_hat - x))
    assert error["SQNR"] < 0.8 * error["MinMax"]
    assert error["MSE"] <= error["SQNR"] < 1.25 * error["MSE"]  # a coarse grid: steps of 1/16


@pytest.mark.parametrize("symmetric", [False, True])
def test_batches_may_come_in_any_cut_and_order(symmetric):
    x = RNG.standard_normal(3000).astype(np.float32)
    one, many = SQNR(), SQNR()
    one.observe(x)
    for part in np.split(x[::-1], [7, 500, 2999]):
        many.observe(part)
    assert one.params(4, symmetric=symmetric) == many.params(4, symmetric=symmetric)


def test_channels_are_searched_one_by_one():
    x = np.stack([RNG.standard_normal(500), 100 * RNG.laplace(0, 1, 500)])
    both = SQNR(axis=0).observe(x).params(4)
    assert both.scale.tolist() == [float(SQNR().observe(row).params(4).scale) for row in x]


@pytest.mark.parametrize("value", [0.0, 3.0, -3.0])
def test_constant_data(value):
    params = SQNR().observe(np.full(5, value)).params(8)
    x = np.float32([value])
    assert fake_quantize(x, params) == pytest.approx(value, rel=1e-6)  # at an end of the range


@pytest.mark.parametrize(
    "options", [dict(n_deltas=1), dict(n_offsets=2), dict(gamma=-1.0), dict(gamma=np.nan)]
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="must be at least"):
        SQNR(**options)
