"""Binary layers: activations are -1 or +1, packed 64 to a word, weights too, or -1, 0 and +1.

Between a :class:`Threshold` and the next binary layer an image is (N, H, W, ceil(C/64)) words, a
vector (N, words); bit 1 stands for -1.
"""

from dataclasses import dataclass

import numpy as np

from qbref.binary.threshold import apply_threshold
from qbref.integer.geometry import Geometry
from qbref.integer.layer import Layer, require_array, require_unpacked
from qbref.integer.product import require_features, require_outputs
from qbref.integer.shape import MaxPool2d
from qbref.integer.sign_products import SignProducts
from qbref.qnn.arithmetic import Clip, Requantizer


@dataclass(frozen=True, eq=False)
class Threshold(Layer):
    """sign(batch norm(x)) as one integer comparison per channel.

    Attributes
    ----------
    threshold : int32 ndarray (C,)
    flip : bool ndarray (C,)
        The result is +1 where ``(x >= threshold) != flip``.
    packed : bool
        Words for a binary layer, or int8 -1 and +1 for any other.
    on_axis_1 : bool
        Whether batch norm or sign told channels apart: those of axis 1, which (N, L, C) has last only here.
    """

    threshold: np.ndarray
    flip: np.ndarray
    packed: bool
    on_axis_1: bool = False

    def check(self):
        """One threshold and one direction per channel."""
        require_array("threshold", self.threshold, np.int32, None)
        require_array("flip", self.flip, np.bool_, len(self.threshold))

    def run(self, x, kernels):
        """Accumulators or activations (…, C) → signs."""
        require_unpacked(x)
        if self.on_axis_1 and x.ndim == 3:
            raise ValueError(f"x must have no third axis behind the channels of axis 1, got shape {x.shape}")
        minus = ~apply_threshold(x, self.threshold, self.flip)
        return kernels.pack_bits(minus) if self.packed else np.where(minus, np.int8(-1), np.int8(1))

    def describe(self):
        """What comes out."""
        return "packed signs out" if self.packed else "int8 signs out"


@dataclass(frozen=True, eq=False)
class BinaryLinear(Layer):
    """finish(K - 2 popcount(x xor w) + q_b), for ternary weights half the sum of two such products.

    Attributes
    ----------
    weights : XnorWeights or TernaryXnorWeights
    bias : int32 ndarray (O,)
    finish : Requantizer or Clip
    """

    weights: SignProducts
    bias: np.ndarray
    finish: Requantizer | Clip

    def check(self):
        """One bias and one multiplier per output."""
        require_outputs(self, self.weights.outputs)

    def run(self, x, kernels):
        """Words, or int8 signs (N, K) or (N, L, K), → (N, O) or (N, L, O)."""
        accumulator = self.product(x, kernels)
        accumulator += self.bias - np.int32(self.weights.unused_bits)
        return self.finish(accumulator, kernels)

    def product(self, x, kernels, threshold=None):
        """The sums over x and w, the unused bits included; with a threshold, its packed signs."""
        require_features(x)
        weights, rows = self.weights, x.reshape(-1, x.shape[-1])
        if x.dtype != np.uint64:
            pixels = rows.reshape(len(rows), weights.taps, weights.channels)
            rows = kernels.pack_bits(pixels).reshape(len(rows), -1)
        sums = kernels.xnor_matmul(rows, weights.patch_words, 64 * rows.shape[1], threshold)
        return weights.combine(sums.reshape(*x.shape[:-1], -1))

    def describe(self):
        """Shape of the weights."""
        return f"{len(self.bias)}×{self.weights.k} weights of {self.weights.n_bits} bit, XNOR"


@dataclass(frozen=True, eq=False)
class BinaryConv2d(Layer):
    """The same for images: packed first, gathered as words.

    Outside the image stands `padding_value`: +1, -1, or 0 as in float convolutions, which is no sign and
    costs a correction; see :func:`qbref.kernels.binary_conv2d`.
    """

    weights: SignProducts
    bias: np.ndarray
    finish: Requantizer | Clip
    geometry: Geometry
    padding_value: int
    pool: MaxPool2d | None = None

    def check(self):
        """One bias and one multiplier per output; as many taps as the kernel has."""
        require_outputs(self, self.weights.outputs)
        if self.weights.taps != self.geometry.taps:
            raise ValueError(f"taps must be {self.geometry.taps} as the kernel's, got {self.weights.taps}")
        if self.padding_value not in (0, 1, -1):
            raise ValueError(f"padding_value must be 0, 1 or -1, got {self.padding_value}")

    def run(self, x, kernels):
        """Words (N, H, W, ceil(C/64)), or int8 signs, → (N, OH, OW, O)."""
        image = self.product(x, kernels)
        if self.pool is not None:  # requantizing and clipping keep the order
            image = self.pool.run(image, kernels)
        image += self.bias
        return self.finish(image, kernels)

    def product(self, x, kernels, threshold=None):
        """The sums of the convolution; with a threshold, their packed signs."""
        words = x if x.dtype == np.uint64 else kernels.pack_bits(x)
        weights = self.weights
        sums = kernels.binary_conv2d(
            words, weights.patch_words, weights.channels, *self.geometry, self.padding_value, threshold
        )
        return weights.combine(sums)

    def describe(self):
        """Shape of the weights."""
        pooled = "" if self.pool is None else f", {self.pool.geometry} max pooling"
        shape = f"{len(self.bias)}×{self.weights.channels}×{self.geometry}"
        return f"{shape} weights of {self.weights.n_bits} bit, XNOR{pooled}"
