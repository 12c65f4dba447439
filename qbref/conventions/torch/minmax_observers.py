"""torch.ao.quantization.MinMaxObserver and MovingAverageMinMaxObserver."""

import numpy as np

from qbref.conventions.torch.observer import Observer, move


class MinMaxObserver(Observer):
    """min_val and max_val are the smallest and the largest value seen.

    Parameters as for :class:`Observer`.

    Notes
    -----
    NaN and infinities are taken like any other value, and spoil the result. Verified bit for bit against
    PyTorch 2.13.0.

    Examples
    --------
    >>> observer = MinMaxObserver(dtype="qint8", qscheme="per_tensor_symmetric")
    >>> _ = observer([0.25, -1.0])
    >>> observer.calculate_qparams()
    (array([0.00784314], dtype=float32), array([0], dtype=int32))
    """

    def _observe(self, x):
        self.min_val, self.max_val = np.minimum(x.min(), self.min_val), np.maximum(x.max(), self.max_val)


class MovingAverageMinMaxObserver(Observer):
    """min_val ← min_val + c · (min x − min_val) with c = averaging_constant, and max_val likewise.

    Parameters
    ----------
    averaging_constant : float
        Rounded to float32, in which all steps are done. The first batch is taken as it is.
    dtype, qscheme, reduce_range, quant_min, quant_max, eps
        As for :class:`Observer`.

    Notes
    -----
    Verified bit for bit against PyTorch 2.13.0.

    Examples
    --------
    >>> observer = MovingAverageMinMaxObserver(averaging_constant=0.5)
    >>> _ = observer([0.0, 1.0]), observer([0.0, 2.0])
    >>> print(observer.min_val, observer.max_val)
    0.0 1.5
    """

    def __init__(self, averaging_constant=0.01, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.averaging_constant = averaging_constant

    def _observe(self, x):
        move(self, x.min(), x.max())
