"""A range that follows the data."""

import numpy as np

from qbref.calibration.base import Observer


class MovingAverageMinMax(Observer):
    """lo ← lo + momentum · (min x − lo) for each batch, hi likewise; the first batch is copied.

    Parameters
    ----------
    momentum : float
        Weight of the newest batch, above 0 and at most 1.
    axis : int, optional
        Channel dimension; None for the whole tensor.

    Raises
    ------
    ValueError
        If `momentum` is out of range.

    Notes
    -----
    Meant for quantization-aware training, where ranges drift (Jacob et al., arXiv 1712.05877, section
    3.1). The result depends on how the data are cut into batches. Averages are kept in float64;
    PyTorch's observer of the same name keeps float32, with the same default of 0.01.

    Examples
    --------
    >>> observer = MovingAverageMinMax(momentum=0.5).observe([0.0, 20.0]).observe([0.0, 31.0])
    >>> observer.params()
    QuantParams(scale=0.1, zero_point=-128, [-128, 127])
    """

    def __init__(self, momentum=0.01, axis=None):
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum must be above 0 and at most 1, got {momentum}")
        self.momentum = momentum
        super().__init__(axis)

    def reset(self):
        super().reset()
        self._lo = self._hi = None

    def _update(self, rows):
        lo, hi = rows.min(axis=1).astype(np.float64), rows.max(axis=1).astype(np.float64)
        if self._lo is None:
            self._lo, self._hi = lo, hi
        else:
            self._lo = self._lo + self.momentum * (lo - self._lo)
            self._hi = self._hi + self.momentum * (hi - self._hi)

    def _range(self, quantizer):
        return self._lo, self._hi
