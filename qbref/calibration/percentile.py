"""Almost all of the observed range."""

import numpy as np

from qbref.calibration.base import HistogramObserver


class Percentile(HistogramObserver):
    """hi = the `percentile`-th percentile of all values, lo = the (100 − percentile)-th.

    The values beyond saturate, in exchange for finer steps for all others.

    Parameters
    ----------
    percentile : float
        Above 50 and at most 100; 100 keeps the whole range.
    axis : int, optional
        Channel dimension; None for the whole tensor.
    n_bins : int
        Bins of the histogram kept for each channel.

    Raises
    ------
    ValueError
        If `percentile` or `n_bins` is out of range.

    Notes
    -----
    Two-sided: both tails of the signed values lose the same share. (Percentiles of |x| are also in
    use; they differ for skewed data.) Memory is constant. The bounds are off by at most one bin, that
    is by 2 / (n_bins − 1) of the whole range including 0, so an outlier a thousand times the rest
    leaves little resolution: give more bins then. Batches may arrive in any order and size.

    Examples
    --------
    >>> Percentile(100).observe([0.0, 12.75, 25.5]).params()
    QuantParams(scale=0.1, zero_point=-128, [-128, 127])
    """

    def __init__(self, percentile=99.99, axis=None, n_bins=4096):
        if not 50 < percentile <= 100:
            raise ValueError(f"percentile must be above 50 and at most 100, got {percentile}")
        self.percentile = percentile
        super().__init__(axis, n_bins)

    def _range(self, quantizer):
        lo = [histogram.quantile(1 - self.percentile / 100) for histogram in self._histograms]
        hi = [histogram.quantile(self.percentile / 100) for histogram in self._histograms]
        return np.array(lo), np.array(hi)
