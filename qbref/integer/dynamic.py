"""Layers between float borders: the product runs on integers, everything around it does not."""

from dataclasses import dataclass

import numpy as np

from qbref import nn
from qbref.autograd import Tensor, no_grad
from qbref.integer.border import channels_first, channels_last
from qbref.integer.geometry import Geometry
from qbref.integer.layer import Layer, require_array, require_finite
from qbref.integer.product import convolve, require_groups
from qbref.integer.weights import IntWeights
from qbref.qnn.bitnet import bit_activation, bit_result
from qbref.qnn.dynamic import dynamic_quantize, dynamic_result

ACTIVATIONS = nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.GELU, nn.Sigmoid, nn.Tanh
KINDS = *ACTIVATIONS, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten
FLOAT_LAYERS = {kind.__name__: kind for kind in KINDS}


@dataclass(frozen=True, eq=False)
class DynamicLinear(Layer):
    """y_t = s_t s_w (q_t · q_w) + b, the token's scale s_t found when it arrives.

    Attributes
    ----------
    weights : IntWeights
    scale : float32 ndarray (O,) or ()
    bias : float32 ndarray (O,) or None
    """

    weights: IntWeights
    scale: np.ndarray
    bias: np.ndarray | None

    def check(self):
        """One scale and one bias per output."""
        _require_outputs(self, self.weights.outputs)

    def run(self, x, kernels):
        """float32 (…, K) → float32 (…, O)."""
        q, scale = dynamic_quantize(x)
        accumulator = self.weights.product(q.reshape(-1, q.shape[-1]), 0, kernels)
        accumulator = accumulator.reshape(*q.shape[:-1], -1)
        return dynamic_result(accumulator, scale, self.scale, self.bias)

    def describe(self):
        """Shape and width of the weights."""
        return f"{self.weights.outputs}×{self.weights.k} weights of {self.weights.n_bits} bit, float borders"


@dataclass(frozen=True, eq=False)
class BitLinear(Layer):
    """BitNet's layer: each token normalized and quantized on its own, ternary weights, float borders.

    Attributes
    ----------
    weights : IntWeights
    scale : float32 ndarray ()
    bias : float32 ndarray (O,) or None
    """

    weights: IntWeights
    scale: np.ndarray
    bias: np.ndarray | None

    def check(self):
        """One scale, and one bias per output."""
        _require_outputs(self, self.weights.outputs)

    def run(self, x, kernels):
        """float32 (…, K) → float32 (…, O)."""
        q, x_scale = bit_activation(x)
        accumulator = self.weights.product(q.reshape(-1, q.shape[-1]), 0, kernels)
        return bit_result(accumulator.reshape(*q.shape[:-1], -1), x_scale, self.scale, self.bias)

    def describe(self):
        """Shape and width of the weights."""
        return f"{self.weights.outputs}×{self.weights.k} weights of {self.weights.n_bits} bit, float borders"


@dataclass(frozen=True, eq=False)
class DynamicConv2d(Layer):
    """The same for images, each with a scale; a tuple of weights, one per group, and a geometry."""

    weights: tuple
    scale: np.ndarray
    bias: np.ndarray | None
    geometry: Geometry

    def check(self):
        """One scale and one bias per output."""
        require_groups(self.weights, IntWeights, self.geometry.taps)
        _require_outputs(self, self.weights[0].outputs * len(self.weights))

    def run(self, x, kernels):
        """float32 (N, C, H, W) → float32 (N, O, OH, OW)."""
        q, scale = dynamic_quantize(x, axes=(1, 2, 3))
        q = channels_last(q)
        accumulator = convolve(q, self, 0, kernels)
        return channels_first(dynamic_result(accumulator, scale, self.scale, self.bias))

    def describe(self):
        """Width of the weights."""
        return f"weights of {self.weights[0].n_bits} bit, float borders"


def _require_outputs(layer, outputs):
    require_array("scale", layer.scale, np.float32, *(outputs,)[: layer.scale.ndim])
    require_finite("scale", layer.scale, positive=True)
    if layer.bias is not None:
        require_array("bias", layer.bias, np.float32, outputs)
        require_finite("bias", layer.bias)


@dataclass(frozen=True, eq=False)
class FloatLayer(Layer):
    """A layer that dynamic quantization leaves in float, run as the `nn` layer it was.

    Attributes
    ----------
    kind : str
        Name of a class in ``FLOAT_LAYERS``.
    arguments : tuple
        Of its constructor.
    """

    kind: str
    arguments: tuple

    def check(self):
        """A known layer that can be made."""
        if self.kind not in FLOAT_LAYERS:
            raise ValueError(f"kind must be one of {sorted(FLOAT_LAYERS)}, got {self.kind!r}")
        FLOAT_LAYERS[self.kind](*self.arguments)

    def run(self, x, kernels):
        """float32 → float32."""
        with no_grad():
            return FLOAT_LAYERS[self.kind](*self.arguments)(Tensor(x)).data

    def describe(self):
        """The layer's name."""
        return f"{self.kind} in float"
