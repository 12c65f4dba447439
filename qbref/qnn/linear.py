"""Fully connected layers with quantized or binary weights."""

from qbref import nn
from qbref.nn import functional as F
from qbref.qnn.config import int_weights
from qbref.qnn.product import Product, with_state_of
from qbref.qnn.weights import BinaryWeights, UniformWeights


class Linear(Product, nn.Linear):
    """y = x W_hat^T + b, W_hat the quantized latent weights.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    weight_quantizer : WeightQuantizer or None
        Default: 8 bits, symmetric, one scale per output feature. :class:`qbref.qnn.TWN` and its like make
        a ternary layer, :class:`qbref.qnn.BinaryConnect` and its like a binary one.
    rng : numpy.random.Generator or None

    Examples
    --------
    >>> import numpy as np, qbref as qb
    >>> from qbref import qnn
    >>> layer = qnn.Linear(3, 2)
    >>> layer(qb.Tensor(np.ones((4, 3), np.float32))).shape
    (4, 2)
    """

    channel_axis = -1

    def __init__(self, in_features, out_features, bias=True, weight_quantizer=None, rng=None):
        super().__init__(in_features, out_features, bias, rng)
        self.set_quantizers(weight_quantizer or UniformWeights(int_weights()))

    @classmethod
    def from_float(cls, layer):
        """A quantized layer with the weights of an ``nn.Linear``."""
        return with_state_of(layer, cls, layer.in_features, layer.out_features)

    def product(self, x, weight, bias):
        """x W^T + b."""
        return F.linear(x, weight, bias)

    def extra_repr(self):
        """The constructor's arguments, and what becomes of the weights."""
        return f"{super().extra_repr()}, latent weight → {self.weight_quantizer.extra_repr()}"


class BinaryLinear(Linear):
    """y = x (alpha * sign(W))^T + b: one bit per weight and a scale per output feature.

    ``weight`` holds the latent weights, which training moves and ``state_dict`` saves;
    ``quantized_weight()`` gives the binary ones in use. Preceded by :class:`qbref.qnn.Sign`, the product
    becomes XNOR and popcount; preceded by anything else, an int8 product with weights -1 and +1.

    Examples
    --------
    >>> from qbref import qnn
    >>> layer = qnn.BinaryLinear(3, 1, bias=False)
    >>> layer.weight.data[:] = 0.5, -1.0, 0.0
    >>> layer.weight.data, layer.quantized_weight().data
    (array([[ 0.5, -1. ,  0. ]], dtype=float32), array([[ 0.5, -0.5,  0.5]], dtype=float32))
    """

    def __init__(self, in_features, out_features, bias=True, rng=None):
        super().__init__(in_features, out_features, bias, BinaryWeights(), rng)
