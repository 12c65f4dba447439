import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from qbref.calibration import GrowingHistogram


def counted(histogram):
    """{bin number: count} of the occupied bins."""
    numbers = np.flatnonzero(histogram.counts)
    return {int(i) + histogram.first: int(histogram.counts[i]) for i in numbers}


def expected_histogram(x, n_bins):
    """The definition in exact arithmetic: the smallest fitting power of two, then floor."""
    values = [Fraction(float(v)) for v in x]
    lo, hi = min([*values, 0]), max([*values, 0])
    exponent = -200
    while math.floor(hi / Fraction(2) ** exponent) - math.floor(lo / Fraction(2) ** exponent) >= n_bins:
        exponent += 1
    return exponent, Counter(math.floor(v / Fraction(2) ** exponent) for v in values)


def datasets():
    rng = np.random.default_rng(0)
    return {
        "normal": rng.normal(size=300),
        "positive": rng.exponential(size=300) + 5,
        "negative": -rng.exponential(size=300),
        "powers": 2.0 ** np.arange(-20, 20),
        "zeros": np.zeros(10),
        "constant": np.full(10, 3.0),
        "tiny": rng.normal(size=50) * 1e-42,
        "huge": rng.normal(size=50) * 1e37,
        "mixed": np.array([-1e-45, 1e-45, 3e38, -1e-10, 0.0]),
        "edges": np.array([-4.0, -2.0, 0.0, 2.0, 4.0, 8.0]),
    }


@pytest.mark.parametrize("name", datasets())
@pytest.mark.parametrize("n_bins", [2, 3, 16, 512])
@pytest.mark.parametrize("order", ["as is", "one by one", "backwards"])
def test_the_histogram_depends_on_the_values_alone(name, n_bins, order):
    x = datasets()[name].astype(np.float32)
    batches = {"as is": [x], "one by one": x.reshape(-1, 1), "backwards": np.array_split(x[::-1], 3)}[order]
    histogram = GrowingHistogram(n_bins)
    for batch in batches:
        histogram.add(batch)
    exponent, counts = expected_histogram(x, n_bins)
    assert histogram.exponent == exponent
    assert counted(histogram) == counts
    assert (histogram.lo, histogram.hi) == (x.min(), x.max())


def test_the_width_keeps_its_promise():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=20) * 10.0 ** rng.integers(-10, 10) + rng.normal()
        histogram = GrowingHistogram(64).add(x)
        assert histogram.width < 2 * (max(x.max(), 0) - min(x.min(), 0)) / 63


def test_quantiles_are_within_one_width_of_the_order_statistic():
    rng = np.random.default_rng(1)
    for x in (rng.normal(size=1001), rng.exponential(size=500), -rng.exponential(size=77), np.array([5.0])):
        x = np.sort(x.astype(np.float32)).astype(np.float64)
        histogram = GrowingHistogram(128).add(x)
        for fraction in (0.0, 0.001, 0.25, 0.5, 0.9, 0.9999, 1.0):
            rank = max(math.ceil(Fraction(fraction) * len(x)), 1)
            assert abs(histogram.quantile(fraction) - x[rank - 1]) <= histogram.width


def test_quantiles_never_leave_the_observed_range():
    histogram = GrowingHistogram(4).add(np.array([2.5, 2.75, 3.5]))
    assert histogram.quantile(0.0) == 2.5
    assert histogram.quantile(1.0) == 3.5


def test_points_are_bin_centres_inside_the_observed_range():
    centres, counts = GrowingHistogram(8).add(np.array([0.0, 0.25, 3.0, 7.9])).points()
    # width 1; the last centre 7.5 is inside, and so are all others
    assert centres.tolist() == [0.5, 3.5, 7.5] and counts.tolist() == [2, 1, 1]
    centres, _ = GrowingHistogram(8).add(np.array([7.1])).points()
    assert centres.tolist() == [pytest.approx(7.1, rel=1e-6)]  # 7.5 lies outside


def test_too_few_bins_are_refused():
    with pytest.raises(ValueError, match="n_bins must be at least 2"):
        GrowingHistogram(1)
