"""Pooling: one value for each window of an image."""

from qbref.nn import functional as F
from qbref.nn.checks import float_input, pair
from qbref.nn.module import Module


class _Pool2d(Module):
    """The geometry both poolings share."""

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = pair("kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair("stride", stride)
        self.padding = pair("padding", padding, minimum=0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(f"padding must be at most half of kernel_size {self.kernel_size}, got {padding}")

    def _checked(self, x):
        x = float_input(x)
        if x.ndim != 4:
            raise ValueError(f"input must have shape (N, C, H, W), got {x.shape}")
        return x

    def extra_repr(self):
        """The constructor's arguments."""
        padding = f", padding={self.padding}" if any(self.padding) else ""
        return f"kernel_size={self.kernel_size}, stride={self.stride}{padding}"


class MaxPool2d(_Pool2d):
    """y = the largest value of each window.

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride : int, (int, int) or None
        None: the kernel's size, so that windows touch without overlap.
    padding : int or (int, int)
        At most half the kernel; never wins the maximum.

    Notes
    -----
    The gradient goes to the first maximum of a window in row-major order.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> nn.MaxPool2d(2)(np.arange(16.0, dtype=np.float32).reshape(1, 1, 4, 4)).numpy().tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """

    def forward(self, x):
        """Map (N, C, H, W) to (N, C, H', W')."""
        return F.max_pool2d(self._checked(x), self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Pool2d):
    """y = the mean of each window; padding counts as zeros.

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride : int, (int, int) or None
        None: the kernel's size.
    padding : int or (int, int)
        At most half the kernel.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> nn.AvgPool2d(2)(np.arange(16.0, dtype=np.float32).reshape(1, 1, 4, 4)).numpy().tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """

    def forward(self, x):
        """Map (N, C, H, W) to (N, C, H', W')."""
        return F.avg_pool2d(self._checked(x), self.kernel_size, self.stride, self.padding)
