"""What to quantize, and how: one configuration for post-training and training-aware quantization."""

from dataclasses import dataclass, field

from qbref.calibration import MinMax
from qbref.qnn.fake_quantize import FakeQuantize
from qbref.qnn.weights import LutWeights, UniformWeights
from qbref.quant.lut import METHODS
from qbref.quant.rounding import ROUNDINGS

REQUANTIZE_MODES = ("double", "single", "half_up_twice", "float32", "float64")
WEIGHT_ROUNDINGS = ("nearest", "adaround", "gptq")


class WeightScheme:
    """How weights are quantized; subclasses are frozen dataclasses that make one quantizer per layer."""

    def weight_quantizer(self, latent, rounding):
        """The :class:`qbref.qnn.WeightQuantizer` for one layer's `latent` weights (ndarray)."""
        raise NotImplementedError(f"{type(self).__name__} must define weight_quantizer")


class ActivationScheme:
    """How activations are quantized; subclasses are frozen dataclasses that make one quantizer per place."""

    def activation_quantizer(self, observer, rounding, bounds):
        """The :class:`qbref.qnn.ActivationQuantizer` for one place.

        Parameters
        ----------
        observer : object
            A new one of the configuration's; schemes that learn their range may ignore it.
        rounding : str
        bounds : (float, float)
            Between which the values lie: (0, inf) behind a ReLU, (-inf, inf) if nothing is known.
        """
        raise NotImplementedError(f"{type(self).__name__} must define activation_quantizer")


@dataclass(frozen=True)
class Uniform(WeightScheme, ActivationScheme):
    """Evenly spaced levels: ``x_hat = scale * (q - zero_point)``, ``q`` an `n_bits` integer.

    Parameters
    ----------
    n_bits : int
        2 to 16 (the integer kernels run up to 8).
    signed : bool
        Levels -2**(n_bits-1) … 2**(n_bits-1)-1 if true, else 0 … 2**n_bits-1.
    symmetric : bool
        Zero point 0, range mirrored about zero.
    narrow_range : bool
        Leave the most negative level out, so that ``-q`` always exists.
    per_channel : bool
        One scale per output channel (weights only).
    clip : {"none", "mse"}
        Whether weights far from zero may be clipped to give the others finer levels: "mse" takes the share
        of the range with the smallest squared error (weights only; with few bits it matters).

    Examples
    --------
    >>> Uniform(4, symmetric=True).n_bits
    4
    """

    n_bits: int = 8
    signed: bool = True
    symmetric: bool = False
    narrow_range: bool = False
    per_channel: bool = False
    clip: str = "none"

    def __post_init__(self):
        if isinstance(self.n_bits, bool) or not isinstance(self.n_bits, int) or not 2 <= self.n_bits <= 16:
            raise ValueError(f"n_bits must be an integer in 2..16, got {self.n_bits!r}")
        if self.clip not in ("none", "mse"):
            raise ValueError(f"clip must be 'none' or 'mse', got {self.clip!r}")

    def __str__(self):
        return f"int{self.n_bits}{' per channel' if self.per_channel else ''}"

    def weight_quantizer(self, latent, rounding):
        """:class:`qbref.qnn.UniformWeights`."""
        return UniformWeights(self, rounding, latent)

    def activation_quantizer(self, observer, rounding, bounds):
        """:class:`qbref.qnn.FakeQuantize`."""
        return FakeQuantize(self, observer, rounding)

    @property
    def range_options(self):
        """The keywords that :func:`qbref.quant.params_from_range` and the observers share."""
        return dict(
            n_bits=self.n_bits, signed=self.signed, symmetric=self.symmetric, narrow_range=self.narrow_range
        )


@dataclass(frozen=True)
class Lut(WeightScheme):
    """Weights from a table of ``2**n_bits`` fitted values (Deep Compression, arXiv:1510.00149).

    The table holds int8 values times one scale, so that integer kernels can run it.

    Parameters
    ----------
    n_bits : int
        1 to 4: two codes share a byte.
    method : str
        One that :func:`qbref.quant.fit_codebook` knows.

    Examples
    --------
    >>> print(Lut(4))
    4-bit table
    """

    n_bits: int = 4
    method: str = "kmeans"

    def __post_init__(self):
        if isinstance(self.n_bits, bool) or not isinstance(self.n_bits, int) or not 1 <= self.n_bits <= 4:
            raise ValueError(f"n_bits must be an integer in 1..4, got {self.n_bits!r}")
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {sorted(METHODS)}, got {self.method!r}")

    def weight_quantizer(self, latent, rounding):
        """:class:`qbref.qnn.LutWeights`, fitted to `latent`."""
        return LutWeights(latent, self)

    def __str__(self):
        return f"{self.n_bits}-bit table"


