"""Weights of one bit without a scale."""

import numpy as np

from qbref.autograd import Tensor
from qbref.binary.sign import sign
from qbref.binary.stochastic import stochastic_sign
from qbref.qnn.surrogates import Surrogate
from qbref.qnn.weights.base import WeightQuantizer
from qbref.qnn.weights.levels import Levels


class BinaryConnect(WeightQuantizer):
    """w_hat = sign(w), latent weights clipped to [-1, 1]: the weights of BinaryConnect and BinaryNet.

    Backward, dw = upstream * factor(w) with the factor of a surrogate. That of ste_sign, 1 where
    |w| <= 1, is 1 everywhere once the weights are clipped: the rule of both papers.

    Parameters
    ----------
    surrogate : {"ste_sign", "approx_sign", "swish_sign", "ede"}
    stochastic : bool
        Draw +1 with probability clip((w + 1) / 2, 0, 1) in each forward pass of training; evaluation and
        integers use the sign.
    rng : numpy.random.Generator or None
        Of the draws.
    **options
        Of the surrogate; see :class:`qbref.qnn.Surrogate`.

    Notes
    -----
    Courbariaux et al., arXiv:1511.00363, equations 1 to 3, algorithm 1; arXiv:1602.02830. The clip is
    :func:`qbref.qnn.constrain`, after each step; both papers also scale each layer's learning rate,
    :func:`qbref.binary.glorot_lr_scale`. Drawn weights want large steps: they learn once latent weights near
    the border leave little to chance.

    A small network on the bundled digits, signs between its layers, three epochs, three seeds: 87 to 91 %
    with ste_sign, 87 to 90 % with approx_sign and swish_sign, 76 to 79 % drawn.

    Examples
    --------
    >>> BinaryConnect()(Tensor([[0.3, -0.2, 0.0]])).data
    array([[ 1., -1.,  1.]], dtype=float32)
    """

    label = "binary"

    def __init__(self, surrogate="ste_sign", stochastic=False, rng=None, **options):
        super().__init__()
        self.surrogate = Surrogate(surrogate, **options)
        self.stochastic, self.rng = stochastic, rng

    def forward(self, latent):
        """Signs, in training drawn if `stochastic`, with the surrogate's gradient."""
        draws = self.stochastic and self.training
        w_hat = stochastic_sign(latent.data, self.rng) if draws else sign(latent.data)
        return Tensor.from_op(w_hat, (latent,), lambda upstream: (upstream * self.surrogate(latent.data),))

    def levels(self, latent):
        """Signs with scale 1."""
        return Levels(sign(latent).astype(np.int8), np.array(1, np.float32), 1)

    def constrain(self, latent):
        """Clip to [-1, 1]."""
        np.clip(latent, -1, 1, out=latent)

    def extra_repr(self):
        """One line for the model's repr."""
        values = "±1, drawn in training" if self.stochastic else "±1"
        return f"{values}, {self.surrogate}"
