"""The two borders: real numbers become integers once, at the input, and come back once, at the output."""

from dataclasses import dataclass

import numpy as np

from qbref.integer.layer import Layer, require_array, require_finite, require_zero_point
from qbref.qnn.arithmetic import real_value
from qbref.quant.affine import quantize
from qbref.quant.params import QuantParams


@dataclass(frozen=True, eq=False)
class Quantize(Layer):
    """q = clip(round(x / scale) + zero_point): float32 (N, …) → integers, images channels last."""

    params: QuantParams

    def check(self):
        """One grid of at most 8 bits for all values."""
        if self.params.scale.ndim or self.params.n_bits > 8:
            raise ValueError(f"params must be one grid of at most 8 bits, got {self.params}")

    def run(self, x, kernels):
        """Real input in the user's layout → integers in the engine's."""
        return channels_last(quantize(x, self.params))

    def describe(self):
        """The grid."""
        return f"scale {float(self.params.scale):.4g}, zero point {int(self.params.zero_point)}"


@dataclass(frozen=True, eq=False)
class Dequantize(Layer):
    """y = scale * (q - zero_point): integers → float32, images channels first again."""

    scale: np.ndarray
    zero_point: int

    def check(self):
        """One positive scale, or one per channel."""
        require_array("scale", self.scale, np.float64, *self.scale.shape[:1])
        require_finite("scale", self.scale, positive=True)
        require_zero_point(self.zero_point)

    def run(self, x, kernels):
        """Integers in the engine's layout → real output in the user's."""
        if self.scale.shape not in ((), x.shape[-1:]):
            raise ValueError(f"scale must have {x.shape[-1]} values, got shape {self.scale.shape}")
        return channels_first(real_value(x, self.scale, self.zero_point))


def channels_last(x):
    """(N, C, H, W) → contiguous (N, H, W, C); other shapes as they are."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if x.ndim == 4 else x


def channels_first(x):
    """(N, H, W, C) → contiguous (N, C, H, W); other shapes as they are."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x
