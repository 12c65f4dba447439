"""Quantized and binary neural networks, from the first rounding to integer-only inference.

The table of contents, which is also the reading order: a package imports only packages above it.

=============  ==================================================================================
`memory`       freed memory kept for the next training step
`random`       one seeded source of randomness
`autograd`     tensors that remember how they were made, and gradients from it
`nn`           layers, losses and modules, named as PyTorch names them
`optim`        optimizers, schedules, gradient clipping
`data`         bundled real data, readers, batches
`quant`        rounding, uniform quantization, lookup tables, fixed point, packing
`binary`       binary and ternary quantizers, surrogate gradients, batch norm as a threshold
`kernels`      integer products as NumPy definitions; `qbref_core` holds their compiled twins
`calibration`  observers: from seen values to a range
`qnn`          layers that simulate quantization in float and train
`ptq`          post-training quantization: `nn` to `qnn`
`qat`          quantization-aware training: `nn` to `qnn`, trained
`integer`      integer-only models: convert, run, save, load
`conventions`  the arithmetic of ONNX, PyTorch, TensorFlow Lite, Larq and others, bit for bit
`plots`        pictures
`lab`          experiments: trainings that are kept, intervals, timings, claims and their verdicts
`cli`          the command ``qbref``
=============  ==================================================================================
"""

from qbref import memory, random
from qbref.autograd import Tensor, grad_check, no_grad
from qbref.nn import load, save
from qbref.random import manual_seed

READING_ORDER = (
    "memory",
    "random",
    "autograd",
    "nn",
    "optim",
    "data",
    "quant",
    "binary",
    "kernels",
    "calibration",
    "qnn",
    "ptq",
    "qat",
    "integer",
    "conventions",
    "plots",
    "lab",
    "cli",
)

memory.keep_freed_memory()

__version__ = "0.1.0"

__all__ = ["READING_ORDER", "Tensor", "grad_check", "load", "manual_seed", "no_grad", "random", "save"]
