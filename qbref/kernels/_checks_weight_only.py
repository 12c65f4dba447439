"""What the kernels with 4-bit weights accept: one set of rules for both twins."""

import numpy as np

from qbref.kernels._checks import (
    INT8,
    UINT8,
    check_array,
    check_depth,
    check_zero_points,
    is_scalar,
)

FLOAT32 = np.dtype(np.float32)


def check_int4_matmul(lhs, packed, scale, lhs_zero_point):
    """Check the operands of int4_matmul; return scale as float32 or None, and int16 zero points or None."""
    _check_operands(lhs, "packed", packed)
    zero_points = _check_zero_points(lhs, lhs_zero_point)
    if lhs.dtype == FLOAT32:
        return _as_scale(scale, len(packed)), None
    if scale is not None:
        raise ValueError(f"scale must be None where lhs is {lhs.dtype} (the result is int32), got {scale!r}")
    return None, zero_points


def check_lut_matmul(lhs, packed_codes, table, lhs_zero_point):
    """Check the operands of lut_matmul; return lhs_zero_point as an int16 array, or None for float32."""
    _check_operands(lhs, "packed_codes", packed_codes)
    check_array("table", table, (FLOAT32,) if lhs.dtype == FLOAT32 else (INT8,))
    n = len(packed_codes)
    if table.shape not in ((16,), (n, 16)):
        raise ValueError(f"table must have 16 entries, or shape ({n}, 16), got shape {table.shape}")
    if table.dtype == FLOAT32:
        _check_finite("table", table)
    return _check_zero_points(lhs, lhs_zero_point)


def _check_operands(lhs, name, packed):
    check_array("lhs", lhs, (INT8, UINT8, FLOAT32), ndim=2)
    check_array(name, packed, (UINT8,), ndim=2)
    k = lhs.shape[1]
    if packed.shape[1] != (k + 1) // 2:
        raise ValueError(f"{name} must have {(k + 1) // 2} bytes a row for K = {k}, got shape {packed.shape}")


def _check_zero_points(lhs, zero_point):
    if lhs.dtype == FLOAT32:
        if not is_scalar(zero_point) or zero_point != 0:
            raise ValueError(f"lhs_zero_point must be 0 where lhs is float32, got {zero_point!r}")
        return None
    zero_points, peak = check_zero_points("lhs_zero_point", zero_point, lhs.dtype, len(lhs))
    check_depth(lhs.shape[1], peak * 128)
    return zero_points


def _as_scale(scale, rows):
    if scale is None:
        raise ValueError("scale must be given where lhs is float32, got None")
    if is_scalar(scale):
        with np.errstate(over="ignore"):
            scale = np.asarray(scale, np.float32)
    check_array("scale", scale, (FLOAT32,))
    if scale.shape not in ((), (rows,)):
        raise ValueError(f"scale must be a scalar or have shape ({rows},), got shape {scale.shape}")
    _check_finite("scale", scale)
    return scale


def _check_finite(name, x):
    if not np.isfinite(x).all():
        raise ValueError(f"{name} must be finite, got {x[~np.isfinite(x)][0]}")
