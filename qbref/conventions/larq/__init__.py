"""Larq 0.14.0 and Larq Compute Engine 0.16.0: quantizers, packed signs, binary convolution."""

from qbref.conventions.larq.bconv2d import bconv2d, bconv2d_bitpacked, bconv2d_int8
from qbref.conventions.larq.bconv2d_popcount import popcounts
from qbref.conventions.larq.bitpacking import dequantize, quantize
from qbref.conventions.larq.quantizers import (
    QUANTIZERS,
    Quantizer,
    approx_sign_gradient,
    dorefa_gradient,
    dorefa_quantizer,
    magnitude_aware_sign,
    magnitude_aware_sign_gradient,
    ste_heaviside,
    ste_sign,
    ste_sign_gradient,
    ste_tern,
    swish_sign_gradient,
)

__all__ = [
    "QUANTIZERS",
    "Quantizer",
    "approx_sign_gradient",
    "bconv2d",
    "bconv2d_bitpacked",
    "bconv2d_int8",
    "dequantize",
    "dorefa_gradient",
    "dorefa_quantizer",
    "magnitude_aware_sign",
    "magnitude_aware_sign_gradient",
    "popcounts",
    "quantize",
    "ste_heaviside",
    "ste_sign",
    "ste_sign_gradient",
    "ste_tern",
    "swish_sign_gradient",
]
