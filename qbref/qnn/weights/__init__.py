"""Weight quantizers: latent float weights in, few-level weights out.

Start with base.py, which says what a weight quantizer is, and levels.py, the integers it stands for.
"""

from qbref.qnn.weights.base import WeightQuantizer
from qbref.qnn.weights.binary import BinaryWeights
from qbref.qnn.weights.gain import Gain
from qbref.qnn.weights.levels import Levels
from qbref.qnn.weights.lut import LutWeights
from qbref.qnn.weights.uniform import UniformWeights

__all__ = ["BinaryWeights", "Gain", "Levels", "LutWeights", "UniformWeights", "WeightQuantizer"]
