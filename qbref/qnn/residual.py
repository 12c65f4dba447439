"""A residual sum on integers: two grids become one.

The branches have scales of their own, so neither can simply be added to the other. Both are brought to
the common unit ``2 max(s_a, s_b) / 2**20``, added there, and requantized once (the rule of TensorFlow
Lite's ADD, tflite/kernels/internal/reference/integer_ops/add.h)::

    r_a = M_a ((q_a - z_a) << 20),  M_a = s_a / (2 max(s_a, s_b));       r_b likewise
    q_y = clip(z_y + M_y (r_a + r_b)),  M_y = 2 max(s_a, s_b) / (2**20 s_y)
"""

from dataclasses import dataclass

import numpy as np

import qbref.kernels
from qbref import nn
from qbref.autograd import Tensor
from qbref.qnn.activations import any_passes_through
from qbref.qnn.arithmetic import INT32_MAX, Requantizer
from qbref.qnn.product import NO_BOUNDS, bounded
from qbref.quant.affine import dequantize, quantize
from qbref.quant.fixed_point import quantize_multiplier

GUARD_BITS = 20


@dataclass(frozen=True, eq=False)
class AddArithmetic:
    """The integers of one residual sum; see the module's formulas.

    Attributes
    ----------
    a, b : Requantizer
        ``(q - z) << 20`` to the common unit, for each branch.
    zero_points : (int, int)
        z_a and z_b.
    finish : Requantizer
        The sum to the output grid.
    """

    a: Requantizer
    b: Requantizer
    zero_points: tuple
    finish: Requantizer

    def __post_init__(self):
        if not all(isinstance(part, Requantizer) for part in (self.a, self.b, self.finish)):
            raise TypeError("a, b and finish must be Requantizers")
        for part in (self.a, self.b, self.finish):
            part.require_channels(1)
        pair = self.zero_points
        if len(pair) != 2 or not all(type(z) is int and -128 <= z <= 255 for z in pair):
            raise ValueError(f"zero_points must be two integers in -128..255, got {pair!r}")

    @classmethod
    def from_params(cls, a, b, output, bounds, mode):
        """For the QuantParams of both branches and of the output, of at most 8 bits each."""
        for params in (a, b):
            if params.n_bits > 8:
                raise ValueError(f"the terms of a residual sum must have at most 8 bits, got {params.n_bits}")
        twice = 2 * max(float(a.scale), float(b.scale))
        lifts = [_lift(float(params.scale) / twice, mode) for params in (a, b)]
        real = twice / (2**GUARD_BITS * float(output.scale))
        finish = Requantizer.from_scales(real, output, bounds, mode)
        return cls(*lifts, (int(a.zero_point), int(b.zero_point)), finish)

    def __call__(self, q_a, q_b, kernels=qbref.kernels):
        """Integers on the grids of the branches → integers on the output grid."""
        terms = zip((q_a, q_b), self.zero_points, (self.a, self.b), strict=True)
        total = sum(lift((q.astype(np.int32) - z) << GUARD_BITS, kernels) for q, z, lift in terms)
        return self.finish(total, kernels)


def _lift(real, mode):
    multiplier, shift = map(np.asarray, quantize_multiplier(real))
    return Requantizer(multiplier, shift, 0, -INT32_MAX, INT32_MAX, mode, "int32")


class Residual(nn.Residual):
    """y = activation(body(x) + shortcut(x)), every term on a grid of its own.

    Attributes
    ----------
    body_quantizer, shortcut_quantizer : ActivationQuantizer or Sign
        Links to the quantizers that made the two terms.
    output_quantizer : ActivationQuantizer
    bounds : (float, float)
        Of the fused activation.
    """

    def __init__(self, body, shortcut, links, output, bounds=NO_BOUNDS, requantize_mode="single"):
        super().__init__(body, shortcut)
        self._links = tuple(links)
        self.output_quantizer = output
        self.bounds, self.requantize_mode = bounds, requantize_mode

    @property
    def body_quantizer(self):
        """The quantizer of the body's result."""
        return self._links[0]

    @property
    def shortcut_quantizer(self):
        """The quantizer of the shortcut's result (of the input, if there is no shortcut)."""
        return self._links[1]

    def arithmetic(self):
        """The layer's integers."""
        params = (quantizer.params for quantizer in (*self._links, self.output_quantizer))
        return AddArithmetic.from_params(*params, self.bounds, self.requantize_mode)

    def forward(self, x):
        """Float sum while training, the integer engine's sum in evaluation."""
        a, b = self.body(x), x if self.shortcut is None else self.shortcut(x)
        if self.training or any_passes_through(*self._links, self.output_quantizer):
            return self.output_quantizer(bounded(a + b, self.bounds))
        q_a, q_b = (quantize(term.data, link.params) for term, link in zip((a, b), self._links, strict=True))
        return Tensor(dequantize(self.arithmetic()(q_a, q_b), self.output_quantizer.params))
