"""Layers that simulate quantization in float: they train, calibrate, evaluate and can be looked into.

Here the two streams meet, the floats that learn (`autograd`, `nn`) and the numbers in few bits
(`quant`, `binary`, `kernels`). A `qnn` model in evaluation mode gives, bit for bit, what
:func:`qbref.integer.convert` makes of it.
"""

from qbref.qnn.activations import ActivationQuantizer
from qbref.qnn.binary_network import binarize
from qbref.qnn.bitnet import BitLinear
from qbref.qnn.border import Quantize
from qbref.qnn.build import build
from qbref.qnn.config import ActivationScheme, Lut, QuantConfig, Uniform, WeightScheme, int_weights
from qbref.qnn.conv import BinaryConv2d, Conv2d
from qbref.qnn.dynamic import DynamicConv2d, DynamicLinear
from qbref.qnn.embedding import QuantizedEmbedding
from qbref.qnn.fake_quantize import FakeQuantize, fake_quantize
from qbref.qnn.folded import FoldedConv2d, FoldedLinear
from qbref.qnn.linear import BinaryLinear, Linear
from qbref.qnn.normalized import NormalizedConv2d, NormalizedLinear
from qbref.qnn.pooling import AvgPool2d
from qbref.qnn.product import quantized_weights
from qbref.qnn.report import Entry, Report
from qbref.qnn.residual import Residual
from qbref.qnn.rprelu import RPReLU
from qbref.qnn.sign import RSign, Sign, approx_sign, ste_sign, swish_sign
from qbref.qnn.surrogates import Surrogate
from qbref.qnn.switch import in_float
from qbref.qnn.weights import (
    TTQ,
    TWN,
    BinaryConnect,
    BinaryWeights,
    BitNet,
    Gain,
    IRNet,
    Levels,
    LutWeights,
    SteTern,
    UniformWeights,
    WeightQuantizer,
    XNORNet,
    set_ede,
)
from qbref.qnn.weights.base import constrain
from qbref.qnn.xnor_conv import XNORConv2d

__all__ = [
    "ActivationQuantizer",
    "ActivationScheme",
    "AvgPool2d",
    "BinaryConnect",
    "BinaryConv2d",
    "BinaryLinear",
    "BinaryWeights",
    "BitLinear",
    "BitNet",
    "Conv2d",
    "DynamicConv2d",
    "DynamicLinear",
    "Entry",
    "FakeQuantize",
    "FoldedConv2d",
    "FoldedLinear",
    "Gain",
    "IRNet",
    "Levels",
    "Linear",
    "Lut",
    "LutWeights",
    "NormalizedConv2d",
    "NormalizedLinear",
    "QuantConfig",
    "Quantize",
    "QuantizedEmbedding",
    "RPReLU",
    "RSign",
    "Report",
    "Residual",
    "Sign",
    "SteTern",
    "Surrogate",
    "TTQ",
    "TWN",
    "Uniform",
    "UniformWeights",
    "WeightQuantizer",
    "WeightScheme",
    "XNORConv2d",
    "XNORNet",
    "approx_sign",
    "binarize",
    "build",
    "constrain",
    "fake_quantize",
    "in_float",
    "int_weights",
    "quantized_weights",
    "set_ede",
    "ste_sign",
    "swish_sign",
]
