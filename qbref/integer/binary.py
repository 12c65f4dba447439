"""Binary layers: activations and weights are -1 or +1, packed 64 to a word.

Between a :class:`Threshold` and the next binary layer an image is (N, H, W, ceil(C/64)) words, a
vector (N, words); bit 1 stands for -1.
"""

from dataclasses import dataclass

import numpy as np

from qbref.binary.threshold import apply_threshold
from qbref.integer.layer import Layer, require_array
from qbref.integer.product import output_size, require_geometry, require_outputs
from qbref.integer.weights import XnorWeights
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
    """

    threshold: np.ndarray
    flip: np.ndarray
    packed: bool

    def check(self):
        """One threshold and one direction per channel."""
        require_array("threshold", self.threshold, np.int32, None)
        require_array("flip", self.flip, np.bool_, len(self.threshold))

    def run(self, x, kernels):
        """Accumulators or activations (…, C) → signs."""
        minus = ~apply_threshold(x, self.threshold, self.flip)
        return kernels.pack_bits(minus) if self.packed else np.where(minus, np.int8(-1), np.int8(1))

    def describe(self):
        """What comes out."""
        return "packed signs out" if self.packed else "int8 signs out"


@dataclass(frozen=True, eq=False)
class BinaryLinear(Layer):
    """finish(K - 2 popcount(x xor w) + q_b).

    Attributes
    ----------
    weights : XnorWeights
    bias : int32 ndarray (O,)
    finish : Requantizer or Clip
    """

    weights: XnorWeights
    bias: np.ndarray
    finish: Requantizer | Clip

    def check(self):
        """One bias and one multiplier per output."""
        require_outputs(self, self.weights.outputs)

    def run(self, x, kernels):
        """Words, or int8 signs (N, K), → (N, O)."""
        accumulator = self.weights.product(_words(x, self.weights, kernels), kernels)
        accumulator += self.bias
        return self.finish(accumulator, kernels)

    def describe(self):
        """Shape of the weights."""
        return f"{len(self.bias)}×{self.weights.taps * self.weights.channels} weights of 1 bit, XNOR"


@dataclass(frozen=True, eq=False)
class BinaryConv2d(Layer):
    """The same for images: packed first, gathered as words.

    Outside the image the words are 0, which is +1 and costs nothing. For another `padding_value` v the
    difference is exact: each weight that met the border counts v instead of 1,
    ``accumulator += (v - 1) * sum of the weights of the taps outside``.
    """

    weights: XnorWeights
    bias: np.ndarray
    finish: Requantizer | Clip
    kernel_size: tuple
    stride: tuple
    padding: tuple
    dilation: tuple
    padding_value: int

    def check(self):
        """One bias and one multiplier per output; as many taps as the kernel has."""
        require_geometry(self)
        require_outputs(self, self.weights.outputs)
        if self.weights.taps != self.kernel_size[0] * self.kernel_size[1]:
            raise ValueError(f"taps must fit a kernel of {self.kernel_size}, got {self.weights.taps}")
        if self.padding_value not in (0, 1, -1):
            raise ValueError(f"padding_value must be 0, 1 or -1, got {self.padding_value}")

    def run(self, x, kernels):
        """Words (N, H, W, ceil(C/64)), or int8 signs, → (N, OH, OW, O)."""
        words = x if x.dtype == np.uint64 else kernels.pack_bits(x)
        patches = kernels.im2col(words, self.kernel_size, self.stride, self.padding, self.dilation)
        accumulator = self.weights.product(patches, kernels)
        accumulator = accumulator.reshape(len(x), -1, len(self.bias)) + self.bias
        if self.padding_value != 1 and any(self.padding):
            accumulator += self._border(x.shape[1:3], kernels)
        out = output_size(x.shape[1:3], self)
        return self.finish(accumulator, kernels).reshape(len(x), *out, len(self.bias))

    def _border(self, size, kernels):
        """(v - 1) * sum of the weights outside the image: int32 (OH*OW, O)."""
        inside = np.zeros((1, *size, 1), np.int8)
        geometry = self.kernel_size, self.stride, self.padding, self.dilation
        outside = kernels.im2col(inside, *geometry, pad_value=1)
        return np.int32(self.padding_value - 1) * (outside.astype(np.int32) @ self.weights.tap_sums)

    def describe(self):
        """Shape of the weights."""
        height, width = self.kernel_size
        return f"{len(self.bias)}×{self.weights.channels}×{height}×{width} weights of 1 bit, XNOR"


def _words(x, weights, kernels):
    if x.dtype == np.uint64:
        return x
    return kernels.pack_bits(x.reshape(len(x), weights.taps, weights.channels)).reshape(len(x), -1)
