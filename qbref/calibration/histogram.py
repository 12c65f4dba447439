"""PyTorch's choice of range."""

import numpy as np

from qbref.calibration.base import HistogramObserver
from qbref.calibration.quantile_walk import walk_inwards
from qbref.calibration.torch_histogram import TorchHistogram


class Histogram(HistogramObserver):
    """The range of PyTorch's HistogramObserver: clip a histogram inwards while the squared error falls.

    Parameters
    ----------
    axis : int, optional
        Channel dimension; None for the whole tensor, the only choice in PyTorch.
    n_bins : int
        Bins of the histogram kept for each channel.

    Raises
    ------
    ValueError
        If `n_bins` is less than 2.

    Notes
    -----
    For 8 bits the range is PyTorch's, bit for bit; for others the error is that of 2^n_bits levels,
    where PyTorch keeps 256. PyTorch's symmetric scales divide by 127.5: ``symmetric_divisor=
    "half_span"``. It computes scales in float32 and none below 2⁻²³, and ignores infinities, which are
    an error here.

    The levels for which the error is estimated divide the clipped range itself, whether 0 is inside or
    not, so symmetric options do not change the choice. The lower end hardly ever moves
    (:mod:`qbref.calibration.quantile_walk` says why). Counts are moved approximately when the range
    grows, so the order of batches matters a little. :class:`MSE` is free of these: it searches for the
    least error of the very quantizer asked for, at both ends, whatever the order.

    Examples
    --------
    >>> x = np.append(np.linspace(0, 1, 10_000), 9.0)
    >>> lo, hi = Histogram().observe(x).range(n_bits=4)
    >>> print(f"{lo:.3f} {hi:.3f}")
    0.000 0.998
    """

    histogram_type = TorchHistogram

    def __init__(self, axis=None, n_bins=2048):
        super().__init__(axis, n_bins)

    def _range(self, quantizer):
        n_levels = 2 ** quantizer(-1.0, 1.0).n_bits
        ends = [walk_inwards(h.counts, h.lo, h.hi, n_levels) for h in self._histograms]
        return np.transpose(ends)
