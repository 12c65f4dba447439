"""Convolutions with quantized or binary weights."""

from qbref import nn
from qbref.autograd import pad
from qbref.nn import functional as F
from qbref.qnn.config import int_weights
from qbref.qnn.product import Product, conv_shape, with_state_of
from qbref.qnn.weights import BinaryWeights, UniformWeights


class Conv2d(Product, nn.Conv2d):
    """y = x * W_hat + b, W_hat the quantized latent weights (O, C/groups, KH, KW).

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True
        As :class:`qbref.nn.Conv2d`.
    weight_quantizer : WeightQuantizer or None
        Default: 8 bits, symmetric, one scale per output channel.
    padding_value : {0, 1, -1}
        What surrounds the image. Binary activations have no zero: +1 keeps the border binary, as Larq
        Compute Engine's "one" padding does; 0 costs the integer engine a correction at the border.

    Examples
    --------
    >>> import numpy as np, qbref as qb
    >>> from qbref import qnn
    >>> qnn.Conv2d(1, 4, 3, padding=1)(qb.Tensor(np.ones((2, 1, 8, 8), np.float32))).shape
    (2, 4, 8, 8)
    """

    def __init__(self, *shape, weight_quantizer=None, padding_value=0, **options):
        if padding_value not in (0, 1, -1):
            raise ValueError(f"padding_value must be 0, 1 or -1, got {padding_value!r}")
        super().__init__(*shape, **options)
        self.padding_value = padding_value
        self.set_quantizers(weight_quantizer or UniformWeights(int_weights()))

    @classmethod
    def from_float(cls, layer):
        """A quantized layer with the weights of an ``nn.Conv2d``."""
        return with_state_of(layer, cls, *conv_shape(layer))

    def product(self, x, weight, bias):
        """Convolution of `x`, padded with `padding_value`."""
        padding = self.padding
        if self.padding_value != 0:
            (top, left), padding = padding, 0
            x = pad(x, ((0, 0), (0, 0), (top, top), (left, left)), value=float(self.padding_value))
        return F.conv2d(x, weight, bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self):
        """The constructor's arguments, and what becomes of the weights."""
        padded = f", padding_value={self.padding_value}" if self.padding_value != 0 else ""
        return f"{super().extra_repr()}{padded}, latent weight → {self.weight_quantizer.extra_repr()}"


class BinaryConv2d(Conv2d):
    """y = x * (alpha sign(W)) + b: one bit per weight and a scale per output channel.

    ``weight`` holds the latent weights, ``quantized_weight()`` gives the binary ones, as in
    :class:`qbref.qnn.BinaryLinear`.

    Examples
    --------
    >>> from qbref import qnn
    >>> qnn.BinaryConv2d(64, 64, 3, padding=1, padding_value=1).weight_quantizer
    BinaryWeights(±alpha per channel)
    """

    def __init__(self, *shape, padding_value=0, **options):
        super().__init__(*shape, weight_quantizer=BinaryWeights(), padding_value=padding_value, **options)
