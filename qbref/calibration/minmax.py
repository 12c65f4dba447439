"""The whole observed range."""

import numpy as np

from qbref.calibration.base import Observer


class MinMax(Observer):
    """lo = min x, hi = max x over all batches.

    Nothing is clipped, so a single outlier widens the steps for everyone.

    Parameters
    ----------
    axis : int, optional
        Channel dimension; None for the whole tensor.

    Examples
    --------
    >>> MinMax().observe([0.0, 12.75]).observe([25.5]).params()
    QuantParams(scale=0.1, zero_point=-128, [-128, 127])
    """

    def reset(self):
        super().reset()
        self._lo, self._hi = np.inf, -np.inf

    def _update(self, rows):
        self._lo = np.minimum(self._lo, rows.min(axis=1))
        self._hi = np.maximum(self._hi, rows.max(axis=1))

    def _range(self, quantizer):
        return self._lo, self._hi
