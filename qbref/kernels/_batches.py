"""Matrix products over leading axes, for a product that knows two axes only."""

import numpy as np

from qbref.kernels._checks import INT8, UINT8, check_array, is_scalar


def over_batches(product, lhs, rhs, lhs_zero_point, rhs_zero_point, *rest):
    """Call ``product(lhs, rhs, …)`` on matrices; leading axes of both operands broadcast as in ``lhs @ rhs``.

    One rhs for all of lhs is one product with more rows.
    """
    if getattr(lhs, "ndim", 2) <= 2 and getattr(rhs, "ndim", 2) <= 2:
        return product(lhs, rhs, lhs_zero_point, rhs_zero_point, *rest)
    check_array("lhs", lhs, (INT8, UINT8))
    if getattr(rhs, "ndim", 2) == 2:
        if not is_scalar(lhs_zero_point):
            lhs_zero_point = _all_rows("lhs_zero_point", lhs_zero_point, lhs.shape[:-1]).reshape(-1)
        rows = np.prod(lhs.shape[:-1], dtype=int)
        flat = product(lhs.reshape(rows, lhs.shape[-1]), rhs, lhs_zero_point, rhs_zero_point, *rest)
        return flat.reshape(*lhs.shape[:-1], -1 if flat.size else rhs.shape[-1])
    check_array("rhs", rhs, (INT8, UINT8))
    if lhs.ndim < 2:
        raise ValueError(f"lhs must have at least 2 dimensions, got shape {lhs.shape}")
    batch = np.broadcast_shapes(lhs.shape[:-2], rhs.shape[:-2])
    if not is_scalar(lhs_zero_point):
        zero_points = _all_rows("lhs_zero_point", lhs_zero_point, lhs.shape[:-1])
        lhs_zero_point = np.broadcast_to(zero_points, (*batch, lhs.shape[-2]))
    if not is_scalar(rhs_zero_point):
        zero_points = _all_rows("rhs_zero_point", rhs_zero_point, (*rhs.shape[:-2], rhs.shape[-1]))
        rhs_zero_point = np.broadcast_to(zero_points, (*batch, rhs.shape[-1]))
    lhs = np.broadcast_to(lhs, (*batch, *lhs.shape[-2:]))
    rhs = np.broadcast_to(rhs, (*batch, *rhs.shape[-2:]))
    if 0 in batch:  # checks all the same, and finds the dtype
        one = product(np.zeros(lhs.shape[-2:], lhs.dtype), np.zeros(rhs.shape[-2:], rhs.dtype), 0, 0, *rest)
        return np.empty((*batch, *one.shape), one.dtype)
    results = [
        product(lhs[i], rhs[i], _at(lhs_zero_point, i), _at(rhs_zero_point, i), *rest)
        for i in np.ndindex(*batch)
    ]
    return np.stack(results).reshape(*batch, *results[0].shape)


def _all_rows(name, zero_point, shape):
    zero_point = np.asarray(zero_point)
    if zero_point.shape != shape:
        raise ValueError(f"{name} must be a scalar or have shape {shape}, got shape {zero_point.shape}")
    return zero_point


def _at(zero_point, i):
    return zero_point if is_scalar(zero_point) else zero_point[i]
