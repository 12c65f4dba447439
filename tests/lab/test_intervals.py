"""Expected values by hand, from tables, and by simulation with known truth."""

from fractions import Fraction
from math import comb, sqrt

import numpy as np
import pytest

from qbref.lab import Interval, accuracy, median, over_seeds, paired


def test_wilson_by_hand():
    # 8 of 10: centre (0.8 + 1.9208/10) / 1.38416, half width from the formula with z = 1.96
    z, p, n = 1.96, 0.8, 10
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    found = accuracy(np.arange(10) < 8)
    assert found.estimate == 80
    assert (found.low, found.high) == pytest.approx((100 * (centre - half), 100 * (centre + half)), rel=1e-12)
    assert accuracy([False] * 4).low == 0 < accuracy([False] * 4).high


def test_paired_uses_the_differences_only():
    a = np.array([1, 1, 1, 0, 0, 1, 1, 1], bool)
    b = np.array([1, 0, 1, 0, 0, 0, 1, 1], bool)
    # differences 0 1 0 0 0 1 0 0: mean 1/4, variance (2 - 8/16)/7 = 3/14
    half = 1.96 * sqrt(3 / 14 / 8)
    assert paired(a, b) == pytest.approx((25, 25 - 100 * half, 25 + 100 * half), rel=1e-12)
    assert paired(a, a) == (0, 0, 0)
    assert paired(b, a).estimate == -25


def test_paired_is_narrower_than_two_separate_intervals_where_both_miss_the_same_images():
    rng = np.random.default_rng(0)
    hard = rng.random(10_000) < 0.13
    a, b = ~hard, ~(hard | (rng.random(10_000) < 0.005))
    found = paired(a, b)
    assert 0 < found.low < found.estimate < found.high < accuracy(a).high - accuracy(a).low


def test_over_seeds_uses_students_t():
    # three values 1, 2, 4: mean 7/3, s = sqrt(7/3), t(2) = 4.303
    half = 4.303 * sqrt(7 / 3) / sqrt(3)
    assert over_seeds([1, 2, 4]) == pytest.approx((7 / 3, 7 / 3 - half, 7 / 3 + half), rel=1e-12)
    assert over_seeds(np.arange(40.0)).high - 19.5 == pytest.approx(
        1.96 * np.arange(40).std(ddof=1) / sqrt(40)
    )


def test_students_t_encloses_the_mean_of_few_normal_values_in_95_of_100():
    rng = np.random.default_rng(1)
    inside = [i.low < 0 < i.high for i in map(over_seeds, rng.standard_normal((4000, 4)))]
    assert abs(np.mean(inside) - 0.95) < 4 * sqrt(0.95 * 0.05 / 4000)  # four standard deviations


@pytest.mark.parametrize("n", [6, 9, 10, 25, 100, 1001])
def test_the_medians_ends_are_the_widest_allowed_order_statistics(n):
    def below(k):  # P(fewer than k of n values lie below the median), exactly
        return Fraction(sum(comb(n, i) for i in range(k)), 2**n)

    found = median(np.arange(1, n + 1))
    k = int(found.low)
    assert below(k) <= Fraction(1, 40) < below(k + 1)
    assert found.high == n + 1 - k and found.estimate == (n + 1) / 2


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: accuracy([]), "correct must hold at least 1 values, got 0"),
        (lambda: paired([True], [True]), "a_correct must hold at least 2 values, got 1"),
        (
            lambda: paired([True, False], [True]),
            r"b_correct must have the shape of a_correct \(2,\), got \(1,\)",
        ),
        (lambda: over_seeds([3.0]), "values must hold at least 2 values, got 1"),
        (lambda: median([1, 2, 3]), "values must hold at least 6 values, got 3"),
    ],
)
def test_too_few_values_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_interval_prints_with_two_digits():
    assert str(Interval(0.123, -1, 2.005)) == "0.12 [-1.00, 2.00]"
