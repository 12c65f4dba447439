"""Linear and Conv2d on integers: one product of bytes, one requantization."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from qbref.integer.geometry import Geometry
from qbref.integer.layer import Layer, require_array, require_zero_point
from qbref.integer.shape import MaxPool2d
from qbref.integer.weights import IntWeights, LutWeights, SignWeights, packed_once
from qbref.qnn.arithmetic import Clip, Requantizer


@dataclass(frozen=True, eq=False)
class Linear(Layer):
    """q_y = finish(sum_k (q_x - z_x) q_w + q_b).

    Attributes
    ----------
    weights : IntWeights, LutWeights or SignWeights
        (O, K).
    bias : int32 ndarray (O,)
    zero_point : int
        z_x.
    finish : Requantizer or Clip
        See :mod:`qbref.qnn.arithmetic`.
    """

    weights: IntWeights | LutWeights | SignWeights
    bias: np.ndarray
    zero_point: int
    finish: Requantizer | Clip

    def check(self):
        """One bias and one multiplier per output."""
        require_outputs(self, self.weights.outputs)

    def run(self, x, kernels):
        """(N, K) or (N, L, K) integers → (N, O) or (N, L, O)."""
        require_features(x)
        product = partial(self.weights.product, x.reshape(-1, x.shape[-1]), self.zero_point, kernels)
        return self.finish.after(product, self.bias).reshape(*x.shape[:-1], -1)

    def describe(self):
        """Shape and width of the weights."""
        return f"{len(self.bias)}×{self.weights.k} weights of {self.weights.n_bits} bit"


@dataclass(frozen=True, eq=False)
class Conv2d(Layer):
    """The same for images: every patch becomes a row, every filter a column of one product.

    Attributes
    ----------
    weights : tuple of IntWeights, LutWeights or SignWeights
        One per group, (O/groups, KH*KW*C/groups) each.
    bias, zero_point, finish
        As :class:`Linear`.
    geometry : Geometry
    pool : MaxPool2d or None
        Pooling of what the convolution returns.
    """

    weights: tuple
    bias: np.ndarray
    zero_point: int
    finish: Requantizer | Clip
    geometry: Geometry
    pool: MaxPool2d | None = None

    def check(self):
        """One bias and one multiplier per output; equal groups; patches of whole pixels."""
        require_groups(self.weights, (IntWeights, LutWeights, SignWeights), self.geometry.taps)
        require_outputs(self, self.weights[0].outputs * len(self.weights))

    def run(self, x, kernels):
        """(N, H, W, C) integers → (N, OH, OW, O); the border holds z_x, which is real zero."""
        convolution = partial(convolve, x, self, self.zero_point, kernels)
        pool = None if self.pool is None else partial(self.pool.run, kernels=kernels)
        return self.finish.after(convolution, self.bias, pool)

    def describe(self):
        """Shape and width of the weights."""
        channels = self.weights[0].k // self.geometry.taps
        pooled = "" if self.pool is None else f", {self.pool.geometry} max pooling"
        return f"{len(self.bias)}×{channels}×{self.geometry} weights of {self.weights[0].n_bits} bit{pooled}"


def convolve(x, conv, zero_point, kernels, bias=None, requantization=None):
    """bias + sum (q_x - z_x) q_w over every window: (N, H, W, C) → int32 (N, OH, OW, O), or requantized."""
    kernel_size, *geometry = conv.geometry
    groups = len(conv.weights)

    def pack():
        filters = np.concatenate([part.dense for part in conv.weights])
        return kernels.pack_filters(filters.reshape(len(filters), *kernel_size, -1), groups)

    filters = packed_once(conv, kernels, pack)
    return kernels.int8_conv2d(
        x, filters, *geometry, groups, zero_point, bias=bias, requantization=requantization
    )


def require_features(x):
    """Refuse images: their last axis are channels here, and the columns where the model was trained."""
    if x.ndim not in (2, 3):
        raise ValueError(f"x must have features on the last of two or three axes, got shape {x.shape}")


def require_outputs(layer, outputs):
    """Refuse a bias or an epilogue without one value per output, or inputs with an impossible zero."""
    require_array("bias", layer.bias, np.int32, outputs)
    require_zero_point(getattr(layer, "zero_point", 0))
    layer.finish.require_channels(outputs)


def require_groups(weights, kinds, taps):
    """Refuse groups of different shapes, or rows that are not whole patches of `taps` pixels."""
    for part in weights:
        if not isinstance(part, kinds):
            raise TypeError(f"weights must be stored weights, got {type(part).__name__}")
    shapes = sorted({(part.outputs, part.k) for part in weights})
    if len(shapes) != 1 or shapes[0][1] % taps:
        raise ValueError(f"weights must be equal groups with rows of whole {taps}-tap patches, got {shapes}")
