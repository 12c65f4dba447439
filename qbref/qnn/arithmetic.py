"""From scales to integers: everything a product layer needs to run without a float.

With real values ``x = s_x (q_x - z_x)``, ``w = s_w q_w`` and ``y = s_y (q_y - z_y)``, the layer
``y = sum_k x_k w_k + b`` becomes (Jacob et al. 2018, arXiv:1712.05877, section 2.2)::

    accumulator = sum_k (q_x - z_x) q_w + q_b          q_b = round(b / (s_x s_w))          (1)
    q_y = clip(z_y + M accumulator),                   M = s_x s_w / s_y                   (2)

and M, a real number, becomes an integer multiplier and a shift. The fused activation is only a
tighter clip in (2).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

import qbref.kernels
from qbref.kernels import Requantization
from qbref.qnn.config import REQUANTIZE_MODES
from qbref.qnn.weights import Levels
from qbref.quant.fixed_point import quantize_multiplier
from qbref.quant.params import QuantParams

INT32_MAX = 2**31 - 1
WRAPPING_MODES = "double", "half_up_twice"  # they shift left in int32, before multiplying
STORED_DTYPES = "int8", "uint8", "int16", "uint16", "int32"


@dataclass(frozen=True, eq=False)
class Requantizer:
    """q_y = clip(z_y + M accumulator, low, high): equation (2), channels last.

    Attributes
    ----------
    multiplier, shift : int32 ndarray
        M, one number or one per channel.
    zero_point, low, high : int
    mode : str
        Of :func:`qbref.kernels.requantize`.
    dtype : str
        Of the result.
    """

    multiplier: np.ndarray
    shift: np.ndarray
    zero_point: int
    low: int
    high: int
    mode: str
    dtype: str

    def __post_init__(self):
        for name in ("multiplier", "shift"):
            values = getattr(self, name)
            if not isinstance(values, np.ndarray) or values.dtype != np.int32 or values.ndim > 1:
                raise ValueError(f"{name} must be int32 with at most one axis, got {values!r}")
        if not all(type(v) is int for v in (self.zero_point, self.low, self.high)) or self.low > self.high:
            raise ValueError(f"low must be an integer up to high, got {self.low!r} and {self.high!r}")
        if self.mode not in REQUANTIZE_MODES:
            raise ValueError(f"mode must be one of {REQUANTIZE_MODES}, got {self.mode!r}")
        if self.dtype not in STORED_DTYPES:
            raise ValueError(f"dtype must be one of {STORED_DTYPES}, got {self.dtype!r}")
        limits = np.iinfo(self.dtype)
        if not all(limits.min <= v <= limits.max for v in (self.zero_point, self.low, self.high)):
            got = f"{self.zero_point}, {self.low} and {self.high}"
            raise ValueError(f"zero_point, low and high must fit {self.dtype}, got {got}")
        if (self.multiplier < 0).any() or (np.clip(self.shift, -31, 30) != self.shift).any():
            raise ValueError(
                f"multiplier must be at least 0 and shift in -31..30, got {self.multiplier} and {self.shift}"
            )

    def require_channels(self, channels):
        """Refuse multipliers that are neither one nor one per channel."""
        for name in ("multiplier", "shift"):
            if getattr(self, name).shape not in ((), (channels,)):
                raise ValueError(f"{name} must have {channels} values, got shape {getattr(self, name).shape}")

    @classmethod
    def from_scales(cls, real, y_params, bounds, mode):
        """For the real multiplier(s) M, the output's QuantParams and the activation's real bounds."""
        multiplier, shift = map(np.asarray, quantize_multiplier(real))
        zero_point = int(y_params.zero_point)
        levels = np.rint(np.array(bounds) / float(y_params.scale)) + zero_point
        low, high = (int(level) for level in np.clip(levels, y_params.qmin, y_params.qmax))
        return cls(multiplier, shift, zero_point, low, high, mode, y_params.dtype.name)

    @property
    def constants(self):
        """What kernels take to requantize."""
        return Requantization(self.multiplier, self.shift, self.zero_point, self.low, self.high, self.mode)

    def __call__(self, accumulator, kernels=qbref.kernels):
        """int32 accumulators (…, C) → integers of `dtype`."""
        return kernels.requantize(accumulator, *self.constants).astype(self.dtype, copy=False)

    def after(self, product, bias, pool=None):
        """Finish within ``product(bias, requantization)``, a kernel that does so in one pass; then pool."""
        q = product(bias, self.constants).astype(self.dtype, copy=False)
        return q if pool is None else pool(q)


@dataclass(frozen=True, eq=False)
class Clip:
    """Accumulators handed on, clipped by the fused activation: bounds per channel, in accumulator units."""

    low: np.ndarray
    high: np.ndarray

    def __post_init__(self):
        for name in ("low", "high"):
            values = getattr(self, name)
            if not isinstance(values, np.ndarray) or values.dtype != np.int32 or values.ndim != 1:
                raise ValueError(f"{name} must be an int32 array of one axis, got {values!r}")

    def require_channels(self, channels):
        """Refuse bounds that are not one per channel."""
        if not len(self.low) == len(self.high) == channels:
            raise ValueError(
                f"low and high must have {channels} values, got {len(self.low)} and {len(self.high)}"
            )

    @classmethod
    def from_scales(cls, scale, bounds):
        """For accumulators whose unit is `scale` (C,) and the activation's real bounds."""
        low, high = (np.clip(np.rint(bound / scale), -INT32_MAX, INT32_MAX) for bound in bounds)
        return cls(low.astype(np.int32), high.astype(np.int32))

    def __call__(self, accumulator, kernels=qbref.kernels):
        """int32 in, int32 out."""
        if self.is_open:
            return accumulator
        return np.clip(accumulator, self.low, self.high)

    @cached_property
    def is_open(self):
        """Whether the bounds are those of no activation, which no accumulator reaches."""
        return bool((self.low <= -INT32_MAX).all() and (self.high >= INT32_MAX).all())

    def after(self, product, bias, pool=None):
        """Finish what ``product(bias)`` returns; pooled first, which is less work and the same result."""
        accumulator = product(bias)
        return self(accumulator if pool is None else pool(accumulator))


