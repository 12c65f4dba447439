"""sign and its stand-in derivative: what 0, NaN, subnormal numbers and the ends of the window become."""

import numpy as np

from qbref import binary
from qbref.conventions import larq, xnornet
from qbref.conventions.differences.search import Family, Rule
from qbref.kernels import pack_bits, unpack_bits

TINY = np.finfo(np.float32).smallest_normal
ONE = np.float32(1)


def sign_model(x, zero, subnormal, nan):
    """sign(x), by named properties.

    Parameters
    ----------
    zero : {"+1", "0"}
    subnormal : {"kept", "as 0"}
        Numbers between 0 and the smallest normal one.
    nan : {"+1", "0", "NaN"}
    """
    of_zero = np.float32(1 if zero == "+1" else 0)
    of_nan = np.float32({"+1": 1, "0": 0, "NaN": np.nan}[nan])
    flushed = np.where(np.abs(x) < TINY, np.float32(0), x) if subnormal == "as 0" else x
    y = np.where(flushed == 0, of_zero, np.where(flushed < 0, -ONE, ONE))
    return np.where(np.isnan(x), of_nan, y)


def gradient_model(x, ends):
    """1 within ±1, else 0, by the named property.

    Parameters
    ----------
    ends : {"|x| ≤ 1", "|x| < 1"}
    """
    inside = np.abs(x) <= 1 if ends == "|x| ≤ 1" else np.abs(x) < 1
    return inside.astype(np.float32)


def _lce_bits(x):
    return larq.dequantize(larq.quantize(x), len(x))


def _packed(x):
    return unpack_bits(pack_bits(x), len(x)).astype(np.float32)


def _released(function):
    return lambda x: function(x, form="released")


def _signs(setting, rules):
    """0 and everything up to it in size that the systems could treat apart; then NaN."""
    least = np.float32(2.0) ** -np.arange(149, 125, -1, dtype=np.float32)
    x = np.append(least, np.float32([1, np.inf]))
    zeros = np.float32([0.0, -0.0])
    return np.concatenate([zeros, np.stack([x, -x], axis=1).ravel(), np.float32([np.nan])])


def _window(setting, rules):
    """Halves from 0 to 2, and the neighbours of 1."""
    x = np.float32([0, 0.5, np.nextafter(ONE, np.float32(0)), 1, np.nextafter(ONE, np.float32(2)), 1.5, 2])
    return np.append(np.stack([x, -x], axis=1).ravel(), np.float32(np.nan))


def _show(setting, x):
    return f"x = {x!s}"


SIGN = Family(
    "sign",
    "0, -0, then powers of two by magnitude from the least float32, 1, infinity, NaN",
    (
        Rule("Larq", larq.ste_sign, {"zero": "+1", "subnormal": "as 0", "nan": "NaN"}),
        Rule("Larq Compute Engine bits", _lce_bits, {"zero": "+1", "subnormal": "as 0", "nan": "+1"}),
        Rule(
            "XNOR-Net paper", xnornet.binarize_activations, {"zero": "+1", "subnormal": "kept", "nan": "+1"}
        ),
        Rule(
            "XNOR-Net code",
            _released(xnornet.binarize_activations),
            {"zero": "0", "subnormal": "kept", "nan": "0"},
        ),
        Rule("qbref bits", _packed, {"zero": "+1", "subnormal": "kept", "nan": "+1"}),
    ),
    ((),),
    _signs,
    sign_model,
    _show,
)
SIGN_GRADIENT = Family(
    "gradient of sign",
    "the least |x| of 0, 1/2, 1 and its neighbours, 3/2, 2",
    (
        Rule("Larq", larq.ste_sign_gradient, {"ends": "|x| ≤ 1"}),
        Rule("XNOR-Net paper", xnornet.binarize_activations_gradient, {"ends": "|x| ≤ 1"}),
        Rule("XNOR-Net code", _released(xnornet.binarize_activations_gradient), {"ends": "|x| < 1"}),
        Rule("qbref.binary", binary.ste_sign_gradient, {"ends": "|x| ≤ 1"}),
    ),
    ((),),
    _window,
    gradient_model,
    _show,
)
