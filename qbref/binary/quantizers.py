"""The quantizers of Larq by name: what goes forward, and the factor that goes backward."""

from collections.abc import Callable
from typing import NamedTuple

from qbref.binary.dorefa import dorefa_activation, dorefa_activation_gradient
from qbref.binary.scaling import magnitude_aware_sign, magnitude_aware_sign_gradient
from qbref.binary.sign import heaviside, sign
from qbref.binary.surrogate import approx_sign_gradient, ste_sign_gradient, swish_sign_gradient
from qbref.binary.ternary import ste_tern


class Quantizer(NamedTuple):
    """x_hat = forward(x), and backward dx = upstream · gradient(x).

    Attributes
    ----------
    forward, gradient : callable, array → array
        Further options are keyword arguments.
    """

    forward: Callable
    gradient: Callable


QUANTIZERS = {
    "ste_sign": Quantizer(sign, ste_sign_gradient),
    "approx_sign": Quantizer(sign, approx_sign_gradient),
    "swish_sign": Quantizer(sign, swish_sign_gradient),
    "magnitude_aware_sign": Quantizer(magnitude_aware_sign, magnitude_aware_sign_gradient),
    "ste_heaviside": Quantizer(heaviside, ste_sign_gradient),
    "ste_tern": Quantizer(ste_tern, ste_sign_gradient),
    "dorefa_quantizer": Quantizer(dorefa_activation, dorefa_activation_gradient),
}