@dataclass(frozen=True, eq=False)
class ProductArithmetic:
    """The integers of one product layer.

    Attributes
    ----------
    weights : Levels
    bias : int32 ndarray (C,)
        q_b of equation (1).
    scale : float64 ndarray (C,)
        s_x s_w: one unit of the accumulator, per output channel.
    input : QuantParams
    output : QuantParams or None
        None: the layer hands its accumulators on.
    finish : Requantizer or Clip
        Bias-added accumulators to what is handed on.
    """

    weights: Levels
    bias: np.ndarray
    scale: np.ndarray
    input: QuantParams
    output: QuantParams | None
    finish: Requantizer | Clip

    def real(self, q):
        """The float32 values that the integers of `finish` stand for."""
        if self.output is None:
            return real_value(q, self.scale)
        return real_value(q, float(self.output.scale), int(self.output.zero_point))


def real_value(q, scale, zero_point=0):
    """float32((q - zero_point) * scale), the product formed in float64."""
    return ((q.astype(np.int64) - zero_point) * scale).astype(np.float32)


def product_arithmetic(levels, bias, x_params, y_params, bounds, mode):
    """Equations (1) and (2) for one layer.

    Parameters
    ----------
    levels : Levels
        Weights, output channels first.
    bias : float ndarray (C,) or None
    x_params : QuantParams
        Per tensor.
    y_params : QuantParams or None
    bounds : (float, float)
        Of the fused activation: (-inf, inf) for none, (0, inf) for ReLU, (0, 6) for ReLU6.
    mode : str

    Raises
    ------
    ValueError
        If weights or bias are not finite, or some input could carry the accumulator beyond int32, before or
        after the left shift of `mode`.
    """
    channels = levels.q.shape[0]
    scale = np.broadcast_to(np.float64(x_params.scale) * levels.scale.astype(np.float64), (channels,))
    bias = np.zeros(channels) if bias is None else bias.astype(np.float64)
    if not (np.isfinite(scale).all() and np.isfinite(bias).all()):
        raise ValueError("weights and bias must be finite, got NaN or infinity")
    levels, scale = _without_dead_channels(levels, scale, bias)
    q_bias = np.rint(bias / scale)
    reach = _reach(levels.q, q_bias, x_params)
    _check_int32("accumulator", reach)
    if y_params is None:
        finish = Clip.from_scales(scale, bounds)
    else:
        finish = Requantizer.from_scales(scale / float(y_params.scale), y_params, bounds, mode)
        if mode in WRAPPING_MODES:
            _check_int32(
                f"accumulator, shifted left by mode {mode!r},", reach * 2.0 ** np.maximum(finish.shift, 0)
            )
    return ProductArithmetic(levels, q_bias.astype(np.int32), scale, x_params, y_params, finish)


def _without_dead_channels(levels, scale, bias):
    """Channels whose weights are lost beside their bias, as a batch norm with gamma near 0 leaves them.

    Measured in such weights the bias would leave int32. The channel is its bias: its unit becomes
    |b| / 2**30, and its weights zero (binary ones stay, each now worth a billionth of the bias).
    """
    dead = np.abs(bias) > scale * 2**30
    if not dead.any():
        return levels, scale
    scale = np.where(dead, np.abs(bias) / 2**30, scale)
    if levels.table is None and levels.n_bits == 1:
        return levels, scale
    q = levels.q.copy()
    q[dead] = 0
    if levels.table is None:
        return replace(levels, q=q), scale
    if 0 not in levels.table:
        return replace(levels, q=q, table=None, codes=None, n_bits=8), scale
    codes = levels.codes.copy()
    codes[dead] = np.flatnonzero(levels.table == 0)[0]
    return replace(levels, q=q, codes=codes), scale


def _reach(q, q_bias, x_params):
    """The largest magnitude that any input can give each channel's accumulator."""
    zero_point = int(x_params.zero_point)
    farthest = max(x_params.qmax - zero_point, zero_point - x_params.qmin)
    return np.abs(q.astype(np.int64)).reshape(q.shape[0], -1).sum(axis=1) * farthest + np.abs(q_bias)


def _check_int32(name, reach):
    if reach.size and reach.max() > INT32_MAX:
        raise ValueError(f"{name} must fit int32 for every input, got a reach of {int(reach.max())}")
