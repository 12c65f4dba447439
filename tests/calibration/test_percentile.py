import numpy as np
import pytest

from qbref.calibration import MinMax, Percentile


def bounds(p):
    return (p.qmin - p.zero_point) * float(p.scale), (p.qmax - p.zero_point) * float(p.scale)


@pytest.mark.parametrize("percentile", [75, 90, 99, 99.9])
def test_both_ends_agree_with_numpys_percentiles(percentile):
    x = np.random.default_rng(0).normal(size=100_000).astype(np.float32) + np.float32(0.3)
    lo, hi = bounds(Percentile(percentile).observe(x).params(n_bits=16))
    width = 2 * (x.max() - x.min()) / 4095  # the stated resolution
    gap = 0.01  # between neighbouring values at the 0.1 % tail of 100,000
    assert abs(lo - np.percentile(x, 100 - percentile)) <= width + gap
    assert abs(hi - np.percentile(x, percentile)) <= width + gap


def test_the_hundredth_percentile_is_the_whole_range():
    x = np.random.default_rng(1).normal(size=1000).astype(np.float32)
    assert Percentile(100).observe(x).params() == MinMax().observe(x).params()


def test_a_rare_outlier_is_cut_and_a_common_one_is_not():
    x = np.concatenate([np.linspace(-1, 1, 9999), [100.0]]).astype(np.float32)
    observer = Percentile(99.9, n_bins=2**16).observe(x)
    # 0.1 % of 10,000 values: rank 9990, that is 1 - 2·9/9998 = 0.998; resolution 2 · 101 / 65535 = 0.003
    assert bounds(observer.params(n_bits=16))[1] == pytest.approx(0.998, abs=0.004)
    common = np.concatenate([x, np.full(100, 100.0, np.float32)])
    assert bounds(Percentile(99.9).observe(common).params())[1] == pytest.approx(100, rel=0.01)


def test_batches_may_come_in_any_cut_and_order():
    x = np.random.default_rng(2).standard_t(2, size=3000).astype(np.float32)
    whole, parts = Percentile(99).observe(x), Percentile(99)
    for part in np.array_split(np.sort(x)[::-1], 13):
        parts.observe(part)
    assert whole.params() == parts.params()


@pytest.mark.parametrize("percentile", [50, 0, -1, 100.1, float("nan")])
def test_percentiles_out_of_range_are_refused(percentile):
    with pytest.raises(ValueError, match="percentile must be above 50 and at most 100"):
        Percentile(percentile)


def test_too_few_bins_are_refused():
    with pytest.raises(ValueError, match="n_bins must be at least 2"):
        Percentile(n_bins=1)
