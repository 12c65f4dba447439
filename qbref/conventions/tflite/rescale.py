"""From accumulators to outputs: where the three kernel sets part ways.

Each function has the accumulator (…, C) and three scales, x, w (one number or (C,)) and y, and returns
round(acc · x_scale · w_scale / y_scale) as an int64 array.
"""

import numpy as np

from qbref.conventions.arithmetic import to_int32
from qbref.conventions.tflite.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from qbref.quant.rounding import round_half_away, round_half_even


def fixed_point(acc, x_scale, w_scale, y_scale, mode):
    """multiply_by_quantized_multiplier with the multiplier of f64(x) · f64(w) / f64(y)."""
    constants = quantize_multiplier(real_multiplier(x_scale, w_scale, y_scale))
    return multiply_by_quantized_multiplier(acc, *constants, mode).astype(np.int64)


def fixed_point_float32(acc, x_scale, w_scale, y_scale, mode):
    """The same with f64(f32(x · w)) / f64(y), the per-tensor rule of FULLY_CONNECTED."""
    with np.errstate(over="ignore"):
        real = np.float64(x_scale * w_scale) / np.float64(y_scale)
    return multiply_by_quantized_multiplier(acc, *quantize_multiplier(real), mode).astype(np.int64)


def float64(acc, x_scale, w_scale, y_scale):
    """half_away(f64(acc) · d), d = f64(x) · f64(w) / f64(y); −2^31 where that does not fit in int32."""
    rounded = round_half_away(acc * real_multiplier(x_scale, w_scale, y_scale))
    return np.asarray(to_int32(rounded)).astype(np.int64)


def float32(acc, x_scale, w_scale, y_scale):
    """half_even(f32(f32(acc) · m)), m = f32(f32(x · w) / y): XNNPACK, which refuses m of 256 and more."""
    with np.errstate(over="ignore"):
        m = x_scale * w_scale / y_scale
    if not np.all(m < 256):
        raise ValueError(f"x_scale · w_scale / y_scale must be below 256 with xnnpack, got {np.max(m)}")
    return round_half_even(acc.astype(np.float32) * m).astype(np.int64)


def real_multiplier(x_scale, w_scale, y_scale):
    """f64(x) · f64(w) / f64(y)."""
    return np.float64(x_scale) * np.float64(w_scale) / np.float64(y_scale)
