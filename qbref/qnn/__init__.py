"""Layers that simulate quantization in float: they train, calibrate, evaluate and can be looked into.

Here the two streams meet, the floats that learn (`autograd`, `nn`) and the numbers in few bits
(`quant`, `binary`, `kernels`). A `qnn` model in evaluation mode gives, bit for bit, what
:func:`qbref.integer.convert` makes of it.
"""

from qbref.qnn.activations import ActivationQuantizer
from qbref.qnn.border import Quantize
from qbref.qnn.build import build
from qbref.qnn.config import ActivationScheme, Lut, QuantConfig, Uniform, WeightScheme, int_weights
from qbref.qnn.conv import BinaryConv2d, Conv2d
from qbref.qnn.dynamic import DynamicConv2d, DynamicLinear
from qbref.qnn.fake_quantize import FakeQuantize, fake_quantize
from qbref.qnn.folded import FoldedConv2d, FoldedLinear
from qbref.qnn.linear import BinaryLinear, Linear
from qbref.qnn.normalized import NormalizedConv2d, NormalizedLinear
from qbref.qnn.pooling import AvgPool2d
from qbref.qnn.report import Entry, Report
from qbref.qnn.residual import Residual
from qbref.qnn.sign import Sign, approx_sign, ste_sign
from qbref.qnn.switch import in_float
from qbref.qnn.weights import BinaryWeights, Gain, Levels, LutWeights, UniformWeights, WeightQuantizer
from qbref.qnn.weights.base import constrain

__all__ = [
    "ActivationQuantizer",
    "ActivationScheme",
    "AvgPool2d",
    "BinaryConv2d",
    "BinaryLinear",
    "BinaryWeights",
    "Conv2d",
    "DynamicConv2d",
    "DynamicLinear",
    "Entry",
    "FakeQuantize",
    "FoldedConv2d",
    "FoldedLinear",
    "Gain",
    "Levels",
    "Linear",
    "Lut",
    "LutWeights",
    "NormalizedConv2d",
    "NormalizedLinear",
    "QuantConfig",
    "Quantize",
    "Report",
    "Residual",
    "Sign",
    "Uniform",
    "UniformWeights",
    "WeightQuantizer",
    "WeightScheme",
    "approx_sign",
    "build",
    "constrain",
    "fake_quantize",
    "in_float",
    "int_weights",
    "ste_sign",
]
