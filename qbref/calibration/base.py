"""What every observer does: check the data, remember a summary, answer with QuantParams."""

import numpy as np

from qbref.calibration.growing_histogram import GrowingHistogram
from qbref.quant.checks import as_float_array, as_integer, check_finite, check_not_empty
from qbref.quant.params import QuantParams
from qbref.quant.ranges import params_from_range


class Observer:
    """Watches batches of real data go by and proposes how to quantize them.

    A subclass implements ``_update(rows)``, which takes in a batch, ``_range(quantizer)``, which
    answers with (lo, hi) arrays, and ``reset()``.

    Parameters
    ----------
    axis : int, optional
        Channel dimension, may be negative; None for one range for the whole tensor.
    """

    def __init__(self, axis=None):
        self.axis = None if axis is None else as_integer("axis", axis)
        self.reset()

    def observe(self, x):
        """Take in one batch and return the observer, so that calls can be chained.

        Parameters
        ----------
        x : float32 or float64 array, finite and not empty
            Any shape without `axis`; with it, the number of channels must stay the same.

        Raises
        ------
        TypeError, ValueError
            If a rule above is broken; the observer is then unchanged.
        """
        self._update(self._checked_rows(as_float_array(x)))
        return self

    def params(
        self,
        n_bits=8,
        signed=True,
        symmetric=False,
        narrow_range=False,
        symmetric_divisor="qmax",
        rounding="half_even",
    ) -> QuantParams:
        """Return the QuantParams for everything observed so far.

        Arguments as for :func:`qbref.quant.params_from_range`.

        Raises
        ------
        ValueError
            If nothing has been observed, or an argument is invalid.
        """
        options = dict(
            n_bits=n_bits,
            signed=signed,
            symmetric=symmetric,
            narrow_range=narrow_range,
            symmetric_divisor=symmetric_divisor,
            rounding=rounding,
        )
        lo, hi = self.range(**options)
        return params_from_range(lo, hi, axis=self.axis, **options)

    def range(self, **options):
        """Return the (lo, hi) that :meth:`params` makes QuantParams of, given the same options.

        Returns
        -------
        lo, hi : float, or float64 arrays with one entry per channel
            As chosen: 0 may lie outside, which ``params`` then includes.

        Raises
        ------
        ValueError
            As :meth:`params`.
        """
        if self._channels is None:
            raise ValueError(f"{type(self).__name__} must observe data before params() is called, got none")

        def quantizer(lo, hi, axis=None):
            return params_from_range(lo, hi, axis=axis, **options)

        lo, hi = (np.asarray(ends, np.float64) for ends in self._range(quantizer))
        return (lo, hi) if self.axis is not None else (float(lo[0]), float(hi[0]))

    def reset(self):
        """Forget everything observed."""
        self._channels = None

    def __repr__(self):
        options = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{name}={value}' for name, value in options.items())})"

    def _checked_rows(self, x):
        """Return `x` with one row per channel, or as one row."""
        check_not_empty(x)
        check_finite(x)
        if self.axis is None:
            rows = x.reshape(1, -1)
        elif not -x.ndim <= self.axis < x.ndim:
            raise ValueError(f"x must have a dimension {self.axis}, got shape {x.shape}")
        else:
            rows = np.moveaxis(x, self.axis, 0).reshape(x.shape[self.axis], -1)
        if self._channels not in (None, len(rows)):
            raise ValueError(f"x must have {self._channels} channels as before, got {len(rows)}")
        self._channels = len(rows)
        return rows


class HistogramObserver(Observer):
    """An observer that keeps one histogram, a :class:`GrowingHistogram` by default, for each channel."""

    histogram_type = GrowingHistogram

    def __init__(self, axis, n_bins):
        self.n_bins = as_integer("n_bins", n_bins)
        if n_bins < 2:
            raise ValueError(f"n_bins must be at least 2, got {n_bins}")
        super().__init__(axis)

    def reset(self):
        super().reset()
        self._histograms = []

    def _update(self, rows):
        if not self._histograms:
            self._histograms = [self.histogram_type(self.n_bins) for _ in rows]
        for histogram, row in zip(self._histograms, rows, strict=True):
            histogram.add(row)
