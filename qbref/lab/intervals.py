"""How sure a measured figure is: 95 % intervals for accuracies, differences, repeated trainings and times."""

from typing import NamedTuple

import numpy as np

# Student's t, the 97.5 % point for 1, 2, … 30 degrees of freedom.
T = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
Z = 1.960


class Interval(NamedTuple):
    """An estimate and the ends of its 95 % interval, in one unit.

    Examples
    --------
    >>> print(Interval(1.5, 0.96, 2.04))
    1.50 [0.96, 2.04]
    """

    estimate: float
    low: float
    high: float

    def __str__(self):
        return f"{self.estimate:.2f} [{self.low:.2f}, {self.high:.2f}]"


def accuracy(correct):
    """Share of right answers in per cent, with Wilson's interval.

    (p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n), z = 1.96

    Parameters
    ----------
    correct : bool array (N,)

    Notes
    -----
    Unlike p ± z √(p (1 − p) / n) it has a width at 0 % and 100 %, too. Wilson, Journal of the American
    Statistical Association 22 (1927).

    Examples
    --------
    >>> print(accuracy(np.ones(10, bool)))
    100.00 [72.25, 100.00]
    """
    correct = np.asarray(correct, bool)
    n = _at_least("correct", correct.size, 1)
    p, half = correct.mean(), Z**2 / (2 * n)
    width = Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    low, high = (p + half + np.array([-width, width])) / (1 + 2 * half)
    return Interval(*(100 * float(v) for v in (p, max(low, 0), min(high, 1))))


def paired(a_correct, b_correct):
    """How many points more a gets right than b, on the same examples: mean(a − b) ± 1.96 s / √n.

    The pairing takes out what is hard for both, so that two methods half a point apart can be told apart.

    Parameters
    ----------
    a_correct, b_correct : bool arrays (N,)

    Returns
    -------
    Interval
        In percentage points.

    Examples
    --------
    >>> a = np.array([1, 1, 1, 0] * 25, bool)
    >>> print(paired(a, np.roll(a, 1)))
    0.00 [-13.93, 13.93]
    """
    a, b = np.asarray(a_correct, bool), np.asarray(b_correct, bool)
    if a.shape != b.shape:
        raise ValueError(f"b_correct must have the shape of a_correct {a.shape}, got {b.shape}")
    n = _at_least("a_correct", a.size, 2)
    difference = 100.0 * (a.astype(float) - b)
    width = Z * difference.std(ddof=1) / np.sqrt(n)
    return _around(difference.mean(), width)


def over_seeds(values):
    """Mean of repeated trainings, ± t s / √n with Student's t.

    Parameters
    ----------
    values : sequence of float
        One for each seed; differences seed by seed, to compare two methods.

    Examples
    --------
    >>> print(over_seeds([1.0, 2.0, 3.0]))
    2.00 [-0.48, 4.48]
    """
    values = np.asarray(values, float)
    n = _at_least("values", values.size, 2)
    t = T[n - 2] if n - 2 < len(T) else Z
    return _around(values.mean(), t * values.std(ddof=1) / np.sqrt(n))


def median(values):
    """The median, between the order statistics that enclose it in 95 % of samples, whatever the distribution.

    With B the number of values below the true median, B ~ binomial(n, ½): the ends are the k-th smallest and
    the k-th largest value, k the largest number with P(B < k) ≤ 2.5 %.

    Parameters
    ----------
    values : sequence of float
        At least six: of fewer the smallest and the largest enclose the median less often.

    Examples
    --------
    >>> print(median([3, 1, 2, 5, 4, 6]))
    3.50 [1.00, 6.00]
    """
    values = np.sort(np.asarray(values, float))
    n = _at_least("values", values.size, 6)
    logarithms = np.concatenate([[0], np.cumsum(np.log(np.arange(1, n + 1)))])
    chances = np.exp(logarithms[n] - logarithms - logarithms[::-1] - n * np.log(2))
    k = int(np.searchsorted(np.cumsum(chances), 0.025, side="right"))
    return Interval(float(np.median(values)), float(values[k - 1]), float(values[n - k]))


def _around(mean, width):
    return Interval(float(mean), float(mean - width), float(mean + width))


def _at_least(name, n, least):
    if n < least:
        raise ValueError(f"{name} must hold at least {least} values, got {n}")
    return n
