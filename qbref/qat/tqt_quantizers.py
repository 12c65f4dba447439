"""TQT in a network: power-of-two scales for weights and activations."""

from dataclasses import dataclass

import numpy as np

from qbref.nn import Parameter
from qbref.qat.learned import LearnedActivations, LearnedWeights, SignedBySight
from qbref.qat.tqt import tqt, tqt_scale
from qbref.qnn import ActivationScheme, WeightScheme
from qbref.quant.checks import as_n_bits
from qbref.quant.params import QuantParams
from qbref.quant.ranges import integer_range


class TQTWeights(LearnedWeights):
    """w_hat = s q, s a power of two; log2 t starts at three standard deviations (the paper's "3SD").

    Parameters
    ----------
    spec : TQT
    latent : float ndarray
    rounding : str

    Attributes
    ----------
    log2_t : Parameter
    """

    def __init__(self, spec, latent, rounding="half_even"):
        super().__init__(spec, rounding)
        t = np.abs(latent.mean()) + 3 * latent.std()
        self.log2_t = Parameter(np.asarray(np.log2(t) if t > 0 else 0, np.float32))

    @property
    def params(self):
        """The grid in force."""
        scale = tqt_scale(self.log2_t.data, self.spec.n_bits)
        return QuantParams(scale, 0, *integer_range(self.spec.n_bits), rounding=self.rounding)

    def forward(self, latent):
        """Quantized weights, with TQT's gradients."""
        return tqt(latent, self.learned(self.log2_t), self.spec.n_bits, rounding=self.rounding)


class TQTActivations(SignedBySight, LearnedActivations):
    """x_hat = s q, s a power of two; log2 t starts at the end of the observer's range.

    Parameters
    ----------
    spec : TQT
    observer : object
        The paper's is :class:`qbref.calibration.Entropy`.
    rounding : str

    Attributes
    ----------
    log2_t : Parameter
        NaN before there were data.
    signed : bool ndarray
    """

    def __init__(self, spec, observer, rounding="half_even"):
        super().__init__(spec, observer, rounding)
        self.log2_t = Parameter(np.nan)

    def calibrate(self):
        """Start from the range of the observer."""
        self.decide_sign()
        signed = bool(self.signed)
        low, high = self.observer.range(n_bits=self.spec.n_bits, signed=signed, symmetric=signed)
        t = max(-low, high)
        self.log2_t.data[...] = np.log2(t) if t > 0 else 0

    @property
    def params(self):
        """The grid in force."""
        self.require_range()
        scale = tqt_scale(self.log2_t.data, self.spec.n_bits, bool(self.signed))
        return QuantParams(scale, 0, *self.levels, rounding=self.rounding)

    def quantize(self, x):
        """`x` on the grid, with TQT's gradients."""
        return tqt(x, self.learned(self.log2_t), self.spec.n_bits, bool(self.signed), self.rounding)


@dataclass(frozen=True)
class TQT(WeightScheme, ActivationScheme):
    """Learned thresholds for power-of-two scales, which integer hardware multiplies by shifting.

    Train with Adam, as the paper does: its steps in log2 t do not depend on the scale.

    Parameters
    ----------
    n_bits : int
        2 to 8.
    signed : bool or None
        Of activations (weights are signed). None: unsigned, which doubles the levels, unless a negative
        value is seen when the range starts.

    Notes
    -----
    A small convolutional network on the bundled digits (97.2 % right in float) with weights and activations
    of 4 bits is right in 96.6 % after four epochs (means of four networks, each trained twice).

    Examples
    --------
    >>> print(TQT(8))
    TQT int8
    """

    n_bits: int = 8
    signed: bool | None = None

    def __post_init__(self):
        as_n_bits(self.n_bits, 2, 8)
        if self.signed not in (True, False, None):
            raise ValueError(f"signed must be True, False or None, got {self.signed!r}")

    def __str__(self):
        return f"TQT int{self.n_bits}"

    def weight_quantizer(self, latent, rounding):
        """:class:`TQTWeights`, started from `latent`."""
        return TQTWeights(self, latent, rounding)

    def activation_quantizer(self, observer, rounding, bounds):
        """:class:`TQTActivations`, still without a range."""
        return TQTActivations(self, observer, rounding)
