"""Transformers between float borders: the projections run on integers, what lies between them does not."""

from dataclasses import dataclass, replace

import numpy as np

from qbref.autograd import no_grad
from qbref.integer.dynamic import FLOAT_LAYERS, DynamicLinear
from qbref.integer.layer import Layer, require_array, require_finite
from qbref.integer.weights import IntWeights
from qbref.nn import functional as F
from qbref.qnn.embedding import checked_indices, dequantize_rows


@dataclass(frozen=True, eq=False)
class Embedding(Layer):
    """y[..., :] = s_i q[i, :]: only the rows asked for are unpacked.

    Attributes
    ----------
    weights : IntWeights
        One row for each index.
    scale : float32 ndarray (rows,) or ()
    """

    weights: IntWeights
    scale: np.ndarray

    def check(self):
        """One scale, or one per row."""
        require_array("scale", self.scale, np.float32, *(self.weights.outputs,)[: self.scale.ndim])
        require_finite("scale", self.scale, positive=True)

    def run(self, x, kernels):
        """Integers (…) → float32 (…, E)."""
        indices = checked_indices(x, self.weights.outputs)
        rows = replace(self.weights, data=self.weights.data[indices.reshape(-1)]).dense
        scale = self.scale[indices] if self.scale.ndim else self.scale
        return dequantize_rows(rows.reshape(*indices.shape, self.weights.k), scale)

    def describe(self):
        """Shape and width of the table."""
        return f"{self.weights.outputs}×{self.weights.k} table of {self.weights.n_bits} bit, float rows out"


@dataclass(frozen=True, eq=False)
class LayerNorm(Layer):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes, in float.

    Attributes
    ----------
    weight, bias : float32 ndarray of those axes, or None
    shape : tuple of int
    eps : float
    """

    weight: np.ndarray | None
    bias: np.ndarray | None
    shape: tuple
    eps: float

    def check(self):
        """Weight and bias of the normalized shape."""
        for name in ("weight", "bias"):
            if (array := getattr(self, name)) is not None:
                require_array(name, array, np.float32, *self.shape)
                require_finite(name, array)
        if not self.shape or not all(type(n) is int and n > 0 for n in self.shape):
            raise ValueError(f"shape must be positive integers, got {self.shape}")
        require_finite("eps", self.eps, positive=True)

    def run(self, x, kernels):
        """float32 → float32."""
        with no_grad():
            return F.layer_norm(x, self.shape, self.weight, self.bias, self.eps).data

    def describe(self):
        """The layer's name."""
        return "LayerNorm in float"


@dataclass(frozen=True, eq=False)
class MultiheadAttention(Layer):
    """out(concat_h softmax(Q_h K_h^T / sqrt(E / heads)) V_h) of one sequence with itself.

    Attributes
    ----------
    q, k, v, out : DynamicLinear
        The projections, each (E, E).
    heads : int
    causal : bool
    """

    q: DynamicLinear
    k: DynamicLinear
    v: DynamicLinear
    out: DynamicLinear
    heads: int
    causal: bool

    def check(self):
        """Square projections of one width, which the heads divide."""
        shapes = {(layer.weights.outputs, layer.weights.k) for layer in (self.q, self.k, self.v, self.out)}
        widths = {width for shape in shapes for width in shape}
        if len(widths) != 1:
            raise ValueError(f"projections must be square and of one width, got {sorted(shapes)}")
        if self.heads < 1 or self.width % self.heads:
            raise ValueError(f"heads must divide the width {self.width}, got {self.heads}")

    @property
    def width(self):
        """E."""
        return self.q.weights.k

    def run(self, x, kernels):
        """float32 (N, L, E) → float32 (N, L, E)."""
        N, L, E = x.shape
        q, k, v = (
            layer.run(x, kernels).reshape(N, L, self.heads, E // self.heads).transpose(0, 2, 1, 3)
            for layer in (self.q, self.k, self.v)
        )
        with no_grad():
            y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).data
        return self.out.run(y.transpose(0, 2, 1, 3).reshape(N, L, E), kernels)

    @property
    def weight_bytes(self):
        """Of the projections."""
        return sum(layer.weight_bytes for layer in (self.q, self.k, self.v, self.out))

    def describe(self):
        """Heads, and width of the weights."""
        kind = "causal heads" if self.causal else "heads"
        return f"{self.heads} {kind}, projections of {self.q.weights.n_bits} bit, attention in float"


@dataclass(frozen=True, eq=False)
class TransformerEncoderLayer(Layer):
    """x = norm1(x + attention(x)); y = norm2(x + linear2(activation(linear1(x)))), or normalized first.

    Attributes
    ----------
    attention : MultiheadAttention
    linear1, linear2 : DynamicLinear
    norm1, norm2 : LayerNorm
    activation : str
        Name of a class in ``FLOAT_LAYERS``.
    norm_first : bool
    """

    attention: MultiheadAttention
    linear1: DynamicLinear
    linear2: DynamicLinear
    norm1: LayerNorm
    norm2: LayerNorm
    activation: str
    norm_first: bool

    def check(self):
        """Widths that follow one another."""
        if self.activation not in ("ReLU", "GELU"):
            raise ValueError(f"activation must be 'ReLU' or 'GELU', got {self.activation!r}")
        E, inner = self.attention.width, self.linear1.weights.outputs
        widths = self.linear1.weights.k, self.linear2.weights.k, self.linear2.weights.outputs
        if widths != (E, inner, E) or not self.norm1.shape == self.norm2.shape == (E,):
            raise ValueError(
                f"branches must take and give width {E}, got {widths} and norms {self.norm1.shape}"
            )

    def run(self, x, kernels):
        """float32 (N, L, E) → float32 (N, L, E)."""
        if self.norm_first:
            x = x + self.attention.run(self.norm1.run(x, kernels), kernels)
            return x + self._feed_forward(self.norm2.run(x, kernels), kernels)
        x = self.norm1.run(x + self.attention.run(x, kernels), kernels)
        return self.norm2.run(x + self._feed_forward(x, kernels), kernels)

    def _feed_forward(self, x, kernels):
        with no_grad():
            hidden = FLOAT_LAYERS[self.activation]()(self.linear1.run(x, kernels)).data
        return self.linear2.run(hidden, kernels)

    @property
    def weight_bytes(self):
        """Of attention and both linear layers."""
        return sum(layer.weight_bytes for layer in (self.attention, self.linear1, self.linear2))

    def describe(self):
        """The attention, and the width between the linear layers."""
        return f"{self.attention.describe()}; {self.linear1.weights.outputs} {self.activation} between"
