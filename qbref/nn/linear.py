"""The fully connected layer."""

import math

import numpy as np

from qbref.nn import functional as F
from qbref.nn import init
from qbref.nn.checks import float_input, integer
from qbref.nn.module import Module
from qbref.nn.parameter import Parameter


class Linear(Module):
    """y = x W^T + b.

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    rng : numpy.random.Generator or None
        Source of the initial weights.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
    bias : Parameter, shape (out_features,), or None

    Notes
    -----
    Both start from U(-1/sqrt(in_features), 1/sqrt(in_features)), as in PyTorch.

    Examples
    --------
    >>> from qbref import nn
    >>> nn.Linear(3, 2)(np.ones((8, 3), np.float32)).shape
    (8, 2)
    """

    def __init__(self, in_features, out_features, bias=True, rng=None):
        super().__init__()
        self.in_features = integer("in_features", in_features)
        self.out_features = integer("out_features", out_features)
        self.weight = Parameter(np.empty((out_features, in_features), np.float32))
        self.bias = Parameter(np.empty(out_features, np.float32)) if bias else None
        reset_parameters(self, rng)

    def forward(self, x):
        """Map (..., in_features) to (..., out_features)."""
        x = float_input(x, self.weight)
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(
                f"input must have {self.in_features} features on its last axis, got shape {x.shape}"
            )
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self):
        """The constructor's arguments."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
        )


def reset_parameters(layer, rng):
    """Draw weight and bias from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), in this order."""
    # With a = sqrt(5), PyTorch's way to say it: gain = sqrt(2 / 6), bound = sqrt(3) gain / sqrt(fan_in).
    init.kaiming_uniform_(layer.weight, a=math.sqrt(5), rng=rng)
    if layer.bias is not None:
        bound = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
        init.uniform_(layer.bias, -bound, bound, rng)
