"""Quantization-aware training: the network learns while its weights and activations are rounded."""

from qbref.qat.apot import APoT, APoTWeights
from qbref.qat.batchnorm import freeze_batchnorm, reestimate_batchnorm
from qbref.qat.dorefa import DoReFa, DoReFaActivations
from qbref.qat.dorefa_gradient import quantize_gradient, quantized_gradient
from qbref.qat.dorefa_weights import DoReFaSigns, DoReFaWeights
from qbref.qat.learned_clip import LearnedClip
from qbref.qat.prepare import freeze, prepare
from qbref.qat.schedule import FreezeAfter

__all__ = [
    "APoT",
    "APoTWeights",
    "DoReFa",
    "DoReFaActivations",
    "DoReFaSigns",
    "DoReFaWeights",
    "FreezeAfter",
    "LearnedClip",
    "freeze",
    "freeze_batchnorm",
    "prepare",
    "quantize_gradient",
    "quantized_gradient",
    "reestimate_batchnorm",
]
