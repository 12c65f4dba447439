"""Additive powers of two with a learned clip (APoT; Li, Dong and Wang 2020, arXiv:1909.13144)."""

from dataclasses import dataclass

import numpy as np

from qbref.autograd import Tensor
from qbref.nn import Parameter
from qbref.qat.learned import LearnedRange, positive
from qbref.qat.learned_clip import LearnedClip
from qbref.qnn import ActivationScheme, Levels, WeightQuantizer, WeightScheme
from qbref.quant.checks import as_n_bits, check_finite
from qbref.quant.codebooks.apot import apot_magnitudes
from qbref.quant.lut import midpoints

MOST_WEIGHT_BITS = 6  # the magnitudes of 7 bits are multiples of 1/448, beyond int8
TABLE_BITS = 4  # codes of the integer engine's tables
INITIAL_ALPHA = 3.0  # standard deviations
GRADIENTS = "unclipped", "clipped"


@dataclass(frozen=True)
class APoT(WeightScheme, ActivationScheme):
    """APoT weights, and uniform activations with a learned clip: ``QuantConfig(APoT(4), APoT(4))``.

    Parameters
    ----------
    n_bits : int
        2 to 8, as weights 2 to 6.
    gradient : {"unclipped", "clipped"}
        Of the weights; see :class:`APoTWeights`.
    rescale : bool
        Multiply the weights in use by the standard deviation that normalization divided them by.

    Notes
    -----
    Weights are normalized, so a batch norm is to follow the product: train with
    ``qat.prepare(..., batchnorm="keep")``, or give layers without one ``rescale=True``, which keeps the
    size of their weights. The first and the last layer have 8 bits in the paper; use `overrides`.

    Activations are uniform here, ``uniform_quantization`` in the authors' code: the integer
    products take one operand from a table, the weights.

    A small convolutional network on the bundled digits (97.3 % right in float, mean of three seeds) is
    right in 97.4 % after three epochs with 4 bits, in 95.6 % with 3 (gradient "clipped": 97.4 and 96.5 %).

    Examples
    --------
    >>> print(APoT(4))
    4-bit APoT
    """

    n_bits: int
    gradient: str = "unclipped"
    rescale: bool = False

    def __post_init__(self):
        as_n_bits(self.n_bits, 2, 8)
        if self.gradient not in GRADIENTS:
            raise ValueError(f"gradient must be one of {GRADIENTS}, got {self.gradient!r}")

    def weight_quantizer(self, latent, rounding):
        """:class:`APoTWeights`."""
        return APoTWeights(self.n_bits, self.gradient, self.rescale)

    def activation_quantizer(self, observer, rounding, bounds):
        """:class:`LearnedClip`."""
        return LearnedClip(self, observer, rounding)

    def __str__(self):
        return f"{self.n_bits}-bit APoT"


