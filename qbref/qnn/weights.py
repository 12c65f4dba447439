"""Weight quantizers: latent float weights in, few-level weights out.

Each one is a module ``latent Tensor -> quantized Tensor`` for training, and answers
``levels(latent) -> Levels`` for the integers behind it, so that training, simulation and the integer
engine share one rule.
"""

from dataclasses import dataclass

import numpy as np

from qbref.autograd import Tensor
from qbref.binary.scaling import channel_scale
from qbref.binary.sign import sign
from qbref.nn import Module
from qbref.qnn.fake_quantize import fake_quantize
from qbref.quant.affine import fake_quantize as fake_quantize_array
from qbref.quant.affine import quantize
from qbref.quant.lut import Codebook, dequantize_lut, fit_codebook, quantize_lut
from qbref.quant.ranges import params_from_range

SHARES = np.linspace(0.3, 1, 71, dtype=np.float32)  # tried by clip="mse"


@dataclass(frozen=True)
class Levels:
    """Quantized weights as integers: ``w_hat = scale * q``.

    Attributes
    ----------
    q : int8 or int16 ndarray of the weight's shape
    scale : float32 ndarray
        One number, or one per output channel.
    n_bits : int
        Bits that one stored weight needs: 1 (binary), code bits (table) or the integer's.
    table : int8 ndarray or None
        The table that the codes index; ``q == table[codes]``.
    codes : uint8 ndarray or None
    """

    q: np.ndarray
    scale: np.ndarray
    n_bits: int
    table: np.ndarray | None = None
    codes: np.ndarray | None = None


class UniformWeights(Module):
    """w_hat = scale * clip(round(w / scale), qmin, qmax), the range following the latent weights.

    Parameters
    ----------
    spec : Uniform
        Must be symmetric: a weight zero point of 0 keeps the integer product free of a row sum.
    rounding : str
    latent : ndarray or None
        The weights that ``clip="mse"`` fits its share of the range to, once.

    Attributes
    ----------
    share : float32 ndarray
        Of the range from the smallest to the largest weight that the levels cover, per scale.
    """

    def __init__(self, spec, rounding="half_even", latent=None):
        super().__init__()
        if not spec.symmetric:
            raise ValueError(f"weights must use a symmetric range, got {spec!r}")
        self.spec, self.rounding = spec, rounding
        self.register_buffer("share", np.array(1, np.float32))
        if spec.clip == "mse":
            self.share = self._best_share(latent)

    def params(self, latent):
        """QuantParams from the smallest and largest latent weight, per tensor or per output channel."""
        spec = self.spec
        axes = tuple(range(1, latent.ndim)) if spec.per_channel else None
        return params_from_range(
            latent.min(axis=axes) * self.share,
            latent.max(axis=axes) * self.share,
            axis=0 if spec.per_channel else None,
            rounding=self.rounding,
            **spec.range_options,
        )

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

    def extra_repr(self):
        """One line for the model's repr."""
        return str(self.spec)


class LutWeights(Module):
    """w_hat = scale * table[code], the code of the nearest of 2**n_bits fitted values.

    The values are fitted once to the weights given here (k-means), then rounded to int8 multiples of one
    scale, ``scale = max|level| / 127``: 16 bytes and one number describe the layer's levels.

    Parameters
    ----------
    latent : ndarray
        Trained weights to fit.
    spec : Lut
    """

    def __init__(self, latent, spec):
        super().__init__()
        self.spec = spec
        levels = fit_codebook(latent, spec.n_bits, spec.method).levels
        scale = np.float32(max(np.abs(levels).max() / 127, np.finfo(np.float32).tiny))
        self.register_buffer("scale", np.array(scale))
        self.register_buffer("table", np.sort(np.rint(levels / scale).astype(np.int8)))

    def _codes(self, latent):
        return quantize_lut(latent, self._codebook)

    @property
    def _codebook(self):
        return Codebook(self.table * self.scale, self.spec.n_bits)

    def forward(self, latent):
        """Nearest table values; the gradient passes straight through to the latent weights."""
        w_hat = dequantize_lut(self._codes(latent.data), self._codebook).astype(latent.dtype, copy=False)
        return Tensor.from_op(w_hat, (latent,), lambda upstream: (upstream,))

    def levels(self, latent):
        """The codes, the table and the integers they stand for."""
        codes = self._codes(latent)
        return Levels(self.table[codes], self.scale, self.spec.n_bits, self.table, codes)

    def extra_repr(self):
        """One line for the model's repr."""
        return str(self.spec)


class BinaryWeights(Module):
    """w_hat = alpha * sign(w), alpha = mean|w| per output channel (XNOR-Net, arXiv:1603.05279, eq. 6).

    The gradient treats alpha as a constant and passes where the latent weight lies in [-1, 1]::

        dw = upstream * alpha * [|w| <= 1]
    """

    def forward(self, latent):
        """Two values per output channel, with the straight-through gradient."""
        alpha = _per_channel(channel_scale(latent.data), latent.ndim)
        w_hat = alpha * sign(latent.data)

        def backward(upstream):
            return (upstream * alpha * (np.abs(latent.data) <= 1),)

        return Tensor.from_op(w_hat.astype(latent.dtype, copy=False), (latent,), backward)

    def levels(self, latent):
        """Signs as -1 and +1, and the scale of each output channel."""
        alpha = np.maximum(channel_scale(latent), np.finfo(np.float32).tiny).astype(np.float32)
        return Levels(sign(latent).astype(np.int8), alpha, 1)

    def extra_repr(self):
        """One line for the model's repr."""
        return "±alpha per channel"


def _per_channel(values, ndim):
    return values.reshape(-1, *[1] * (ndim - 1))
