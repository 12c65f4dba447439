"""torch.ao.quantization.PerChannelMinMaxObserver and MovingAveragePerChannelMinMaxObserver."""

import numpy as np

from qbref.conventions.torch.observer import EPS, Observer, move
from qbref.quant.checks import as_integer

PER_CHANNEL = ("per_channel_affine", "per_channel_symmetric", "per_channel_affine_float_qparams")


class PerChannelMinMaxObserver(Observer):
    """min_val and max_val are the smallest and the largest value seen in each channel.

    Parameters
    ----------
    ch_axis : int
        The channels' dimension.
    dtype, qscheme, reduce_range, quant_min, quant_max, eps
        As for :class:`Observer`.

    Notes
    -----
    Verified bit for bit against PyTorch 2.13.0.

    Examples
    --------
    >>> observer = PerChannelMinMaxObserver(dtype="qint8", qscheme="per_channel_symmetric")
    >>> _ = observer([[1.0, -1.0], [2.0, 0.0]])
    >>> observer.calculate_qparams()
    (array([0.00784314, 0.01568628], dtype=float32), array([0, 0], dtype=int32))
    """

    schemes = PER_CHANNEL

    def __init__(
        self,
        ch_axis=0,
        dtype="quint8",
        qscheme="per_channel_affine",
        reduce_range=False,
        quant_min=None,
        quant_max=None,
        eps=EPS,
    ):
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, eps)
        self.ch_axis = as_integer("ch_axis", ch_axis)

    def reset_min_max_vals(self):
        """Forget everything observed."""
        self.min_val = self.max_val = np.empty(0, np.float32)

    def _observe(self, x):
        lo, hi = self._channel_ranges(x)
        if not self.is_new():
            lo, hi = np.minimum(lo, self.min_val), np.maximum(hi, self.max_val)
        self.min_val, self.max_val = lo, hi

    def _channel_ranges(self, x):
        if not -x.ndim <= self.ch_axis < x.ndim:
            raise ValueError(f"x must have a dimension {self.ch_axis}, got shape {x.shape}")
        others = tuple(i for i in range(x.ndim) if i != self.ch_axis % x.ndim)
        lo, hi = x.min(others), x.max(others)
        if len(self.min_val) not in (0, len(lo)):
            raise ValueError(f"x must have {len(self.min_val)} channels as before, got {len(lo)}")
        return lo, hi


class MovingAveragePerChannelMinMaxObserver(PerChannelMinMaxObserver):
    """min_val ← min_val + c · (min x − min_val) for each channel, and max_val likewise.

    Parameters
    ----------
    averaging_constant : float
    ch_axis, dtype, qscheme, reduce_range, quant_min, quant_max, eps
        As for :class:`PerChannelMinMaxObserver`.

    Notes
    -----
    Verified bit for bit against PyTorch 2.13.0.

    Examples
    --------
    >>> observer = MovingAveragePerChannelMinMaxObserver(averaging_constant=0.5)
    >>> _ = observer([[0.0, 1.0], [0.0, 2.0]]), observer([[0.0, 2.0], [0.0, 4.0]])
    >>> observer.max_val
    array([1.5, 3. ], dtype=float32)
    """

    def __init__(self, averaging_constant=0.01, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.averaging_constant = averaging_constant

    def _observe(self, x):
        move(self, *self._channel_ranges(x))
