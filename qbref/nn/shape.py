"""Modules that only rearrange."""

import math

from qbref.nn.checks import float_input, integer
from qbref.nn.module import Module


class Flatten(Module):
    """Merge the axes from `start_dim` on into one.

    Parameters
    ----------
    start_dim : int
        The default, 1, keeps the batch axis.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> nn.Flatten()(np.zeros((8, 3, 4, 4), np.float32)).shape
    (8, 48)
    """

    def __init__(self, start_dim=1):
        super().__init__()
        self.start_dim = integer("start_dim", start_dim, minimum=0)

    def forward(self, x):
        """Map (d_0, ..., d_k) to (d_0, ..., product of the others)."""
        x = float_input(x)
        if x.ndim <= self.start_dim:
            raise ValueError(f"input must have more than {self.start_dim} dimensions, got shape {x.shape}")
        kept, merged = x.shape[: self.start_dim], x.shape[self.start_dim :]
        return x.reshape(*kept, math.prod(merged))

    def extra_repr(self):
        """The constructor's argument."""
        return "" if self.start_dim == 1 else f"start_dim={self.start_dim}"
