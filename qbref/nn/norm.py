"""Normalization: of each channel over the batch, or of each example over its features."""

import numpy as np

from qbref.nn import functional as F
from qbref.nn.checks import float_input, integer, positive
from qbref.nn.module import Module
from qbref.nn.parameter import Parameter


class _BatchNorm(Module):
    """What both batch normalizations share; subclasses say which shapes they take."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True):
        super().__init__()
        self.num_features = integer("num_features", num_features)
        self.eps = positive("eps", eps)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be in [0, 1], got {momentum!r}")
        self.momentum, self.affine = float(momentum), bool(affine)
        self.weight = Parameter(np.ones(num_features, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_features, np.float32)) if affine else None
        self.register_buffer("running_mean", np.zeros(num_features, np.float32))
        self.register_buffer("running_var", np.ones(num_features, np.float32))

    def forward(self, x):
        """Normalize with the batch's statistics while training, with the running ones in evaluation."""
        x = float_input(x, self.running_mean)
        if x.ndim not in self.dimensions or x.shape[1] != self.num_features:
            raise ValueError(f"input must have shape {self.shapes.format(self.num_features)}, got {x.shape}")
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )

    def extra_repr(self):
        """The constructor's arguments."""
        affine = "" if self.affine else ", affine=False"
        return f"{self.num_features}, eps={self.eps:g}, momentum={self.momentum:g}{affine}"


class BatchNorm1d(_BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias for every channel of (N, C) or (N, C, L).

    Parameters
    ----------
    num_features : int
        C.
    eps : float
        Keeps the division away from 0.
    momentum : float
        Weight of the new batch: running = (1 - momentum) * running + momentum * batch.
    affine : bool
        Whether there are a `weight` (starting at 1) and a `bias` (at 0).

    Attributes
    ----------
    weight, bias : Parameter, shape (C,), or None
    running_mean, running_var : ndarray, shape (C,)
        Buffers; used instead of the batch's own statistics in evaluation mode.

    Notes
    -----
    The batch's mean and variance are taken over all axes but the second. Normalization divides by the
    biased variance (by n), `running_var` collects the unbiased one (by n - 1), as in PyTorch.
    Ioffe and Szegedy, arXiv:1502.03167, algorithms 1 and 2.

    Examples
    --------
    >>> from qbref import nn
    >>> nn.BatchNorm1d(1)(np.array([[1.0], [3.0]], np.float32)).numpy().round(3).tolist()
    [[-1.0], [1.0]]
    """

    dimensions = (2, 3)
    shapes = "(N, {0}) or (N, {0}, L)"


class BatchNorm2d(_BatchNorm):
    """As :class:`BatchNorm1d`, for (N, C, H, W).

    Examples
    --------
    >>> from qbref import nn
    >>> nn.BatchNorm2d(16)
    BatchNorm2d(16, eps=1e-05, momentum=0.1)  weight (16,), bias (16,): 32 parameters; buffers \
running_mean (16,), running_var (16,)
    """

    dimensions = (4,)
    shapes = "(N, {0}, H, W)"


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, statistics over the last axes of each example.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Sizes of those axes.
    eps : float
    elementwise_affine : bool
        Whether there are a `weight` (starting at 1) and a `bias` (at 0), of shape `normalized_shape`.

    Notes
    -----
    The variance is the biased one. Ba, Kiros and Hinton, arXiv:1607.06450, eq. 3 and 4.

    Examples
    --------
    >>> from qbref import nn
    >>> nn.LayerNorm(2)(np.array([[1.0, 3.0]], np.float32)).numpy().round(3).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        sizes = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        if not sizes:
            raise ValueError(f"normalized_shape must name at least one axis, got {normalized_shape!r}")
        self.normalized_shape = tuple(integer("normalized_shape", size) for size in sizes)
        self.eps, self.elementwise_affine = positive("eps", eps), bool(elementwise_affine)
        affine = self.elementwise_affine
        self.weight = Parameter(np.ones(self.normalized_shape, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(self.normalized_shape, np.float32)) if affine else None

    def forward(self, x):
        """Normalize the last axes of `x`."""
        x = float_input(x, self.weight)
        if x.shape[-len(self.normalized_shape) :] != self.normalized_shape:
            raise ValueError(f"input must end with axes {self.normalized_shape}, got shape {x.shape}")
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        """The constructor's arguments."""
        affine = "" if self.elementwise_affine else ", elementwise_affine=False"
        return f"{self.normalized_shape}, eps={self.eps:g}{affine}"
