"""Initial values: each function fills a parameter in place, and returns it.

With fan the number of inputs of one output (``fan_in``) or of outputs of one input (``fan_out``)::

    kaiming   std = gain / sqrt(fan)                        He et al., arXiv:1502.01852, eq. 10
    xavier    std = gain * sqrt(2 / (fan_in + fan_out))     Glorot and Bengio, AISTATS 2010, eq. 16

A uniform distribution over [-bound, bound] has that standard deviation when bound = sqrt(3) std.
"""

import math

from qbref.nn.checks import choice
from qbref.random import default_rng

GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}


def uniform_(tensor, a=0.0, b=1.0, rng=None):
    """Fill `tensor` from U(a, b).

    Parameters
    ----------
    tensor : Tensor
        Its data is overwritten; the dtype stays.
    a, b : float
    rng : numpy.random.Generator or None

    Examples
    --------
    >>> from qbref import nn
    >>> weight = nn.init.uniform_(nn.Parameter([0.0] * 100), -1.0, 1.0)
    >>> bool(abs(weight.data).max() <= 1)
    True
    """
    tensor.data[...] = default_rng(rng).uniform(a, b, tensor.shape)
    return tensor


def normal_(tensor, mean=0.0, std=1.0, rng=None):
    """Fill `tensor` from N(mean, std^2)."""
    tensor.data[...] = default_rng(rng).normal(mean, std, tensor.shape)
    return tensor


def zeros_(tensor):
    """Fill `tensor` with 0."""
    tensor.data[...] = 0
    return tensor


def ones_(tensor):
    """Fill `tensor` with 1."""
    tensor.data[...] = 1
    return tensor


def kaiming_uniform_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu", rng=None):
    """Fill `tensor` from U(-bound, bound), bound = gain * sqrt(3 / fan).

    Parameters
    ----------
    tensor : Tensor
        A weight of shape (out, in, ...).
    a : float
        Negative slope of the leaky ReLU that follows; gain = sqrt(2 / (1 + a^2)).
    mode : {"fan_in", "fan_out"}
        Which pass keeps its variance: forward or backward.
    nonlinearity : {"leaky_relu", "relu", "tanh", "sigmoid", "linear"}
        What follows; all but the first ignore `a`.
    rng : numpy.random.Generator or None

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> weight = nn.Parameter(np.zeros((10, 600), np.float32))
    >>> bool(abs(nn.init.kaiming_uniform_(weight).data).max() <= 0.1)
    True
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, rng)


def kaiming_normal_(tensor, a=0.0, mode="fan_in", nonlinearity="leaky_relu", rng=None):
    """Fill `tensor` from N(0, gain^2 / fan); see :func:`kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), rng)


def xavier_uniform_(tensor, gain=1.0, rng=None):
    """Fill `tensor` from U(-bound, bound), bound = gain * sqrt(6 / (fan_in + fan_out))."""
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, rng)


def xavier_normal_(tensor, gain=1.0, rng=None):
    """Fill `tensor` from N(0, 2 gain^2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), rng)


def _fans(tensor):
    """(fan_in, fan_out) of a weight (out, in, ...)."""
    if tensor.ndim < 2:
        raise ValueError(f"tensor must have at least 2 dimensions, got shape {tensor.shape}")
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field


def _kaiming_std(tensor, a, mode, nonlinearity):
    gains = GAINS | {"leaky_relu": math.sqrt(2 / (1 + a * a))}
    fan_in, fan_out = _fans(tensor)
    fan = fan_in if choice("mode", mode, ("fan_in", "fan_out")) == "fan_in" else fan_out
    return gains[choice("nonlinearity", nonlinearity, tuple(gains))] / math.sqrt(fan)


def _xavier_std(tensor, gain):
    return gain * math.sqrt(2 / sum(_fans(tensor)))
