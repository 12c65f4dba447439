"""Numbers of one bit: sign, its stand-in derivatives, scaling factors, batch-norm thresholds."""

from qbref.binary.scaling import channel_scale
from qbref.binary.sign import sign
from qbref.binary.surrogate import approx_sign_gradient, ste_sign_gradient
from qbref.binary.threshold import apply_threshold, batchnorm_threshold, integer_threshold

__all__ = [
    "apply_threshold",
    "approx_sign_gradient",
    "batchnorm_threshold",
    "channel_scale",
    "integer_threshold",
    "sign",
    "ste_sign_gradient",
]
