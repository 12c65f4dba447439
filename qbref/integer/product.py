"""Linear and Conv2d on integers: one product of bytes, one requantization."""

from dataclasses import dataclass

import numpy as np

from qbref.integer.layer import Layer, require_array, require_pairs
from qbref.integer.weights import IntWeights, LutWeights, SignWeights
from qbref.qnn.arithmetic import Clip, Requantizer

STORED = IntWeights, LutWeights, SignWeights


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
        """(N, K) integers → (N, O)."""
        accumulator = self.weights.product(x, self.zero_point, kernels)
        accumulator += self.bias
        return self.finish(accumulator, kernels)

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
    kernel_size, stride, padding, dilation : (int, int)
    bias, zero_point, finish : as :class:`Linear`
    """

    weights: tuple
    bias: np.ndarray
    zero_point: int
    finish: Requantizer | Clip
    kernel_size: tuple
    stride: tuple
    padding: tuple
    dilation: tuple

    def check(self):
        """One bias and one multiplier per output; groups of equal shape; a patch of whole pixels."""
        require_geometry(self)
        shapes = {(part.outputs, part.k) for part in self.weights if isinstance(part, STORED)}
        taps = self.kernel_size[0] * self.kernel_size[1]
        if (
            len(shapes) != 1
            or not all(isinstance(part, STORED) for part in self.weights)
            or shapes.copy().pop()[1] % taps
        ):
            raise ValueError(
                f"weights must be equal groups with rows of whole {taps}-tap patches, got {sorted(shapes)}"
            )
        require_outputs(self, self.weights[0].outputs * len(self.weights))

    def run(self, x, kernels):
        """(N, H, W, C) integers → (N, OH, OW, O); the border holds z_x, which is real zero."""
        accumulator = grouped_product(x, self, self.zero_point, kernels)
        accumulator += self.bias
        out = output_size(x.shape[1:3], self)
        return self.finish(accumulator, kernels).reshape(len(x), *out, len(self.bias))

    def describe(self):
        """Shape and width of the weights."""
        first = self.weights[0]
        height, width = self.kernel_size
        k = f"{first.k // (height * width)}×{height}×{width}"
        return f"{len(self.bias)}×{k} weights of {first.n_bits} bit"


def grouped_product(x, conv, zero_point, kernels):
    """sum (q_x - z_x) q_w over every patch, group by group: (N, H, W, C) → int32 (N*OH*OW, O)."""
    geometry = conv.kernel_size, conv.stride, conv.padding, conv.dilation
    products = []
    for part, weights in zip(np.split(x, len(conv.weights), axis=-1), conv.weights, strict=True):
        patches = kernels.im2col(np.ascontiguousarray(part), *geometry, pad_value=zero_point)
        products.append(weights.product(patches, zero_point, kernels))
    return products[0] if len(products) == 1 else np.concatenate(products, axis=1)


def require_outputs(layer, outputs):
    """Refuse a bias or an epilogue that does not have one value per output."""
    require_array("bias", layer.bias, np.int32, outputs)
    layer.finish.require_channels(outputs)


def require_geometry(layer):
    """Refuse kernel sizes, strides, paddings and dilations that are not pairs in range."""
    pairs = {name: getattr(layer, name) for name in ("kernel_size", "stride", "dilation")}
    require_pairs(1, **pairs)
    require_pairs(0, padding=layer.padding)


def output_size(size, geometry):
    """(OH, OW) of a convolution or pooling with kernel_size, stride, padding and dilation."""
    sides = zip(size, geometry.kernel_size, geometry.stride, geometry.padding, geometry.dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sides)
