"""Weight quantizers: latent float weights in, few-level weights out.

Start with base.py, which says what a weight quantizer is, and levels.py, the integers it stands for.
"""

from qbref.qnn.weights.base import WeightQuantizer
from qbref.qnn.weights.binary import BinaryWeights
from qbref.qnn.weights.binary_connect import BinaryConnect
from qbref.qnn.weights.gain import Gain
from qbref.qnn.weights.ir_net import IRNet, set_ede
from qbref.qnn.weights.levels import Levels
from qbref.qnn.weights.lut import LutWeights
from qbref.qnn.weights.ternary import TWN, BitNet, SteTern
from qbref.qnn.weights.ttq import TTQ
from qbref.qnn.weights.uniform import UniformWeights
from qbref.qnn.weights.xnor_net import XNORNet

__all__ = [
    "TTQ",
    "TWN",
    "BinaryConnect",
    "BinaryWeights",
    "BitNet",
    "Gain",
    "IRNet",
    "Levels",
    "LutWeights",
    "SteTern",
    "UniformWeights",
    "WeightQuantizer",
    "XNORNet",
    "set_ede",
]
