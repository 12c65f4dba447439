"""Dynamic quantization: integer weights, and activations quantized when they arrive.

Each sample finds its own symmetric range, so a result never depends on which other samples share its
batch (the "token-wise" scheme of ZeroQuant, arXiv:2206.01861)::

    s_i = max|x_i| / 127,   q_i = round(x_i / s_i),   y_i = s_i s_w sum_k q_ik q_wk + b

The border stays float; only the product is integer.
"""

import numpy as np

from qbref import nn
from qbref.autograd import Tensor
from qbref.nn import functional as F
from qbref.qnn.product import conv_shape, with_state_of
from qbref.qnn.weights import UniformWeights

DYNAMIC_QMAX = 127


def dynamic_quantize(x):
    """int8 integers of `x` and one float32 scale per sample; an all-zero sample gets scale 1.

    Parameters
    ----------
    x : float32 ndarray (N, …)

    Returns
    -------
    q : int8 ndarray of x's shape
    scale : float32 ndarray (N, 1, …)

    Examples
    --------
    >>> q, scale = dynamic_quantize(np.array([[1.0, -2.54], [0.0, 0.0]], np.float32))
    >>> q.tolist(), scale.ravel().tolist()
    ([[50, -127], [0, 0]], [0.019999999552965164, 1.0])
    """
    x = np.asarray(x, np.float32)
    if not np.isfinite(x).all():
        raise ValueError("x must be finite, got NaN or infinity")
    farthest = np.abs(x).max(axis=tuple(range(1, x.ndim)), keepdims=True, initial=0)
    scale = (farthest / np.float32(DYNAMIC_QMAX)).astype(np.float32)
    scale[scale < np.finfo(np.float32).tiny] = 1
    return np.clip(np.rint(x / scale), -DYNAMIC_QMAX, DYNAMIC_QMAX).astype(np.int8), scale


def dynamic_result(accumulator, x_scale, w_scale, bias):
    """float32(accumulator * s_i * s_w) + b, channels last, the scales multiplied in float64."""
    y = (accumulator * (x_scale.astype(np.float64) * w_scale.astype(np.float64))).astype(np.float32)
    return y if bias is None else y + bias


class _Dynamic:
    """Mixin of the two layers: int8 weights fixed at construction, the product formed exactly."""

    def set_weights(self, spec, rounding):
        self.weight_quantizer = UniformWeights(spec, rounding)
        return self

    def forward(self, x):
        """Float in, integer product, float out."""
        levels = self.weight_quantizer.levels(self.weight.data)
        q, scale = dynamic_quantize(x.data)
        sums = self.product(Tensor(q.astype(np.float64)), Tensor(levels.q.astype(np.float64))).data
        accumulator = np.moveaxis(sums, 1, -1)
        x_scale = scale.reshape(-1, *[1] * (accumulator.ndim - 1))
        y = dynamic_result(accumulator, x_scale, levels.scale, None if self.bias is None else self.bias.data)
        return Tensor(np.ascontiguousarray(np.moveaxis(y, -1, 1)))


class DynamicLinear(_Dynamic, nn.Linear):
    """y_i = s_i s_w (q_i · q_w) + b with the sample's own scale s_i.

    Examples
    --------
    >>> from qbref import nn, ptq
    >>> q = ptq.quantize_dynamic(nn.Sequential(nn.Linear(3, 2)))
    >>> q(Tensor([[1.0, 2.0, 3.0]])).shape
    (1, 2)
    """

    @classmethod
    def from_float(cls, layer, spec, rounding):
        """The dynamic form of an ``nn.Linear``."""
        return with_state_of(layer, cls, layer.in_features, layer.out_features).set_weights(spec, rounding)

    def product(self, x, weight):
        """x W^T."""
        return F.linear(x, weight)


class DynamicConv2d(_Dynamic, nn.Conv2d):
    """Convolution with int8 weights and each image's own scale; see :class:`DynamicLinear`."""

    @classmethod
    def from_float(cls, layer, spec, rounding):
        """The dynamic form of an ``nn.Conv2d``."""
        return with_state_of(layer, cls, *conv_shape(layer)).set_weights(spec, rounding)

    def product(self, x, weight):
        """Convolution without bias."""
        return F.conv2d(x, weight, None, self.stride, self.padding, self.dilation, self.groups)
