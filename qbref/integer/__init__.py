"""Integer-only inference: `convert` a quantized model, `run` it on compiled kernels, `save` and `load` it."""

from qbref.integer.compare import count_differences
from qbref.integer.convert import convert
from qbref.integer.layer import Layer
from qbref.integer.model import IntegerModel, load

__all__ = ["IntegerModel", "Layer", "convert", "count_differences", "load"]
