"""What quantizers with a learned range have in common.

Each keeps its range in `nn.Parameter`s, which any optimizer moves, and has one grid (QuantParams) in force
at any time, on which training, simulation and the integer engine agree.
"""

import numpy as np

from qbref.autograd import Tensor
from qbref.qnn import ActivationQuantizer, Levels, WeightQuantizer
from qbref.quant.affine import quantize
from qbref.quant.checks import as_float_array, check_no_nan
from qbref.quant.ranges import integer_range

LEAST = 2.0**-100  # of a scale in use: below every step of real data, and normal in float32 when divided


def positive(raw):
    """scale = max(|raw|, 2**-100); backward, draw = -upstream where raw < 0, else upstream.

    An optimizer step that crosses zero lands on a positive scale again, and the loss, an even function of
    `raw`, goes on being minimized: there is no region without gradient in which a scale could be stuck.

    Parameters
    ----------
    raw : Tensor

    Examples
    --------
    >>> raw = Tensor([-0.5, 0.0, 2.0], requires_grad=True)
    >>> positive(raw).sum().backward(); raw.grad
    array([-1.,  1.,  1.], dtype=float32)
    """
    scale = np.asarray(np.maximum(np.abs(raw.data), LEAST), dtype=raw.dtype)
    direction = np.where(raw.data < 0, -1, 1)
    return Tensor.from_op(scale, (raw,), lambda upstream: (upstream * direction,))


def divided(x, scale):
    """x / scale in steps, ±inf where a float does not hold it; NaN in `x` is a ValueError."""
    x = as_float_array(x)
    check_no_nan(x)
    with np.errstate(over="ignore"):
        return np.asarray(x / scale)


def weight_range(n_bits):
    """(qmin, qmax) of weights: without -128, since a batch norm behind them may turn their signs in int8.

    Examples
    --------
    >>> weight_range(4), weight_range(8)
    ((-8, 7), (-127, 127))
    """
    return integer_range(n_bits, narrow_range=n_bits == 8)


class LearnedRange:
    """Mixin of the two bases below: parameters that learn until they are frozen."""

    frozen = False

    def freeze(self):
        """Keep the range from now on, in training too."""
        self.frozen = True
        self.zero_grad()  # what has no gradient, an optimizer leaves alone

    def learned(self, parameter):
        """`parameter`, or once frozen its value alone."""
        return parameter.detach() if self.frozen else parameter


class LearnedWeights(LearnedRange, WeightQuantizer):
    """A weight quantizer with a learned range; subclasses define `params` and `forward`.

    Attributes
    ----------
    spec : WeightScheme
    params : QuantParams
        The grid in force, its zero point 0.
    """

    def __init__(self, spec, rounding):
        super().__init__()
        self.spec, self.rounding = spec, rounding

    def levels(self, latent):
        """The integers and scales of `latent`."""
        params = self.params
        return Levels(quantize(latent, params), params.scale, self.spec.n_bits)

    @property
    def label(self):
        """The scheme's name."""
        return str(self.spec)

    def extra_repr(self):
        """One line for the model's repr."""
        return f"{self.label}, {self.params!r}"


class LearnedActivations(LearnedRange, ActivationQuantizer):
    """An activation quantizer with a learned range; subclasses define `calibrate`, `params` and `quantize`.

    The range starts from the calibration batches or, without them, from the first batch of training.

    Parameters
    ----------
    spec : ActivationScheme
    observer : object
        From :mod:`qbref.calibration`: its range is where most methods start.
    rounding : str
    """

    def __init__(self, spec, observer, rounding):
        super().__init__(spec)
        self.observer, self.rounding = observer, rounding
        self._lowest = np.inf

    def quantize(self, x):
        """`x` on the grid, with the method's gradients."""
        raise NotImplementedError(f"{type(self).__name__} must define quantize")

    def observe(self, x):
        """Take in a batch (ndarray) that the range shall start from."""
        self.observer.observe(x)
        self._lowest = min(self._lowest, float(x.min()))

    @property
    def has_range(self):
        """Whether the range has a value yet: NaN stands for none, in the state_dict too."""
        return not any(np.isnan(parameter.data).any() for parameter in self.parameters())

    def require_range(self):
        """Refuse to go on without a range."""
        if not self.has_range:
            raise ValueError("quantizer must observe data before it quantizes, got no calibration yet")

    def require_nonnegative(self):
        """Refuse to start a range that begins at 0 from negative values, all of which it would lose."""
        if self._lowest < 0:
            kind = f"{self.spec} starts its levels at 0 (choose another scheme in overrides)"
            raise ValueError(f"activations must not be negative where {kind}, got {self._lowest}")

    def forward(self, x):
        """Round `x` to the levels; while observing, return it unchanged."""
        if self.observing:
            self.observe(x.data)
        if self.passes_through:
            return x
        if self.training and not self.frozen and not self.has_range:
            self.observe(x.data)
            self.calibrate()
        self.require_range()
        return self.quantize(x)

    def extra_repr(self):
        """One line for the model's repr."""
        return f"{self.spec}, {self.params if self.has_range else 'not calibrated'}"


class SignedBySight:
    """Mixin of symmetric activation quantizers: signed levels if the scheme says so or a value was negative.

    Attributes
    ----------
    signed : bool ndarray
        A buffer, so that it travels with the range.
    """

    def __init__(self, spec, observer, rounding):
        super().__init__(spec, observer, rounding)
        self.register_buffer("signed", np.array(spec.signed is not False))

    def decide_sign(self):
        """Settle `signed` by what was seen, where the scheme leaves it open."""
        if self.spec.signed is None:
            self.signed = np.array(self._lowest < 0)

    @property
    def levels(self):
        """(qmin, qmax)."""
        return integer_range(self.spec.n_bits, signed=bool(self.signed))
