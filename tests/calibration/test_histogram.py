"""Golden values: torch.ao.quantization.HistogramObserver, PyTorch 2.13.0, CPU; dtype qint8, 2048 bins.

The data come from additions, multiplications and divisions alone, so they are the same everywhere.
"""

import numpy as np
import pytest

from qbref.calibration import Histogram
from qbref.calibration.torch_histogram import TorchHistogram


def evenly(n):
    return (2 * np.arange(n) + 1) / n - 1


def heavy_tailed(n):
    t = evenly(n)
    return (t / (1.01 - t * t)).astype(np.float32)


def rarely_large(n, doublings):
    power = t = evenly(n)
    for _ in range(doublings):
        power = power * power
    return (t * (1 + 3 * power)).astype(np.float32)


def three_batches(doublings):
    x = rarely_large(20_000, doublings)
    last = rarely_large(20_000 // 7, doublings) * np.float32(1.5) + np.float32(0.2)
    return [x * np.float32(0.5), x, last]


# batches, searched range, scale and zero point affine, scale symmetric; sum and first moment of the bins
GOLDEN = {
    "two-sided": (
        [heavy_tailed(2000)],
        (-90.8656997680664, 90.77696990966797),
        (0.7123242020606995, 0, 0.7126721739768982),
        (2000.0, 2047000.0),
    ),
    "one-sided": (
        [np.maximum(heavy_tailed(2000), 0)],
        (0.0, 90.82133483886719),
        (0.35616210103034973, -128, 0.7123242020606995),
        (2000.0, 51484.0),
    ),
    "shifted": (
        [heavy_tailed(2000) + np.float32(60)],
        (-30.865699768066406, 150.77694702148438),
        (0.7123240828514099, -85, 1.1825642585754395),
        (2000.0, 2047000.0),
    ),
    "growing": (
        [heavy_tailed(500) * np.float32(s) for s in (0.25, 1, 1, 3)],
        (-213.91824340820312, 213.7093505859375),
        (1.6769709587097168, 0, 1.6777901649475098),
        (2000.0, 2047000.0),
    ),
    "growing from a constant": (
        [np.full(30, 2, np.float32), heavy_tailed(1000)],
        (-83.2569351196289, 83.1756362915039),
        (0.6526767611503601, 0, 0.6529955863952637),
        (1030.0, 1054940.0),
    ),
    "drifting": (
        [np.abs(heavy_tailed(700)) * np.float32(0.1 * k) + np.float32(k * k) for k in range(1, 6)],
        (1.0001415014266968, 63.808815002441406),
        (0.2502306401729584, -128, 0.5004612803459167),
        (3500.0, 1217696.6668701172),
    ),
    "few values": (
        [(np.arange(400) % 5 - 1).astype(np.float32), np.float32([9])],
        (-1.0, 8.9951171875),
        (0.03919653967022896, -102, 0.07054993510246277),
        (401.0, 165727.0),
    ),
    "constant": (
        [np.full(10, -1.5, np.float32)],
        (-1.5, -1.5),
        (0.0058823530562222, 127, 0.0117647061124444),
        (10.0, 10240.0),
    ),
    "clipped": (
        [rarely_large(20_000, 10)],
        (-3.850069761276245, 3.5718419551849365),
        (0.0291055366396904, 4, None),
        (20000.0, 20470000.0),
    ),
    "clipped while growing": (
        three_batches(10),
        (-4.442691802978516, 4.838157653808594),
        (0.03639548644423485, -6, None),
        (42857.0, 42099642.375),
    ),
    "clipped at both ends while growing": (
        three_batches(8),
        (-5.412287712097168, 5.132674217224121),
        (0.04135279357433319, 3, None),
        (42857.0, 42404717.6875),
    ),
}
every_case = pytest.mark.parametrize("name", GOLDEN)


def observed(name):
    observer = Histogram()
    for batch in GOLDEN[name][0]:
        observer.observe(batch)
    return observer


@every_case
def test_the_range_is_pytorchs_bit_for_bit(name):
    assert observed(name).range(n_bits=8) == GOLDEN[name][1]


@every_case
def test_scale_and_zero_point_are_pytorchs(name):
    scale, zero_point, symmetric_scale = GOLDEN[name][2]
    affine = observed(name).params()
    assert affine.zero_point == zero_point
    # PyTorch rounds the width of the range and the quotient to float32, here only the quotient is rounded
    assert affine.scale == pytest.approx(scale, rel=2**-23)
    if symmetric_scale is not None:
        symmetric = observed(name).params(symmetric=True, symmetric_divisor="half_span")
        assert symmetric.scale == pytest.approx(symmetric_scale, rel=2**-23)


@every_case
def test_the_running_histogram_is_pytorchs(name):
    histogram = TorchHistogram(2048)
    for batch in GOLDEN[name][0]:
        histogram.add(batch)
    counts = histogram.counts.astype(np.float64)
    assert (counts.sum(), counts @ np.arange(2048)) == GOLDEN[name][3]  # exact: multiples of a power of 1/16


def test_channels_are_observed_apart():
    x = np.stack([rarely_large(20_000, 10), heavy_tailed(20_000)], axis=1)
    lo, hi = Histogram(axis=1).observe(x).range(n_bits=8)
    assert (lo[0], hi[0]) == GOLDEN["clipped"][1]
    assert (lo[1], hi[1]) == Histogram().observe(x[:, 1].copy()).range(n_bits=8)


def test_fewer_levels_clip_more():
    observer = Histogram().observe(rarely_large(20_000, 10))
    widths = [np.ptp(observer.range(n_bits=n)) for n in (2, 4, 8, 16)]
    assert widths == sorted(widths) and widths[0] < 0.95 * widths[2]


@pytest.mark.parametrize("factor", [2.0**-60, 2.0**60])
def test_a_power_of_two_scales_the_range_and_nothing_else(factor):
    # PyTorch itself loses the cubes of such values beyond the ends of float32
    lo, hi = Histogram().observe(rarely_large(20_000, 10) * np.float32(factor)).range(n_bits=8)
    assert (lo / factor, hi / factor) == GOLDEN["clipped"][1]


def test_values_near_the_largest_float32_are_searched_without_overflow():
    x = rarely_large(20_000, 10) * np.float32(2.0**126)
    assert np.isfinite(x).all() and x.max() - x.min().astype(np.float64) > np.finfo(np.float32).max
    lo, hi = (end / 2.0**126 for end in Histogram().observe(x).range(n_bits=8))
    # in float64 then: a bin more or less, of 1/2048 of the range
    assert (lo, hi) == pytest.approx(GOLDEN["clipped"][1], abs=2 * 7.7 / 2048)


def test_too_few_bins_are_refused():
    with pytest.raises(ValueError, match="n_bins must be at least 2, got 1"):
        Histogram(n_bins=1)
    with pytest.raises(TypeError, match="n_bins must be an integer"):
        Histogram(n_bins=2048.0)


def test_counts_move_as_sums_in_float32():
    # PyTorch 2.13.0: HistogramObserver(bins=512) on these five batches; float64 sums end up elsewhere
    histogram = TorchHistogram(512)
    for scale in (0.1, 0.23, 0.4, 0.9, 1.3):
        histogram.add(heavy_tailed(20_000) * np.float32(scale))
    counts = histogram.counts.astype(np.float64)
    assert (counts.sum(), np.arange(512) @ counts) == (100000.01318359375, 25550003.365600586)
