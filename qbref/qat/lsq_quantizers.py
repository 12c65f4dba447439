"""LSQ in a network: the quantizers of weights and activations, and the scheme that names them."""

from dataclasses import dataclass

import numpy as np

from qbref.nn import Parameter
from qbref.qat.learned import LearnedActivations, LearnedWeights, SignedBySight, positive, weight_range
from qbref.qat.lsq import lsq, lsq_gradient_scale, lsq_initial_step
from qbref.qnn import ActivationScheme, WeightScheme
from qbref.quant.checks import as_n_bits
from qbref.quant.params import QuantParams


class LSQWeights(LearnedWeights):
    """w_hat = s q with a learned s, one for the layer or one per output channel.

    Parameters
    ----------
    spec : WeightScheme
        With `n_bits`.
    step : float32 ndarray, shape () or (O,)
        Where s starts.
    rounding : str

    Attributes
    ----------
    step : Parameter
        s itself, as the optimizer left it; ``params.scale`` is the one in use, :func:`positive` of it.
    """

    def __init__(self, spec, step, rounding="half_even"):
        super().__init__(spec, rounding)
        self.step = Parameter(np.asarray(step, np.float32))

    @property
    def params(self):
        """The grid in force."""
        axis = 0 if self.step.ndim else None
        scale = positive(self.step).data
        return QuantParams(scale, 0, *weight_range(self.spec.n_bits), axis=axis, rounding=self.rounding)

    def forward(self, latent):
        """Quantized weights, with LSQ's gradients."""
        qmin, qmax = weight_range(self.spec.n_bits)
        s = positive(self.learned(self.step))
        g = lsq_gradient_scale(latent.size // s.size, qmax)
        if s.ndim:
            s = s.reshape(-1, *[1] * (latent.ndim - 1))
        return lsq(latent, s, qmin, qmax, g, self.rounding)


class LSQActivations(SignedBySight, LearnedActivations):
    """x_hat = s q with a learned s, which starts at 2 <|x|> / sqrt(Q_P) of the values seen.

    Parameters
    ----------
    spec : LSQ
    observer : object
        Not asked for its range.
    rounding : str

    Attributes
    ----------
    step : Parameter
        s itself, NaN before there were data.
    signed : bool ndarray
    """

    def __init__(self, spec, observer, rounding="half_even"):
        super().__init__(spec, observer, rounding)
        self.step = Parameter(np.nan)
        self._sum, self._count = 0.0, 0

    def observe(self, x):
        """Take in a batch."""
        super().observe(x)
        self._sum += np.abs(x).sum(dtype=np.float64)
        self._count += x.size

    def calibrate(self):
        """Start from the mean magnitude of what was seen."""
        self.decide_sign()
        self.step.data[...] = lsq_initial_step(self._sum / self._count, self.levels[1])

    @property
    def params(self):
        """The grid in force."""
        self.require_range()
        return QuantParams(positive(self.step).data, 0, *self.levels, rounding=self.rounding)

    def quantize(self, x):
        """`x` on the grid, with LSQ's gradients."""
        qmin, qmax = self.levels
        g = lsq_gradient_scale(x.size // len(x), qmax)
        return lsq(x, positive(self.learned(self.step)), qmin, qmax, g, self.rounding)


@dataclass(frozen=True)
class LSQ(WeightScheme, ActivationScheme):
    """Learned step sizes, for weights and for activations.

    Parameters
    ----------
    n_bits : int
        2 to 8.
    signed : bool or None
        Of activations (weights are signed). None: unsigned, which doubles the levels, unless a negative
        value is seen when the range starts.
    per_channel : bool
        One step size per output channel instead of the paper's one per layer (weights only): for layers
        whose channels differ much in size, as a batch norm folded before training can leave them.

    Notes
    -----
    A small convolutional network on the bundled digits (97.2 % right in float) with weights and activations
    of 2 bits is right in 91.5 % after six epochs, 92.7 % with a step per channel; in 80.8 % with ranges that
    follow minimum and maximum, trained alike, and in 46.8 % without training. Means of four networks, each
    trained twice; LSQ was ahead in all eight, by 2 to 18 points.

    Examples
    --------
    >>> from qbref import qnn
    >>> qnn.QuantConfig(weights=LSQ(2), activations=LSQ(3)).weights
    LSQ(n_bits=2, signed=None, per_channel=False)
    """

    n_bits: int = 4
    signed: bool | None = None
    per_channel: bool = False

    def __post_init__(self):
        as_n_bits(self.n_bits, 2, 8)
        if self.signed not in (True, False, None):
            raise ValueError(f"signed must be True, False or None, got {self.signed!r}")

    def __str__(self):
        return f"LSQ int{self.n_bits}"

    def weight_quantizer(self, latent, rounding):
        """:class:`LSQWeights`, started from `latent`."""
        axes = tuple(range(1, latent.ndim)) if self.per_channel else None
        _, qmax = weight_range(self.n_bits)
        return LSQWeights(self, lsq_initial_step(np.abs(latent).mean(axis=axes), qmax), rounding)

    def activation_quantizer(self, observer, rounding, bounds):
        """:class:`LSQActivations`, still without a range."""
        return LSQActivations(self, observer, rounding)
