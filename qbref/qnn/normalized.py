"""Layers that quantize their weights first and normalize the product then.

Quantizers that see all weights of a layer at once (DoReFa, APoT, a learned step) are published so: a batch
norm stays behind each quantized product. In inference it becomes a real factor per output channel, which
the integer engine's multipliers take in.
"""

from qbref.qnn.batchnorm import WithBatchNorm
from qbref.qnn.conv import Conv2d
from qbref.qnn.linear import Linear
from qbref.qnn.product import conv_shape, with_state_of
from qbref.qnn.weights.base import per_channel


class Normalized(WithBatchNorm):
    """Mixin: y = gamma (sum x Q(w) + b - mu_B) / sigma_B + beta, mu_B and sigma_B of the quantized product.

    In evaluation, or once frozen, the weights in use are ``Q(w) gamma / sigma`` with the running sigma: the
    levels of w, and a scale of its own for each output channel.
    """

    def latent(self):
        """w, and beta + (b - mu) gamma / sigma with the running statistics."""
        return self.weight, self.gain_and_shift()[1]

    def quantized_weight(self):
        """Q(w) gamma / sigma."""
        gain, _ = self.gain_and_shift()
        return super().quantized_weight() * per_channel(gain, self.weight.ndim)

    def normalized(self, x):
        """The formula for training."""
        return self.norm(self.product(x, super().quantized_weight(), self.bias))

    def levels(self):
        """Q(w) as integers, gamma / sigma in their scale and its sign in theirs."""
        return self.weight_quantizer.levels(self.weight.data).times(self.gain_and_shift()[0].data)


class NormalizedConv2d(Normalized, Conv2d):
    """Convolution with quantized weights and a batch norm behind it; see :class:`Normalized`.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> layer = NormalizedConv2d.from_float(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    >>> layer(np.zeros((2, 1, 8, 8), np.float32)).shape
    (2, 4, 6, 6)
    """

    @classmethod
    def from_float(cls, layer, norm):
        """The quantized form of an ``nn.Conv2d`` and the ``nn.BatchNorm2d`` behind it."""
        return with_state_of(layer, cls, *conv_shape(layer)).take_norm(norm)


class NormalizedLinear(Normalized, Linear):
    """The same for an ``nn.Linear`` and the ``nn.BatchNorm1d`` behind it."""

    @classmethod
    def from_float(cls, layer, norm):
        """The quantized form of both."""
        return with_state_of(layer, cls, layer.in_features, layer.out_features).take_norm(norm)
