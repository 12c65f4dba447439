"""Activations as modules; the formulas are in :mod:`qbref.nn.functional`."""

from qbref.nn import functional as F
from qbref.nn.checks import choice
from qbref.nn.module import Module


class ReLU(Module):
    """y = max(0, x).

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> nn.ReLU()(np.array([-1.0, 2.0], np.float32)).numpy()
    array([0., 2.], dtype=float32)
    """

    def forward(self, x):
        """Apply the activation to every element."""
        return F.relu(x)


class ReLU6(Module):
    """y = min(max(0, x), 6)."""

    def forward(self, x):
        """Apply the activation to every element."""
        return F.relu6(x)


class Hardtanh(Module):
    """y = min(max(min_val, x), max_val).

    Parameters
    ----------
    min_val, max_val : float
        min_val < max_val.
    """

    def __init__(self, min_val=-1.0, max_val=1.0):
        super().__init__()
        if not min_val < max_val:
            raise ValueError(f"min_val must be below max_val ({max_val!r}), got {min_val!r}")
        self.min_val, self.max_val = float(min_val), float(max_val)

    def forward(self, x):
        """Apply the activation to every element."""
        return F.hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self):
        """The constructor's arguments."""
        return f"min_val={self.min_val:g}, max_val={self.max_val:g}"


class GELU(Module):
    """y = x Phi(x), Phi the normal distribution's cumulative probability.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        How Phi is computed: exactly, or by a formula with tanh that is off by up to 5e-4.
    """

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = choice("approximate", approximate, ("none", "tanh"))

    def forward(self, x):
        """Apply the activation to every element."""
        return F.gelu(x, self.approximate)

    def extra_repr(self):
        """The constructor's argument; the default is left out."""
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


class Sigmoid(Module):
    """y = 1 / (1 + exp(-x))."""

    def forward(self, x):
        """Apply the activation to every element."""
        return F.sigmoid(x)


class Tanh(Module):
    """y = tanh(x)."""

    def forward(self, x):
        """Apply the activation to every element."""
        return F.tanh(x)


class Softmax(Module):
    """y_i = exp(x_i) / sum_j exp(x_j) along the axis `dim`."""

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        """Normalize along one axis."""
        return F.softmax(x, self.dim)

    def extra_repr(self):
        """The constructor's argument."""
        return f"dim={self.dim}"
