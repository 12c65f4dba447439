"""The threshold that loses least information, after TensorRT."""

import numpy as np

from qbref.calibration.base import HistogramObserver
from qbref.calibration.kl_divergence import EPSILON, divergences


class Entropy(HistogramObserver):
    """Clip |x| at the threshold argmin KL(P ‖ Q): P the distribution clipped, Q clipped and quantized.

    Both sides share the threshold T, and the range never exceeds what was observed:
    lo = max(min x, −T), hi = min(max x, T).

    Parameters
    ----------
    axis : int, optional
        Channel dimension; None for the whole tensor.
    n_bins : int
        Bins of the histogram of |x| kept for each channel, of which more than half are in use.

    Raises
    ------
    ValueError
        If `n_bins` is less than 2; from ``params``, if it is less than 4 times the levels of |x|.

    Notes
    -----
    |x| has as many levels as the quantizer has from 0 upwards: 128 for 8 bits, and 256 for data on
    one side of 0 when the range is affine. Fewer bins than 4 per level would leave no candidates worth
    the name, hence the error.

    Zeros are not counted. Every candidate represents them exactly, but half a layer of them, as after
    ReLU, would outweigh all else in the bin they share with small values, and halve T.

    Of thresholds whose divergence is the least or not distinguishably more (10⁻⁶), the widest is taken.
    Memory is constant, and batches may arrive in any order and size. The divergence compares shapes,
    not distances: it does not care how far away the values are that it clips, and a spike elsewhere
    than at 0 does pull T down. See with :func:`compare` whether the squared error bears it.

    Source: S. Migacz, "8-bit inference with TensorRT", GPU Technology Conference 2017.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=100_000)
    >>> lo, hi = Entropy().observe(np.append(x, 40.0)).range(n_bits=8)
    >>> bool(3 < hi < 6), lo == max(-hi, x.min())
    (True, True)
    """

    def __init__(self, axis=None, n_bins=4096):
        super().__init__(axis, n_bins)

    def reset(self):
        super().reset()
        self._lo, self._hi = np.inf, -np.inf
        self._zeros = 0

    def _update(self, rows):
        rows = rows.astype(np.float32, copy=False)
        self._lo = np.minimum(self._lo, rows.min(axis=1))
        self._hi = np.maximum(self._hi, rows.max(axis=1))
        self._zeros = self._zeros + np.count_nonzero(rows == 0, axis=1)
        super()._update(np.abs(rows))

    def _range(self, quantizer):
        thresholds = [
            self._threshold(histogram, zeros, _levels_of_magnitudes(quantizer, lo, hi))
            for histogram, zeros, lo, hi in zip(
                self._histograms, self._zeros, self._lo, self._hi, strict=True
            )
        ]
        return np.maximum(self._lo, np.subtract(0.0, thresholds)), np.minimum(self._hi, thresholds)

    def _threshold(self, histogram, zeros, n_levels):
        """T of one channel."""
        if self.n_bins < 4 * n_levels:
            raise ValueError(
                f"n_bins must be at least 4 · {n_levels} for {n_levels} levels, got {self.n_bins}"
            )
        counts = histogram.counts.copy()
        counts[0] -= zeros
        used = np.flatnonzero(counts)
        if used.size == 0:  # nothing but zeros
            return histogram.hi
        costs = divergences(counts[: used[-1] + 1], n_levels)
        widest_of_the_best = np.flatnonzero(costs <= costs.min() + EPSILON)[-1]
        return min((n_levels + widest_of_the_best) * histogram.width, histogram.hi)


def _levels_of_magnitudes(quantizer, lo, hi):
    """How many levels |x| has, 0 included: on the only side of 0, or on the shorter of two."""
    if lo >= 0 or hi <= 0:
        unit = quantizer(0.0, 1.0)
        return unit.qmax - int(unit.zero_point) + 1
    unit = quantizer(-1.0, 1.0)
    return min(unit.qmax - int(unit.zero_point), int(unit.zero_point) - unit.qmin) + 1
