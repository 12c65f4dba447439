"""The range of least noise on a coarse grid of steps and offsets, clipped values counting more."""

import numpy as np

from qbref.calibration.base import HistogramObserver

SYMMETRIC_DELTAS = 101


class SQNR(HistogramObserver):
    """(Δ, offset) = argmin Σ w (x − x_hat)², w = γ where x is clipped and 1 elsewhere.

    The search of AIMET's SqnrEncodingAnalyzer: every step Δ from 1/16 to 17/16 of the one that covers the
    extremes is tried with offsets from −n to 0, n = 2^n_bits − 1, and the range Δ·[offset, offset + n] is
    cut to the observed one. Symmetric ranges have one offset, and 101 steps.

    Parameters
    ----------
    axis : int, optional
        Channel dimension; None for the whole tensor.
    n_bins : int
        Bins of the histogram kept for each channel.
    n_deltas, n_offsets : int
        Size of the grid for ranges that are not symmetric; the observed offset is tried as well.
    gamma : float
        γ, at least 0. With 1 the noise is the mean squared error, and maximal SQNR is minimal MSE.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: quic/aimet, ``aimet_torch/v2/quantization/encoding_analyzer.py``. Its grid, its costs and γ = 3,
    but a histogram that no order of batches changes, and the noise of the very quantizer asked for.
    γ > 1 favours ranges that clip less; :class:`MSE` searches a finer grid, with γ = 1.

    Examples
    --------
    >>> x = np.append(np.linspace(0, 1, 10_000), 16.0)
    >>> SQNR().observe(x).params(n_bits=4, signed=False)
    QuantParams(scale=0.444444, zero_point=0, [0, 15])
    >>> SQNR(gamma=1.0).observe(x).params(n_bits=4, signed=False)
    QuantParams(scale=0.231111, zero_point=0, [0, 15])
    """

    def __init__(self, axis=None, n_bins=2048, n_deltas=17, n_offsets=21, gamma=3.0):
        if min(n_deltas, n_offsets - 1) < 2:
            raise ValueError(
                f"n_deltas must be at least 2 and n_offsets at least 3, got {n_deltas} and {n_offsets}"
            )
        if not 0 <= gamma < np.inf:
            raise ValueError(f"gamma must be at least 0 and finite, got {gamma}")
        self.n_deltas, self.n_offsets, self.gamma = n_deltas, n_offsets, float(gamma)
        super().__init__(axis, n_bins)

    def _range(self, quantizer):
        return np.transpose([self._best(histogram, quantizer) for histogram in self._histograms])

    def _best(self, histogram, quantizer):
        extremes = min(histogram.lo, 0.0), max(histogram.hi, 0.0)
        if is_symmetric(quantizer):
            lo, hi = symmetric_candidates(*extremes)
        else:
            n_steps = n_steps_of(quantizer)
            lo, hi = affine_candidates(*extremes, n_steps, self.n_deltas, min(n_steps + 2, self.n_offsets))
        best = np.argmin(weighted_noise(*histogram.points(), quantizer(lo, hi, axis=0), self.gamma))
        return lo[best], hi[best]


def affine_candidates(lo, hi, n_steps, n_deltas, n_offsets):
    """(lo, hi) of each candidate: Δ·offset to Δ·(offset + n_steps), within the observed range on its grid.

    Examples
    --------
    >>> for lo, hi in zip(*affine_candidates(-1.0, 2.0, n_steps=3, n_deltas=2, n_offsets=3), strict=True):
    ...     print(lo, hi)
    -1.0 0.0
    0.0 2.0
    -1.0 2.0
    -1.0 0.0
    0.0 2.0
    -1.0 2.0
    """
    delta = max(hi - lo, float(np.finfo(np.float32).tiny)) / n_steps
    observed_offset = np.rint(lo / delta)
    deltas = delta * np.arange(1, n_deltas + 1) / (n_deltas - 1)
    offsets = np.rint(np.linspace(-n_steps, 0, n_offsets - 1))
    ends = np.multiply.outer(deltas, np.append(offsets, observed_offset))
    lowest, highest = delta * observed_offset, delta * (observed_offset + n_steps)
    return (
        np.maximum(ends, lowest).ravel(),
        np.minimum(ends + n_steps * deltas[:, None], highest).ravel(),
    )


def symmetric_candidates(lo, hi):
    """(−a, a) for a from 1/100 to 101/100 of the farthest value."""
    farthest = max(-lo, hi) * np.arange(1, SYMMETRIC_DELTAS + 1) / (SYMMETRIC_DELTAS - 1)
    return -farthest, farthest


def weighted_noise(centres, counts, params, gamma):
    """Σ count · w · (x − x_hat)² for each row of QuantParams, w = γ where x / Δ rounds to a level outside."""
    scale, zero_point = (v.astype(np.float64)[:, None] for v in (params.scale, params.zero_point))
    level = np.rint(centres / scale) + zero_point
    nearest = np.clip(level, params.qmin, params.qmax)
    squared_error = np.square((nearest - zero_point) * scale - centres)
    squared_error[level != nearest] *= gamma
    return squared_error @ counts


def is_symmetric(quantizer):
    """Whether the zero point stays where it is, whatever the range."""
    return quantizer(0.0, 1.0).zero_point == quantizer(-1.0, 0.0).zero_point


def n_steps_of(quantizer):
    """qmax − qmin."""
    unit = quantizer(-1.0, 1.0)
    return unit.qmax - unit.qmin
