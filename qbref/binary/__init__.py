"""Numbers of one bit, and of three values: sign, its stand-in derivatives, scales, thresholds.

Arrays in, arrays out. ``*_gradient(x)`` is a factor, ``dx = upstream * factor``; where that is not enough,
``*_backward(upstream, ...)`` returns the gradients. Where a paper and its released code differ, both are
here, with ``_paper`` or ``_released`` in the name.
"""

from qbref.binary.bitnet import absmax_activation, absmean_ternary, absmean_ternary_released
from qbref.binary.dorefa import dorefa_activation, dorefa_activation_gradient, dorefa_sign
from qbref.binary.ir_net import ede_gradient, ede_schedule, libra_pb, libra_pb_backward, standardize
from qbref.binary.latent import clipped_update, glorot_lr_scale
from qbref.binary.quantizers import QUANTIZERS, Quantizer
from qbref.binary.react import rprelu, rprelu_backward, rsign, rsign_backward, rsign_backward_paper
from qbref.binary.scaling import channel_scale, magnitude_aware_sign, magnitude_aware_sign_gradient
from qbref.binary.sign import heaviside, sign
from qbref.binary.stochastic import binary_tanh_unit, hard_sigmoid, stochastic_sign
from qbref.binary.surrogate import (
    approx_sign_gradient,
    identity_gradient,
    ste_sign_gradient,
    swish_sign_gradient,
)
from qbref.binary.ternary import ste_tern, ternarize
from qbref.binary.ternary_bits import TernaryWords, pack_ternary, ternary_matmul, unpack_ternary
from qbref.binary.threshold import apply_threshold, batchnorm_threshold, integer_threshold
from qbref.binary.ttq import ttq, ttq_backward, ttq_backward_paper
from qbref.binary.twn import twn, twn_optimum
from qbref.binary.xnor_net import (
    activation_scale,
    center_and_clamp,
    xnor_backward_paper,
    xnor_backward_product_rule,
    xnor_backward_released,
    xnor_backward_ste,
)

__all__ = [
    "QUANTIZERS",
    "Quantizer",
    "TernaryWords",
    "absmax_activation",
    "absmean_ternary",
    "absmean_ternary_released",
    "activation_scale",
    "apply_threshold",
    "approx_sign_gradient",
    "batchnorm_threshold",
    "binary_tanh_unit",
    "center_and_clamp",
    "channel_scale",
    "clipped_update",
    "dorefa_activation",
    "dorefa_activation_gradient",
    "dorefa_sign",
    "ede_gradient",
    "ede_schedule",
    "glorot_lr_scale",
    "hard_sigmoid",
    "heaviside",
    "identity_gradient",
    "integer_threshold",
    "libra_pb",
    "libra_pb_backward",
    "magnitude_aware_sign",
    "magnitude_aware_sign_gradient",
    "pack_ternary",
    "rprelu",
    "rprelu_backward",
    "rsign",
    "rsign_backward",
    "rsign_backward_paper",
    "sign",
    "standardize",
    "ste_sign_gradient",
    "ste_tern",
    "stochastic_sign",
    "swish_sign_gradient",
    "ternarize",
    "ternary_matmul",
    "ttq",
    "ttq_backward",
    "ttq_backward_paper",
    "twn",
    "twn_optimum",
    "unpack_ternary",
    "xnor_backward_paper",
    "xnor_backward_product_rule",
    "xnor_backward_released",
    "xnor_backward_ste",
]
