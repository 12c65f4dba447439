"""Layers that run as one: a binary product whose only reader is a threshold writes signs at once."""

from dataclasses import dataclass

import numpy as np

import qbref.kernels
from qbref.integer.binary import BinaryConv2d, BinaryLinear, Threshold
from qbref.integer.sign_products import XnorWeights
from qbref.qnn.arithmetic import INT32_MAX, Clip


@dataclass(frozen=True, eq=False)
class SignedProduct:
    """A binary layer and the threshold behind it: sums become packed signs where they arise.

    The bias b and the unused bits move into the threshold: a + b >= t where a >= t - b.
    """

    layer: BinaryLinear | BinaryConv2d
    threshold: qbref.kernels.Threshold

    @property
    def path(self):
        """Of the binary layer."""
        return self.layer.path

    @classmethod
    def of(cls, layer, threshold):
        """Join the two layers; the combined threshold is exact also where it lies beyond int32."""
        offset = layer.bias.astype(np.int64)
        if isinstance(layer, BinaryLinear):
            offset -= layer.weights.unused_bits
        combined = np.clip(threshold.threshold - offset, -INT32_MAX, INT32_MAX).astype(np.int32)
        return cls(layer, qbref.kernels.Threshold(combined, threshold.flip))

    def run(self, x, kernels):
        """Signs in, packed signs out."""
        return self.layer.product(x, kernels, self.threshold)


def fused(layers):
    """The steps that give the same result as running `layers` one after another."""
    steps = []
    for layer in layers:
        if isinstance(layer, Threshold) and layer.packed and steps and _hands_on_sums(steps[-1]):
            layer = SignedProduct.of(steps.pop(), layer)
        steps.append(layer)
    return tuple(steps)


def _hands_on_sums(layer):
    """Whether a layer's output is one product's sums plus bias, not pooled, and clipped nowhere."""
    if not isinstance(layer, (BinaryLinear, BinaryConv2d)) or not isinstance(layer.finish, Clip):
        return False
    if not isinstance(layer.weights, XnorWeights):
        return False
    pooled = isinstance(layer, BinaryConv2d) and layer.pool is not None
    return layer.finish.is_open and not pooled
