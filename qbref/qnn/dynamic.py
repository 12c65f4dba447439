"""Dynamic quantization: integer weights, and activations quantized when they arrive.

Every token finds its own symmetric range (vector-wise in LLM.int8, arXiv:2208.07339, token-wise in
ZeroQuant, arXiv:2206.01861). With x_t the vector of features that meets the weights::

    s_t = max|x_t| / 127,   q_t = round(x_t / s_t),   y_t = s_t s_w sum_k q_tk q_wk + b

For a Linear every vector along the last axis is a token: a sample of (N, K), a position of (N, L, K). A
convolution mixes positions, so there the whole image shares one range. Either way a result depends
neither on the other samples of the batch nor, in a Linear, on the other tokens of the sequence.

The border stays float; only the product is integer.
"""

import numpy as np

from qbref import nn
from qbref.autograd import Tensor
from qbref.nn import functional as F
from qbref.qnn.product import conv_shape, with_state_of

DYNAMIC_QMAX = 127


def dynamic_quantize(x, axes=(-1,)):
    """int8 integers of `x` and one float32 scale for all values along `axes`; all zeros get scale 1.

    Parameters
    ----------
    x : float32 ndarray
    axes : tuple of int
        (-1,): a scale for every token. (1, 2, 3): a scale for every image.

    Returns
    -------
    q : int8 ndarray of x's shape
    scale : float32 ndarray
        Of x's shape, with length 1 along `axes`.

    Examples
    --------
    >>> q, scale = dynamic_quantize(np.array([[1.0, -2.54], [0.0, 0.0]], np.float32))
    >>> q.tolist(), scale.ravel().tolist()
    ([[50, -127], [0, 0]], [0.019999999552965164, 1.0])
    """
    x = np.asarray(x, np.float32)
    if not np.isfinite(x).all():
        raise ValueError("x must be finite, got NaN or infinity")
    farthest = np.abs(x).max(axis=axes, keepdims=True, initial=0)
    scale = (farthest / np.float32(DYNAMIC_QMAX)).astype(np.float32)
    scale[scale < np.finfo(np.float32).tiny] = 1
    return np.clip(np.rint(x / scale), -DYNAMIC_QMAX, DYNAMIC_QMAX).astype(np.int8), scale


def dynamic_result(accumulator, x_scale, w_scale, bias):
    """float32(accumulator * s_t * s_w) + b, channels last, the scales multiplied in float64."""
    y = (accumulator * (x_scale.astype(np.float64) * w_scale.astype(np.float64))).astype(np.float32)
    return y if bias is None else y + bias


class _Dynamic:
    """Mixin of the two layers: int8 weights fixed at construction, the product formed exactly."""

    @classmethod
    def from_float(cls, layer, scheme, rounding):
        """The dynamic form of an ``nn.Linear`` or ``nn.Conv2d``, its weights under `scheme`."""
        made = with_state_of(layer, cls, *cls.shape_of(layer))
        made.weight_quantizer = scheme.weight_quantizer(layer.weight.data, rounding)
        return made

    def quantized_weight(self):
        """The weights in use, as a Tensor of few levels."""
        return self.weight_quantizer(self.weight)

    def forward(self, x):
        """Float in, integer product, float out."""
        levels = self.weight_quantizer.levels(self.weight.data)
        q, scale = dynamic_quantize(x.data, self.scale_axes)
        accumulator = self.product(q.astype(np.float64), levels.q.astype(np.float64))
        bias = None if self.bias is None else self.bias.data
        return Tensor(self.result(accumulator, scale, levels.scale, bias))


class DynamicLinear(_Dynamic, nn.Linear):
    """y_t = s_t s_w (q_t · q_w) + b with each token's own scale s_t.

    Examples
    --------
    >>> from qbref import nn, ptq
    >>> q = ptq.quantize_dynamic(nn.Sequential(nn.Linear(3, 2)))
    >>> q(Tensor([[1.0, 2.0, 3.0]])).shape
    (1, 2)
    """

    scale_axes = (-1,)
    result = staticmethod(dynamic_result)

    @staticmethod
    def shape_of(layer):
        """What the constructor takes."""
        return layer.in_features, layer.out_features

    def product(self, q, q_w):
        """q q_w^T, exact in float64: (…, K) → (…, O)."""
        return F.linear(q, q_w).data


class DynamicConv2d(_Dynamic, nn.Conv2d):
    """Convolution with int8 weights and each image's own scale; see :class:`DynamicLinear`."""

    scale_axes = (1, 2, 3)
    shape_of = staticmethod(conv_shape)

    def product(self, q, q_w):
        """Convolution without bias, exact in float64: (N, C, H, W) → (N, O, OH, OW)."""
        return F.conv2d(q, q_w, None, self.stride, self.padding, self.dilation, self.groups).data

    def result(self, accumulator, x_scale, w_scale, bias):
        """:func:`dynamic_result` with channels second."""
        y = dynamic_result(np.moveaxis(accumulator, 1, -1), x_scale, w_scale, bias)
        return np.ascontiguousarray(np.moveaxis(y, -1, 1))
