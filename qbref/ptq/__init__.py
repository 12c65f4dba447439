"""Post-training quantization: from a trained `nn` model to a `qnn` model, without training."""

from qbref.ptq.absorb_bias import absorb_high_bias
from qbref.ptq.adaround import adaround
from qbref.ptq.allocate import Allocation, allocate
from qbref.ptq.analytic_bias_correction import clipped_normal_mean, correct_bias_analytically
from qbref.ptq.awq import awq
from qbref.ptq.bias_correction import correct_bias
from qbref.ptq.dynamic import quantize_dynamic
from qbref.ptq.equalize import equalize
from qbref.ptq.fold_batchnorm import fold_batchnorm
from qbref.ptq.gptq import gptq, gptq_integers
from qbref.ptq.hessian import (
    HessianSensitivity,
    HessianTrace,
    hessian_sensitivity,
    hessian_trace,
    hessian_vector_product,
)
from qbref.ptq.prune import apply_masks, prune
from qbref.ptq.prune_channels import prune_channels
from qbref.ptq.sensitivity import Sensitivity, sensitivity
from qbref.ptq.smooth_quant import smooth_quant
from qbref.ptq.static import calibrate, quantize_static
from qbref.ptq.storage import dense_bytes, sparse_bytes
from qbref.ptq.table import Table

__all__ = [
    "Allocation",
    "HessianSensitivity",
    "HessianTrace",
    "Sensitivity",
    "Table",
    "absorb_high_bias",
    "adaround",
    "allocate",
    "apply_masks",
    "awq",
    "calibrate",
    "clipped_normal_mean",
    "correct_bias",
    "correct_bias_analytically",
    "dense_bytes",
    "equalize",
    "fold_batchnorm",
    "gptq",
    "gptq_integers",
    "hessian_sensitivity",
    "hessian_trace",
    "hessian_vector_product",
    "prune",
    "prune_channels",
    "quantize_dynamic",
    "quantize_static",
    "sensitivity",
    "smooth_quant",
    "sparse_bytes",
]
