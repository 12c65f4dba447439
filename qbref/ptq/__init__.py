"""Post-training quantization: from a trained `nn` model to a `qnn` model, without training."""

from qbref.ptq.dynamic import quantize_dynamic
from qbref.ptq.fold_batchnorm import fold_batchnorm
from qbref.ptq.static import calibrate, quantize_static

__all__ = ["calibrate", "fold_batchnorm", "quantize_dynamic", "quantize_static"]
