"""BitNet b1.58's linear layer: ternary weights, and int8 activations with a scale for every token.

    x' = x / √(mean x² + ε),   q_x = round(x' · 127 / max|x'|),   y = (q_x · q_w) max|x'| / 127 γ + b

Ma et al., arXiv:2402.17764, in the form of the code published with it ("Training Tips, Code and FAQ").
"""

import numpy as np

from qbref import nn
from qbref.autograd import Tensor
from qbref.binary.bitnet import EPS, absmax_activation
from qbref.nn import functional as F
from qbref.qnn.dynamic import DynamicLinear
from qbref.qnn.product import with_state_of
from qbref.qnn.weights.ternary import BitNet


def rms_norm(x, eps=EPS):
    """x / √(mean x² + eps) over the last axis, as a Tensor."""
    return x / ((x * x).mean(axis=-1, keepdims=True) + eps).sqrt()


def bit_activation(x):
    """int8 tokens and their float32 scales s, x' ≈ q / s, of an ndarray that is not yet normalized."""
    return absmax_activation(rms_norm(Tensor(x)).data)


def bit_result(accumulator, x_scale, w_scale, bias):
    """float32(accumulator / s · γ) + b, formed in float64."""
    y = (accumulator / x_scale.astype(np.float64) * np.float64(w_scale)).astype(np.float32)
    return y if bias is None else y + bias


class BitLinear(DynamicLinear):
    """y = q(RMSNorm(x)) · (γ clip(round(W / γ), -1, 1))^T + b, one scale per token (last axis of x).

    The product is integer, the border float: :func:`qbref.integer.convert` takes a Sequential of such
    layers as it is, without calibration.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    rng : numpy.random.Generator or None

    Notes
    -----
    Gradients pass straight through both roundings, and through the normalization, which has no weights
    of its own. In training the product is formed in float, in evaluation exactly. Two such layers of 64
    and 10 units on the bundled digits, eight epochs: 94.7 %.

    Examples
    --------
    >>> layer = BitLinear(4, 2).eval()
    >>> layer(Tensor(np.ones((3, 5, 4), np.float32))).shape
    (3, 5, 2)
    """

    def __init__(self, in_features, out_features, bias=False, rng=None):
        nn.Linear.__init__(self, in_features, out_features, bias, rng)
        self.weight_quantizer = BitNet()

    @classmethod
    def from_float(cls, layer):
        """A BitNet layer with the weights of an ``nn.Linear``."""
        return with_state_of(layer, cls, layer.in_features, layer.out_features)

    def forward(self, x):
        """Float in, float out: (…, in_features) → (…, out_features)."""
        if self.training:
            return F.linear(_rounded(rms_norm(x)), self.quantized_weight(), self.bias)
        levels = self.weight_quantizer.levels(self.weight.data)
        q, scale = bit_activation(x.data)
        accumulator = q.astype(np.float64) @ levels.q.T.astype(np.float64)
        bias = None if self.bias is None else self.bias.data
        return Tensor(bit_result(accumulator, scale, levels.scale, bias))


def _rounded(x):
    """The nearest int8 multiples of each token's step; the gradient passes straight through."""
    q, scale = absmax_activation(x.data)
    return Tensor.from_op((q / scale).astype(x.dtype, copy=False), (x,), lambda upstream: (upstream,))
