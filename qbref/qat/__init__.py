"""Quantization-aware training: the network learns while its weights and activations are rounded."""

from qbref.qat.apot import APoT, APoTWeights
from qbref.qat.batchnorm import freeze_batchnorm, reestimate_batchnorm
from qbref.qat.dorefa import DoReFa, DoReFaActivations
from qbref.qat.dorefa_gradient import quantize_gradient, quantized_gradient
from qbref.qat.dorefa_weights import DoReFaSigns, DoReFaWeights
from qbref.qat.learned_clip import LearnedClip
from qbref.qat.lsq import lsq, lsq_backward, lsq_forward, lsq_gradient_scale, lsq_initial_step
from qbref.qat.lsq_plus import lsq_plus, lsq_plus_backward, lsq_plus_forward, lsq_plus_zero_point
from qbref.qat.lsq_plus_quantizers import LSQPlus, LSQPlusActivations, lsq_plus_initial_step
from qbref.qat.lsq_quantizers import LSQ, LSQActivations, LSQWeights
from qbref.qat.pact import PACT, PACTActivations, pact, pact_backward, pact_forward, pact_penalty
from qbref.qat.prepare import freeze, prepare
from qbref.qat.schedule import FreezeAfter
from qbref.qat.tf_minmax import tf_minmax, tf_minmax_backward, tf_minmax_forward, tf_nudge
from qbref.qat.tf_minmax_quantizers import TFMinMax, TFMinMaxActivations
from qbref.qat.tqt import tqt, tqt_backward, tqt_forward, tqt_scale
from qbref.qat.tqt_quantizers import TQT, TQTActivations, TQTWeights

__all__ = [
    "APoT",
    "APoTWeights",
    "DoReFa",
    "DoReFaActivations",
    "DoReFaSigns",
    "DoReFaWeights",
    "FreezeAfter",
    "LSQ",
    "LSQActivations",
    "LSQPlus",
    "LSQPlusActivations",
    "LSQWeights",
    "LearnedClip",
    "PACT",
    "PACTActivations",
    "TFMinMax",
    "TFMinMaxActivations",
    "TQT",
    "TQTActivations",
    "TQTWeights",
    "freeze",
    "freeze_batchnorm",
    "lsq",
    "lsq_backward",
    "lsq_forward",
    "lsq_gradient_scale",
    "lsq_initial_step",
    "lsq_plus",
    "lsq_plus_backward",
    "lsq_plus_forward",
    "lsq_plus_initial_step",
    "lsq_plus_zero_point",
    "pact",
    "pact_backward",
    "pact_forward",
    "pact_penalty",
    "prepare",
    "quantize_gradient",
    "quantized_gradient",
    "reestimate_batchnorm",
    "tf_minmax",
    "tf_minmax_backward",
    "tf_minmax_forward",
    "tf_nudge",
    "tqt",
    "tqt_backward",
    "tqt_forward",
    "tqt_scale",
]
