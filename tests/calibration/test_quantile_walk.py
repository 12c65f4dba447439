from fractions import Fraction

import numpy as np
import pytest

from qbref.calibration.quantile_walk import squared_error, walk_inwards


def exact_error(counts, width, first, last, n_levels):
    """The integral over every piece of a bin that lies in one cell, in exact arithmetic."""
    width = Fraction(width)
    cell = width * (last - first + 1) / n_levels
    error = Fraction(0)
    for b, n in enumerate(counts):
        begin, end = (b - first) * width, (b + 1 - first) * width
        borders = [k * cell for k in range(1, n_levels)]  # beyond them: the outermost level
        cuts = [begin, *(c for c in borders if begin < c < end), end]
        for left, right in zip(cuts, cuts[1:], strict=False):
            k = min(max((left + right) / 2 // cell, 0), n_levels - 1)
            level = (k + Fraction(1, 2)) * cell
            error += Fraction(int(n)) / width * ((right - level) ** 3 - (left - level) ** 3) / 3
    return error


@pytest.mark.parametrize(("first", "last"), [(0, 11), (2, 11), (0, 7), (3, 4), (5, 5)])
@pytest.mark.parametrize("n_levels", [2, 3, 16])
def test_the_error_is_the_integral_over_bins_and_levels(first, last, n_levels):
    counts = np.array([3, 0, 5, 8, 13, 21, 20, 9, 4, 0, 1, 2], np.float32)
    exact = float(exact_error(counts, 0.75, first, last, n_levels))
    assert squared_error(counts, 0.75, first, last, n_levels) == pytest.approx(exact, rel=1e-5)  # float32


def test_scaling_by_a_power_of_two_leaves_the_error_as_it_is():
    counts = np.arange(16, dtype=np.float32)
    errors = {squared_error(counts, 0.75 * 2.0**k, 2, 12, 4) for k in (-100, 0, 100)}
    assert len(errors) == 1


def test_an_outlier_at_the_upper_end_is_given_up_and_one_at_the_lower_end_is_not():
    counts = np.array([50] * 90 + [0] * 9 + [1], np.float32)
    assert walk_inwards(counts, 0.0, 100.0, n_levels=4)[1] < 90
    assert walk_inwards(counts[::-1], 0.0, 100.0, n_levels=4)[0] == 0
    # unless it is less than 1e-5 of all values
    counts[:90] = 5000
    assert walk_inwards(counts[::-1], 0.0, 100.0, n_levels=4)[0] >= 9


def test_many_levels_leave_nothing_to_gain():
    counts = np.full(64, 1000, np.float32)
    lo, hi = walk_inwards(counts, 0.0, 64.0, n_levels=2**16)
    assert lo == 0 and hi >= 63
