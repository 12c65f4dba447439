"""Activation functions."""

import math

import numpy as np

from qbref.autograd.erf import erf
from qbref.autograd.tensor import Tensor, as_tensor


def relu(x):
    """max(x, 0); the upstream passes where x > 0 (not at 0)."""
    x = as_tensor(x)
    y = np.maximum(x.data, 0)
    return Tensor.from_op(y, (x,), lambda upstream: (upstream * (y > 0),))


def tanh(x):
    """Hyperbolic tangent; gradient (1 − tanh²(x)) · upstream."""
    x = as_tensor(x)
    y = np.tanh(x.data)
    return Tensor.from_op(y, (x,), lambda upstream: (upstream * (1 - y * y),))


def sigmoid(x):
    """1 / (1 + e^−x); gradient y (1 − y) · upstream. No exponent is positive, so nothing overflows."""
    x = as_tensor(x)
    y = np.exp(np.minimum(x.data, 0)) / (1 + np.exp(-np.abs(x.data)))
    return Tensor.from_op(y, (x,), lambda upstream: (upstream * y * (1 - y),))


def gelu(x, approximate="none"):
    """x · Φ(x), with Φ the normal distribution function; gradient (Φ(x) + x · φ(x)) · upstream.

    Parameters
    ----------
    x : Tensor
    approximate : {"none", "tanh"}
        "none": Φ(x) = (1 + erf(x / √2)) / 2.
        "tanh": Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, which moves the result by up to 5e-4.

    Raises
    ------
    ValueError
        If `approximate` is anything else.

    Notes
    -----
    D. Hendrycks, K. Gimpel, "Gaussian Error Linear Units", arXiv:1606.08415, section 2.

    Examples
    --------
    >>> from qbref.autograd import Tensor, gelu
    >>> gelu(Tensor([-1.0, 0.0, 1.0]))
    Tensor([-0.15865526,  0.        ,  0.8413447 ])
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate must be 'none' or 'tanh', got {approximate!r}")
    x = as_tensor(x)
    x_data = x.data
    if approximate == "none":
        cdf = 0.5 * (1 + erf(x_data * math.sqrt(0.5)))
    else:
        cdf = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x_data + 0.044715 * x_data**3)))

    def backward(upstream):
        if approximate == "none":
            density = np.exp(-0.5 * x_data * x_data) * math.sqrt(0.5 / math.pi)
        else:
            # (1 + tanh u)/2 has the derivative 2 cdf (1 − cdf) u'
            density = 2 * cdf * (1 - cdf) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x_data * x_data)
        return (upstream * (cdf + x_data * density),)

    return Tensor.from_op(x_data * cdf, (x,), backward)
