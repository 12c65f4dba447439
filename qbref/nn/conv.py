"""Two-dimensional convolution."""

import numpy as np

from qbref.nn import functional as F
from qbref.nn.checks import float_input, integer, pair
from qbref.nn.linear import reset_parameters
from qbref.nn.module import Module
from qbref.nn.parameter import Parameter


class Conv2d(Module):
    """y[n,o,i,j] = b[o] + sum_{c,u,v} W[o,c,u,v] x[n,c, i stride + u dilation, j stride + v dilation].

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int or (int, int)
        Of height and width. `padding` adds zeros on both sides.
    groups : int
        Output channels of group g see the input channels of group g only; divides both channel counts.
    bias : bool
    rng : numpy.random.Generator or None
        Source of the initial weights.

    Attributes
    ----------
    weight : Parameter, shape (out_channels, in_channels / groups, kernel height, kernel width)
    bias : Parameter, shape (out_channels,), or None

    Notes
    -----
    Both start from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as in PyTorch; fan_in is the number of inputs of
    one output. As in all such libraries, the kernel is not mirrored: this is a cross-correlation.

    Examples
    --------
    >>> from qbref import nn
    >>> nn.Conv2d(1, 8, kernel_size=3, stride=2, padding=1)(np.ones((4, 1, 28, 28), np.float32)).shape
    (4, 8, 14, 14)
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        rng=None,
    ):
        super().__init__()
        self.in_channels = integer("in_channels", in_channels)
        self.out_channels = integer("out_channels", out_channels)
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = pair("stride", stride)
        self.padding = pair("padding", padding, minimum=0)
        self.dilation = pair("dilation", dilation)
        self.groups = integer("groups", groups)
        channels = self.in_channels, self.out_channels
        if any(n % self.groups for n in channels):
            raise ValueError(f"groups must divide in_channels and out_channels {channels}, got {groups}")
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight = Parameter(np.empty(shape, np.float32))
        self.bias = Parameter(np.empty(self.out_channels, np.float32)) if bias else None
        reset_parameters(self, rng)

    def forward(self, x):
        """Map (N, in_channels, H, W) to (N, out_channels, H', W')."""
        x = float_input(x, self.weight)
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f"input must have shape (N, {self.in_channels}, H, W), got {x.shape}")
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self):
        """The constructor's arguments; those at their defaults are left out."""
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        )
        defaults = {"padding": (0, 0), "dilation": (1, 1), "groups": 1}
        text += "".join(f", {k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v)
        return text + ("" if self.bias is not None else ", bias=False")
