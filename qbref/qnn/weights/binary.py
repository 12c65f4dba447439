"""Weights of one bit and one scale per output channel."""

import numpy as np

from qbref.autograd import Tensor
from qbref.binary.scaling import channel_scale
from qbref.binary.sign import sign
from qbref.qnn.weights.base import WeightQuantizer, per_channel
from qbref.qnn.weights.levels import Levels


class BinaryWeights(WeightQuantizer):
    """w_hat = alpha * sign(w), alpha = mean|w| per output channel (XNOR-Net, arXiv:1603.05279, eq. 6).

    The gradient treats alpha as a constant and passes where the latent weight lies in [-1, 1]::

        dw = upstream * alpha * [|w| <= 1]
    """

    label = "binary"

    def forward(self, latent):
        """Two values per output channel, with the straight-through gradient."""
        alpha = per_channel(channel_scale(latent.data), latent.ndim)
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
