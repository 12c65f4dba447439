"""The running histogram of PyTorch's HistogramObserver, float32 step by float32 step.

Bins divide [min, max] of the values so far evenly. When a batch widens that range, the old counts move
to the new bins in pieces: each old bin is cut into 16 parts of equal count, and every part goes where
its middle lies. That is an estimate, and it depends on the order of the batches;
:class:`qbref.calibration.GrowingHistogram` shows how to do without.

Source: pytorch/pytorch, torch/ao/quantization/observer.py and aten/src/ATen/native/RangeFactories.cpp.
"""

import numpy as np

PARTS = 16  # of an old bin
WIDEST_FLOAT32 = 2.0**100  # range in which no intermediate float32 overflows


class TorchHistogram:
    """Counts of values in `n_bins` bins of equal width from `lo` to `hi`.

    Parameters
    ----------
    n_bins : int

    Attributes
    ----------
    counts : float32 array, shape (n_bins,)
        Fractions of a value after the range has grown.
    lo, hi : float
        Smallest and largest value, exact.

    Examples
    --------
    >>> histogram = TorchHistogram(4)
    >>> histogram.add(np.array([0.0, 1.5, 4.0])).counts
    array([1., 1., 0., 1.], dtype=float32)
    >>> histogram.add(np.array([8.0])).counts
    array([2., 1., 0., 1.], dtype=float32)
    """

    def __init__(self, n_bins=2048):
        self.n_bins = n_bins
        self.counts = np.zeros(n_bins, np.float32)
        self.lo, self.hi = np.inf, -np.inf

    def add(self, x):
        """Count the values of `x`, finite floats, at least one, rounded to float32."""
        x = np.asarray(x, np.float32).ravel()
        lo, hi = min(self.lo, float(x.min())), max(self.hi, float(x.max()))
        counts = count(x, self.n_bins, lo, hi)
        if self.lo <= self.hi:  # not the first batch
            counts += self._moved_to(lo, hi)
        self.counts, self.lo, self.hi = counts, lo, hi
        return self

    def _moved_to(self, lo, hi):
        """The counts in the bins of [lo, hi], which contains the old range."""
        if (lo, hi) == (self.lo, self.hi):
            return self.counts
        if self.lo == self.hi:
            return count(np.float32([self.lo]), self.n_bins, lo, hi) * self.counts.sum()
        kind = float_type(lo, hi)
        n_parts = self.n_bins * PARTS
        part = (kind(self.hi) - kind(self.lo)) / kind(n_parts)
        middles = evenly_spaced(self.lo, self.hi, n_parts + 1, kind)[:-1] + kind(0.5) * part
        edges = evenly_spaced(lo, hi, self.n_bins + 1, kind)
        bins = np.clip(np.searchsorted(edges, middles, "right") - 1, 0, self.n_bins - 1)
        shares = np.repeat(self.counts / np.float32(PARTS), PARTS)
        counts = np.zeros(self.n_bins, np.float32)
        np.add.at(counts, bins, shares)  # one by one, in float32, as torch.bincount sums
        return counts


def float_type(lo, hi):
    """float32 as in PyTorch, or float64 for a range so wide that float32 would overflow on the way."""
    return np.float32 if hi - lo < WIDEST_FLOAT32 else np.float64


def count(x, n_bins, lo, hi):
    """torch.histc: bin = floor((x − lo) · n_bins / (hi − lo)), and x = hi is in the last one.

    A range without width becomes [lo − 1, hi + 1].
    """
    kind = float_type(lo, hi)
    if lo == hi:
        lo, hi = kind(lo) - kind(1), kind(hi) + kind(1)
    place = x.astype(kind)
    place -= kind(lo)
    place *= kind(n_bins)
    place /= kind(hi) - kind(lo)
    bins = place.astype(np.intp)
    counts = np.bincount(bins, minlength=n_bins + 1)
    counts[n_bins - 1] += counts[n_bins]
    return counts[:n_bins].astype(np.float32)


def evenly_spaced(start, end, n, kind):
    """torch.linspace: counted from the nearer end, each point rounded once."""
    step = np.float64((kind(end) - kind(start)) / kind(n - 1))
    i = np.arange(n)
    points = np.where(i < n // 2, start + step * i, end - step * (n - 1 - i))
    return points.astype(kind)
