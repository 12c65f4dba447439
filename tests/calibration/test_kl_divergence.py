import numpy as np
import pytest

from qbref.calibration.kl_divergence import EPSILON, divergences


def plain_divergences(counts, n_levels):
    """The definition with lists and loops, one threshold after another."""
    found = []
    for i in range(n_levels, len(counts) + 1):
        kept = [int(n) for n in counts[:i]]
        if sum(kept) == 0:
            found.append(np.inf)
            continue
        p = [*kept[:-1], kept[-1] + sum(int(n) for n in counts[i:])]
        q = [0.0] * i
        for cell in range(n_levels):
            bins = [b for b in range(i) if b * n_levels // i == cell and kept[b] > 0]
            for b in bins:
                q[b] = sum(kept[b] for b in bins) / len(bins)
        q = [(1 - EPSILON) * v / sum(q) + EPSILON / i for v in q]
        found.append(sum(v / sum(p) * np.log(v / sum(p) / w) for v, w in zip(p, q, strict=True) if v > 0))
    return found


def test_it_equals_the_definition_computed_bin_by_bin():
    rng = np.random.default_rng(0)
    for _ in range(40):
        counts = rng.integers(0, 6, size=rng.integers(8, 40)) * rng.integers(0, 2)
        counts[-1] += 1
        n_levels = int(rng.integers(2, 8))
        expected = plain_divergences(counts, n_levels)
        # sums of some ten terms of size 1 in float64
        assert divergences(counts, n_levels) == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_by_hand():
    # i = 2: P = (4, 8)/12, Q = (4, 4)/8;  i = 3: P = (4, 4, 4)/12, Q = (4 + 4, 2)/10 spread: (4, 4, 2)/10
    # i = 4: P = (4, 4, 2, 2)/12 = Q
    expected = [
        np.log(2 / 3) / 3 + 2 * np.log(4 / 3) / 3,
        2 * np.log(5 / 6) / 3 + np.log(5 / 3) / 3,
        0,
    ]
    # the share ε moved to the uniform distribution changes each logarithm by less than ε
    assert divergences(np.array([4, 4, 2, 2]), 2) == pytest.approx(expected, abs=EPSILON)


def test_outliers_are_in_p_but_not_in_q():
    # with them in Q too, both would be (1, 1)/2 after the first two bins: clipping would cost nothing
    assert divergences(np.array([10, 5, 0, 5]), 2)[0] > 0.05


def test_cells_are_averaged_in_real_numbers():
    # a cell of 3 values in 2 bins gets 1.5 each; truncated to 1, Q would lose a quarter of its weight there
    counts = np.array([2, 1, 8, 8])
    p, q = counts / 19, np.array([1.5, 1.5, 8, 8]) / 19
    assert divergences(counts, 2)[-1] == pytest.approx((p * np.log(p / q)).sum(), abs=EPSILON)


def test_empty_bins_stay_empty():
    # 6 values in the one bin of the cell that is not empty: Q = P
    assert divergences(np.array([0, 6, 3, 3]), 2)[-1] == pytest.approx(0, abs=EPSILON)


def test_a_last_bin_of_nothing_but_outliers_costs_much_but_not_infinitely():
    costs = divergences(np.array([50, 50, 50, 0, 0, 0, 1]), 3)
    assert np.isfinite(costs).all()
    assert costs[1] > costs[0] > costs[-1]  # where Q is 0 next to the outlier, it costs the most


def test_a_threshold_that_keeps_no_value_is_no_candidate():
    assert np.isinf(divergences(np.array([0, 0, 0, 7]), 2)).tolist() == [True, True, False]


def test_many_thresholds_are_the_same_as_few():
    counts = np.random.default_rng(1).poisson(5, size=300)
    counts[-1] = 1
    assert divergences(counts, 4) == pytest.approx(plain_divergences(counts, 4), rel=1e-9)