class APoTWeights(LearnedRange, WeightQuantizer):
    """w_hat = alpha * level((w - mean) / std / alpha), levels ± sums of powers of two up to 1, alpha learned.

    With z the normalized weight divided by alpha, v its nearest level after a clip to [-1, 1]::

        dalpha = sum upstream * (sign(z) [|z| > 1] + (v - z) [|z| <= 1])
        dw = upstream / std                                             gradient "unclipped"
        dw = upstream [|z| <= 1], differentiated through mean and std   gradient "clipped"

    Parameters
    ----------
    n_bits : int
        2 to 6, sign included: the levels are multiples of 1, 1/4, 1/10, 1/48 and 1/100 for 2, 3, 4, 5
        and 6 bits, so int8 holds them exactly.
    gradient : {"unclipped", "clipped"}
        The authors' repository (yhhhli/APoT_Quantization) has both: the CIFAR10 part passes the gradient
        of a clipped weight on, with mean and std constants; the ImageNet part stops it at alpha and
        differentiates mean and std as well. dalpha is the same.
    rescale : bool
        w_hat times std, a constant for the gradient; dw then lacks the division by std.

    Attributes
    ----------
    alpha : Parameter
        3 at first: in standard deviations. In use is :func:`positive` of it.

    Notes
    -----
    Half-way values take the level nearer to zero. Weights that are all alike, to float32's precision, have
    no deviation to be divided by: they become zeros.

    Examples
    --------
    >>> w = Tensor([[-2.0, -0.5], [0.0, 2.5]])
    >>> quantizer = APoTWeights(4)
    >>> quantizer.levels(w.data).q  # tenths of alpha
    array([[-4, -1],
           [ 0,  4]], dtype=int8)
    >>> quantizer(w).data
    array([[-1.2, -0.3],
           [ 0. ,  1.2]], dtype=float32)
    """

    def __init__(self, n_bits, gradient="unclipped", rescale=False):
        super().__init__()
        if not 2 <= n_bits <= MOST_WEIGHT_BITS:
            raise ValueError(f"n_bits of APoT weights must be from 2 to {MOST_WEIGHT_BITS}, got {n_bits}")
        self.n_bits, self.gradient, self.rescale = n_bits, gradient, rescale
        self.alpha = Parameter(INITIAL_ALPHA)

    def forward(self, latent):
        """Weights in use, with the gradients above."""
        z, std = self._normalized(latent.data)
        levels = self.levels(latent.data)
        w_hat = (levels.q * levels.scale).astype(latent.dtype, copy=False)
        v, alpha = levels.q / _magnitudes(self.n_bits)[-1], positive(self.learned(self.alpha))

        def backward(upstream):
            dw_hat = upstream * std if self.rescale else upstream
            inside = np.abs(z) <= 1
            dalpha = (dw_hat * np.where(inside, v - z, np.sign(z))).sum()
            if self.gradient == "clipped":
                dw_hat = _through_statistics(dw_hat * inside, z * alpha.data)
            return dw_hat / std, dalpha

        return Tensor.from_op(w_hat, (latent, alpha), backward)

    def levels(self, latent):
        """Integers up to 1, 4, 10, 48 or 100, as codes of a table up to 4 bits."""
        z, std = self._normalized(latent)
        magnitudes = _magnitudes(self.n_bits)
        nearest = np.searchsorted(midpoints(magnitudes), np.abs(z) * magnitudes[-1])
        table = np.concatenate([-magnitudes[::-1], magnitudes]).astype(np.int8)
        codes = (len(magnitudes) + np.where(z < 0, -1 - nearest, nearest)).astype(np.uint8)
        scale = np.float32(positive(self.alpha).data * (std if self.rescale else 1) / magnitudes[-1])
        if self.n_bits > TABLE_BITS:
            return Levels(table[codes], scale, 8)
        return Levels(table[codes], scale, self.n_bits, table, codes)

    def _normalized(self, latent):
        """(w - mean) / std / alpha in float64, and std, as PyTorch's dividing by the count less one."""
        check_finite(latent)
        w = latent.astype(np.float64)
        std = w.std(ddof=1) if w.size > 1 else 0.0
        if std <= np.finfo(np.float32).eps * np.abs(w).max(initial=0):  # nothing but rounding errors
            return np.zeros_like(w), 1.0
        return (w - w.mean()) / std / positive(self.alpha).data, std

    @property
    def label(self):
        """For reports."""
        return f"{self.n_bits}-bit APoT"


def _magnitudes(n_bits):
    """The levels from 0 up in units of the smallest power of two: 0 1 2 3 4 6 8 10 for 4 bits."""
    magnitudes = apot_magnitudes(n_bits - 1)
    return np.rint(magnitudes / magnitudes[1])


def _through_statistics(upstream, normalized):
    """std times the gradient of (w - mean) / std for w, std with the count less one."""
    along = (upstream * normalized).sum() / max(normalized.size - 1, 1)
    return upstream - upstream.mean() - normalized * along
