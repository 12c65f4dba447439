"""Weights of three values, -1, 0 and +1 times a scale."""

import numpy as np

from qbref.autograd import Tensor
from qbref.binary.bitnet import absmean_ternary, absmean_ternary_released
from qbref.binary.checks import along_axis
from qbref.binary.surrogate import ste_sign_gradient
from qbref.binary.ternary import ste_tern
from qbref.binary.twn import twn
from qbref.qnn.weights.base import WeightQuantizer
from qbref.qnn.weights.levels import Levels

TINY = np.finfo(np.float32).tiny


class _Ternary(WeightQuantizer):
    """w_hat = scale * q with q in {-1, 0, 1}; subclasses define ``ternary(latent) -> (q, scale)``."""

    label = "ternary"

    def ternary(self, latent):
        """int8 q and the scale, one number or one per output channel."""
        raise NotImplementedError

    def forward(self, latent):
        """Three values; the gradient passes straight through."""
        q, scale = self.ternary(latent.data)
        w_hat = (q * along_axis(scale, latent.ndim)).astype(latent.dtype, copy=False)
        return Tensor.from_op(w_hat, (latent,), lambda upstream: (self.gradient(upstream, latent.data),))

    def gradient(self, upstream, latent):
        """dw; by default the identity."""
        return upstream

    def levels(self, latent):
        """Integers of two bits."""
        q, scale = self.ternary(latent)
        return Levels(q, np.asarray(np.maximum(scale, TINY), np.float32), 2)


class SteTern(_Ternary):
    """w_hat = ±1 where |w| >= Δ, else 0, with a fixed Δ: Larq's ternary, without a scale.

    Backward, dw = upstream * [|w| <= 1]; latent weights are clipped to [-1, 1].

    Parameters
    ----------
    threshold_value : float
        Δ.

    Notes
    -----
    :func:`qbref.binary.ste_tern`. Where all latent weights begin below Δ, as those of a layer with more than
    400 inputs do for Δ = 0.05, the layer begins with nothing but zeros. A small network on the bundled
    digits, signs between its layers, three epochs, three seeds: 87 to 93 %.

    Examples
    --------
    >>> SteTern()(Tensor([[-0.5, -0.05, 0.02]])).data
    array([[-1., -1.,  0.]], dtype=float32)
    """

    def __init__(self, threshold_value=0.05):
        super().__init__()
        if not 0 <= threshold_value < 1:
            raise ValueError(f"threshold_value must be in [0, 1), got {threshold_value}")
        self.threshold_value = threshold_value

    def ternary(self, latent):
        """Signs of what reaches Δ; scale 1."""
        return ste_tern(latent, self.threshold_value).astype(np.int8), np.float32(1)

    def gradient(self, upstream, latent):
        """upstream * [|w| <= 1]."""
        return upstream * ste_sign_gradient(latent)

    def constrain(self, latent):
        """Clip to [-1, 1]."""
        np.clip(latent, -1, 1, out=latent)

    def extra_repr(self):
        """One line for the model's repr."""
        return f"±1 and 0, threshold_value={self.threshold_value}"


class TWN(_Ternary):
    """w_hat = alpha * q, q = ±1 where |w| > Δ = 0.7 mean|w|, alpha = mean of |w| over |w| > Δ; dw = upstream.

    Parameters
    ----------
    axis : {0, None}
        Δ and alpha for each output channel (paper) or for the layer (released code).

    Notes
    -----
    Ternary Weight Networks, arXiv:1605.04711; :func:`qbref.binary.twn`. A small network on the bundled
    digits, signs between its layers, three epochs, three seeds: 89 to 91 %.

    Examples
    --------
    >>> TWN()(Tensor([[1.0, -2.0, 0.5, 0.1]])).data
    array([[ 1.5, -1.5,  0. ,  0. ]], dtype=float32)
    """

    def __init__(self, axis=0):
        super().__init__()
        if axis not in (0, None):
            raise ValueError(f"axis must be 0 or None, got {axis!r}")
        self.axis = axis

    def ternary(self, latent):
        """q and alpha."""
        q, alpha, _ = twn(latent, self.axis)
        return q, alpha

    def extra_repr(self):
        """One line for the model's repr."""
        return "±alpha and 0 per " + ("layer" if self.axis is None else "channel")


class BitNet(_Ternary):
    """w_hat = γ * clip(round(w / γ), -1, 1), γ = mean|w| of the layer; dw = upstream (BitNet b1.58).

    Parameters
    ----------
    form : {"released", "paper"}
        They differ in how ε guards the division; see :mod:`qbref.binary.bitnet`.

    Notes
    -----
    Ma et al., arXiv:2402.17764. In a convolution or behind a calibrated activation the weights alone are
    used; :class:`qbref.qnn.BitLinear` is the whole layer. A small network on the bundled digits, signs
    between its layers, three epochs, three seeds: 88 to 90 %.

    Examples
    --------
    >>> BitNet()(Tensor([[1.0, -0.25], [0.5, 0.25]])).data
    array([[0.5, 0. ],
           [0.5, 0. ]], dtype=float32)
    """

    def __init__(self, form="released"):
        super().__init__()
        if form not in ("released", "paper"):
            raise ValueError(f"form must be 'released' or 'paper', got {form!r}")
        self.form = form

    def ternary(self, latent):
        """q and γ."""
        if self.form == "paper":
            return absmean_ternary(latent)
        q, s = absmean_ternary_released(latent)
        return q, 1 / s

    def extra_repr(self):
        """One line for the model's repr."""
        return f"±mean|w| and 0, {self.form} form"
