"""Weights on evenly spaced levels."""

import numpy as np

from qbref.qnn.fake_quantize import fake_quantize
from qbref.qnn.weights.base import WeightQuantizer
from qbref.qnn.weights.levels import Levels
from qbref.quant.affine import fake_quantize as fake_quantize_array
from qbref.quant.affine import quantize
from qbref.quant.params import QuantParams
from qbref.quant.ranges import integer_range, params_from_range, range_of

SHARES = np.linspace(0.3, 1, 71, dtype=np.float32)  # tried by clip="mse"


class UniformWeights(WeightQuantizer):
    """w_hat = scale * clip(round(w / scale), qmin, qmax), the range following the latent weights.

    Parameters
    ----------
    spec : Uniform
        Must be signed and symmetric: a weight zero point of 0 keeps the integer product free of a row sum.
    rounding : str
    latent : ndarray or None
        The weights that ``clip="mse"`` fits its share of the range to, once.

    Attributes
    ----------
    share : float32 ndarray
        Of the range from the smallest to the largest weight that the levels cover, per scale.
    scale : float32 ndarray
        Only after :meth:`fix`: the scale for good.
    """

    def __init__(self, spec, rounding="half_even", latent=None):
        super().__init__()
        if not (spec.symmetric and spec.signed):
            raise ValueError(f"weights must use a signed symmetric range, got {spec!r}")
        self.spec, self.rounding = spec, rounding
        self.register_buffer("share", np.array(1, np.float32))
        if spec.clip == "mse":
            self.share = self._best_share(latent)

    def params(self, latent):
        """QuantParams from the smallest and largest latent weight, per tensor or per output channel."""
        spec, axis = self.spec, 0 if self.spec.per_channel else None
        if hasattr(self, "scale"):
            ends = integer_range(spec.n_bits, spec.signed, spec.narrow_range)
            return QuantParams(self.scale, 0, *ends, axis=axis, rounding=self.rounding)
        lo, hi = range_of(latent, axis)
        options = dict(axis=axis, rounding=self.rounding, **spec.range_options)
        return params_from_range(lo * self.share, hi * self.share, **options)

    def fix(self, latent):
        """Keep the scale that `latent` asks for now, whatever becomes of the weights; returns self."""
        scale = self.params(latent).scale
        if hasattr(self, "scale"):
            self.scale = scale
        else:
            self.register_buffer("scale", scale)
        return self

    def _best_share(self, latent):
        axes = tuple(range(1, latent.ndim)) if self.spec.per_channel else None
        errors = []
        for self.share in SHARES:
            x_hat = fake_quantize_array(latent, self.params(latent))
            errors.append(np.square(x_hat - latent).mean(axis=axes))
        return SHARES[np.argmin(errors, axis=0)]

    def forward(self, latent):
        """Fake-quantized weights with the straight-through gradient."""
        return fake_quantize(latent, self.params(latent.data))

    def levels(self, latent):
        """The integers and scales of `latent`."""
        params = self.params(latent)
        return Levels(quantize(latent, params), params.scale, self.spec.n_bits)

    @property
    def label(self):
        """The scheme's name."""
        return str(self.spec)
