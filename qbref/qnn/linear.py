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
    weight_quantizer : Module or None
        Default: 8 bits, symmetric, one scale per output feature.
    rng : numpy.random.Generator or None

    Examples
    --------
    >>> import numpy as np, qbref as qb
    >>> from qbref import qnn
    >>> layer = qnn.Linear(3, 2)
    >>> layer(qb.Tensor(np.ones((4, 3), np.float32))).shape
    (4, 2)
    """

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


class BinaryLinear(Linear):
    """y = x (alpha * sign(W))^T + b: one bit per weight and a scale per output feature.

    ``weight`` holds the latent weights, which training moves; the two values in use are
    ``weight_quantizer(weight)``. Preceded by :class:`qbref.qnn.Sign`, the product becomes XNOR and
    popcount; preceded by anything else, an int8 product with weights -1 and +1.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import qnn
    >>> layer = qnn.BinaryLinear(64, 2, bias=False)
    >>> w = layer.weight_quantizer(layer.weight).data
    >>> bool(np.allclose(np.abs(w), np.abs(layer.weight.data).mean(axis=1, keepdims=True)))
    True
    """

    def __init__(self, in_features, out_features, bias=True, rng=None):
        super().__init__(in_features, out_features, bias, BinaryWeights(), rng)
