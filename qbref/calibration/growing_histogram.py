"""A histogram of a stream in constant memory that no order of arrival can change.

Bin i counts the values in [i·width, (i + 1)·width), and the width is a power of two. When a value
falls outside the bins, neighbours 2i and 2i + 1 are merged into bin i of twice the width: counts move
as wholes, nothing is interpolated. The width is always the smallest power of two for which the whole
range, 0 included, fits into the bins. So the histogram depends on the values alone, and a thousand
batches leave exactly what one batch of all the data would.
"""

import numpy as np

SMALLEST_EXPONENT = -200  # of the width; below any float32
PART = 2**14  # values counted at a time, so that what is in between stays in the processor's cache


class GrowingHistogram:
    """Counts of values in bins of width 2^exponent, aligned to 0.

    Parameters
    ----------
    n_bins : int
        At least 2. The width is below 2 · (hi − lo) / (n_bins − 1), 0 counted into the range.

    Attributes
    ----------
    counts : int64 array, shape (n_bins,)
    first : int
        Number of the bin ``counts[0]``: it begins at ``first * width``.
    lo, hi : float
        Smallest and largest value, exact.

    Examples
    --------
    >>> histogram = GrowingHistogram(4)
    >>> histogram.add(np.array([0.5, 1.5, 3.5])).counts
    array([1, 1, 0, 1])
    >>> histogram.add(np.array([7.0])).counts, histogram.width
    (array([2, 1, 0, 1]), 2.0)
    """

    def __init__(self, n_bins=4096):
        if n_bins < 2:
            raise ValueError(f"n_bins must be at least 2, got {n_bins}")
        self.n_bins = n_bins
        self.counts = np.zeros(n_bins, np.int64)
        self.first, self.exponent = 0, SMALLEST_EXPONENT
        self.lo, self.hi = np.inf, -np.inf

    @property
    def width(self):
        """Width of a bin."""
        return float(np.ldexp(1.0, self.exponent))

    def add(self, x):
        """Count the values of `x`, finite floats, at least one, rounded to float32."""
        x = np.asarray(x, np.float32).ravel()
        self.lo, self.hi = min(self.lo, float(x.min())), max(self.hi, float(x.max()))
        self._make_room()
        for part in np.split(x, range(PART, x.size, PART)):
            bins = np.floor(part * np.ldexp(1.0, -self.exponent)) - self.first
            self.counts += np.bincount(bins.astype(np.intp), minlength=self.n_bins)
        return self

    def points(self):
        """Return (centres, counts) of the bins that are not empty."""
        occupied = np.flatnonzero(self.counts)
        centres = (occupied + self.first + 0.5) * self.width
        return np.clip(centres, self.lo, self.hi), self.counts[occupied]

    def quantile(self, fraction):
        """Return about the ceil(fraction · n)-th smallest of the n values, at most one width away.

        Within a bin the values are taken as evenly spread.
        """
        wanted = fraction * self.counts.sum()
        below = np.cumsum(self.counts) - self.counts
        i = np.searchsorted(below + self.counts, wanted)  # the first bin to reach it
        part = (wanted - below[i]) / max(self.counts[i], 1)
        return float(np.clip((self.first + i + part) * self.width, self.lo, self.hi))

    def _make_room(self):
        """Widen the bins until [lo, hi] and 0 fit, and move the counts to their new places."""
        lo, hi = min(self.lo, 0.0), max(self.hi, 0.0)
        exponent = self.exponent
        if hi > lo:  # where to start looking: a width under which the range cannot fit
            exponent = max(exponent, int(np.frexp((hi - lo) / self.n_bins)[1]) - 2)
        while _bin(hi, exponent) - _bin(lo, exponent) >= self.n_bins:
            exponent += 1
        old = np.flatnonzero(self.counts)
        merged = (old + self.first) >> min(exponent - self.exponent, 62)
        moved = np.zeros(self.n_bins, np.int64)
        first = _bin(lo, exponent)
        np.add.at(moved, merged - first, self.counts[old])
        self.counts, self.first, self.exponent = moved, first, exponent


def _bin(x, exponent):
    return int(np.floor(np.ldexp(x, -exponent)))
