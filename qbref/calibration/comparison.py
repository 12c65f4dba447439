"""One tensor, every observer's answer."""

from typing import NamedTuple

import numpy as np

from qbref.calibration.entropy import Entropy
from qbref.calibration.histogram import Histogram
from qbref.calibration.minmax import MinMax
from qbref.calibration.moving_average import MovingAverageMinMax
from qbref.calibration.mse import MSE
from qbref.calibration.percentile import Percentile
from qbref.calibration.sqnr import SQNR
from qbref.quant.affine import fake_quantize
from qbref.quant.checks import as_float_array
from qbref.quant.params import QuantParams


class Choice(NamedTuple):
    """What an observer chooses, and what becomes of the data.

    Attributes
    ----------
    observer : str
    lo, hi : float, or float64 arrays with one entry per channel
    params : QuantParams
    clipped : float
        Share of the values that saturate: more than half a step beyond the outermost level.
    mean_squared_error : float
        Of all values after quantization, in units of x².
    """

    observer: str
    lo: float
    hi: float
    params: QuantParams
    clipped: float
    mean_squared_error: float


def compare(x, n_bits=8, observers=None, axis=None, **options):
    """Return a Choice for each observer: range, QuantParams, clipped share and mean squared error on `x`.

    Parameters
    ----------
    x : float32 or float64 array, finite and not empty
    n_bits : int
        2 to 16.
    observers : dict of str to Observer, optional
        Each observes `x`, after whatever it has observed before. Default: one of every kind, new.
    axis : int, optional
        Channel dimension of the default observers.
    **options
        More arguments of :meth:`Observer.params`: signed, symmetric, …

    Returns
    -------
    list of Choice

    Raises
    ------
    TypeError, ValueError
        As :meth:`Observer.observe` and :meth:`Observer.params`, or if there is no observer.

    Notes
    -----
    The moving average of a single batch is its extremes.

    Examples
    --------
    >>> x = np.append(np.linspace(0, 1, 10_000), 16.0)
    >>> for c in compare(x, 4, {"min-max": MinMax(), "MSE": MSE()}, signed=False):
    ...     print(f"{c.observer:8} {c.hi:5.2f} {c.clipped:.4f} {c.mean_squared_error:.4f}")
    min-max  16.00 0.0000 0.1010
    MSE       3.50 0.0001 0.0200
    """
    x = as_float_array(x)
    observers = _one_of_every_kind(axis) if observers is None else observers
    if not observers:
        raise ValueError("observers must hold at least one, got none")
    return [_choice(name, observer, x, n_bits, options) for name, observer in observers.items()]


def _one_of_every_kind(axis):
    return {
        "min-max": MinMax(axis=axis),
        "moving average": MovingAverageMinMax(axis=axis),
        "percentile 99.99": Percentile(99.99, axis=axis),
        "histogram": Histogram(axis=axis),
        "MSE": MSE(axis=axis),
        "SQNR": SQNR(axis=axis),
        "entropy": Entropy(axis=axis),
    }


def _choice(name, observer, x, n_bits, options):
    observer.observe(x)
    lo, hi = observer.range(n_bits=n_bits, **options)
    params = observer.params(n_bits, **options)
    return Choice(name, lo, hi, params, _clipped(x, params), _mean_squared_error(x, params))


def _clipped(x, params):
    scale, zero_point = params.expand(x.shape)
    step, zero_point = scale.astype(np.float64), zero_point.astype(np.float64)
    below = x < step * (params.qmin - zero_point - 0.5)
    above = x > step * (params.qmax - zero_point + 0.5)
    return float(np.mean(below | above))


def _mean_squared_error(x, params):
    error = fake_quantize(x, params).astype(np.float64) - x
    return float(np.mean(np.square(error)))