def int_weights(n_bits=8, clip="none"):
    """Symmetric narrow-range weights with one scale per output channel, the usual choice."""
    return Uniform(n_bits, symmetric=True, narrow_range=True, per_channel=True, clip=clip)


@dataclass(frozen=True)
class QuantConfig:
    """How `ptq` and `qat` quantize a model.

    Parameters
    ----------
    weights : WeightScheme
        :class:`Uniform`, :class:`Lut`, or one of :mod:`qbref.qat`.
        Default: 8 bits, symmetric, narrow range, per output channel.
    activations : ActivationScheme
        :class:`Uniform`, or one of :mod:`qbref.qat`.
        Default: 8 bits, signed, affine, per tensor.
    observer : callable
        Makes the observer that turns seen activations into a range: a class of
        :mod:`qbref.calibration` or ``lambda: Percentile(99.9)``.
    rounding : {"half_even", "half_away", "half_up"}
        Tie rule of every float-to-integer step.
    requantize_mode : {"single", "double", "half_up_twice", "float32", "float64"}
        How accumulators become activations; see :func:`qbref.kernels.requantize`.
    weight_rounding : {"nearest", "adaround", "gptq"}
        How post-training quantization chooses each weight's integer: the nearest one, or the one with which
        the layer's output stays closest; see :func:`qbref.ptq.adaround` and :func:`qbref.ptq.gptq`.
    overrides : dict
        ``{path: {"weights": …, "activations": …}}`` for single layers; the path is the one that
        ``model.named_modules()`` gives, and ``"input"`` is the quantizer of the model's input.

    Examples
    --------
    >>> config = QuantConfig(weights=int_weights(4), overrides={"input": {"activations": Uniform(8)}})
    >>> config.weights_of("3").n_bits, config.activations_of("input").n_bits
    (4, 8)
    """

    weights: WeightScheme = field(default_factory=int_weights)
    activations: ActivationScheme = field(default_factory=Uniform)
    observer: type = MinMax
    rounding: str = "half_even"
    requantize_mode: str = "single"
    weight_rounding: str = "nearest"
    overrides: dict = field(default_factory=dict)

    def __post_init__(self):
        _check_kind("weights", self.weights, WeightScheme)
        _check_kind("activations", self.activations, ActivationScheme)
        if not callable(self.observer):
            raise TypeError(f"observer must be a callable that makes an observer, got {self.observer!r}")
        if self.rounding not in ROUNDINGS:
            raise ValueError(f"rounding must be one of {sorted(ROUNDINGS)}, got {self.rounding!r}")
        if self.requantize_mode not in REQUANTIZE_MODES:
            raise ValueError(
                f"requantize_mode must be one of {REQUANTIZE_MODES}, got {self.requantize_mode!r}"
            )
        if self.weight_rounding not in WEIGHT_ROUNDINGS:
            raise ValueError(
                f"weight_rounding must be one of {WEIGHT_ROUNDINGS}, got {self.weight_rounding!r}"
            )
        for path, override in self.overrides.items():
            unknown = set(override) - {"weights", "activations"}
            if unknown:
                raise ValueError(
                    f"overrides[{path!r}] must hold 'weights' or 'activations', got {sorted(unknown)}"
                )
            name = f"overrides[{path!r}]"
            _check_kind(f"{name} weights", override.get("weights", self.weights), WeightScheme)
            _check_kind(
                f"{name} activations", override.get("activations", self.activations), ActivationScheme
            )

    def weights_of(self, path):
        """The weight scheme of the layer at `path`."""
        return self.overrides.get(path, {}).get("weights", self.weights)

    def activations_of(self, path):
        """The activation scheme of the layer at `path`."""
        return self.overrides.get(path, {}).get("activations", self.activations)


def _check_kind(name, value, kind):
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {value!r}")
