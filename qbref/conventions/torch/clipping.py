"""Levels and limits: what the forward pass of fake quantization clips, the backward pass masks.

Levels are float32 integers, the zero point included; `limits` is (quant_min, quant_max).
"""

import numpy as np

from qbref.conventions.torch.dtypes import as_float32
from qbref.quant.checks import as_integer

INT64_OVERFLOW = np.float32(2.0**63)


def as_limits(quant_min, quant_max):
    """Return (quant_min, quant_max), checked."""
    limits = as_integer("quant_min", quant_min), as_integer("quant_max", quant_max)
    if not -(2**63) <= limits[0] <= limits[1] < 2**63:
        raise ValueError(f"quant_min must not exceed quant_max, both int64, got {limits[0]} and {limits[1]}")
    return limits


def through_int64(levels):
    """Replace whatever does not fit in a 64-bit integer by −2^63, as the conversion on x86 does."""
    return np.where(np.abs(levels) < INT64_OVERFLOW, levels, -INT64_OVERFLOW)


def on_grid(levels, scale, zero_point, limits):
    """(clip(levels) − zero_point) · scale, the difference exact, the product in the dtype of `scale`.

    NaN is as the lower limit.
    """
    kept = np.fmin(np.fmax(levels, np.float64(limits[0])), np.float64(limits[1]))
    with np.errstate(over="ignore"):
        difference = np.asarray(kept - zero_point).astype(scale.dtype)
        return np.asarray(difference * scale).astype(np.float32)


def masked(upstream, levels, limits):
    """Return `upstream` where limits[0] ≤ levels ≤ limits[1], else 0."""
    upstream = as_float32("upstream", upstream)
    if upstream.shape != levels.shape:
        raise ValueError(f"upstream must have shape {levels.shape}, got {upstream.shape}")
    lowest, highest = np.float64(limits)
    inside = (lowest <= levels) & (levels <= highest)
    with np.errstate(invalid="ignore"):
        return upstream * inside
