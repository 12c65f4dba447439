"""What the 8-bit products accept, in NumPy and compiled alike."""

import numpy as np

from qbref.kernels._checks import (
    INT8,
    INT32,
    UINT8,
    check_array,
    check_depth,
    check_im2col,
    check_int,
    check_requantization,
    check_zero_points,
    is_scalar,
)


def check_zero_point(name, zero_point, dtype, shape):
    """Return the zero point, an int or an int32 array of `shape`, and max |q - zero_point| over `dtype`."""
    if is_scalar(zero_point):
        lo, hi = (-128, 127) if dtype == INT8 else (0, 255)
        z = check_int(name, zero_point, lo, hi)
        return z, max(z - lo, hi - z)
    zero_points = np.asarray(zero_point)
    if zero_points.shape != shape:
        raise ValueError(f"{name} must be a scalar or have shape {shape}, got shape {zero_points.shape}")
    flat, peak = check_zero_points(name, zero_points.reshape(-1), dtype, zero_points.size)
    return flat.reshape(shape).astype(np.int32), peak


def check_rhs(rhs):
    """Check what pack_rhs packs."""
    check_array("rhs", rhs, (INT8, UINT8), ndim=2)


def check_int8_matmul(lhs, rhs, lhs_zero_point, rhs_zero_point, bias, requantization, packed_type):
    """Check the 2-d operands of int8_matmul.

    Returns both zero points, each an int or an int32 array with one for each row or column; the checked
    requantization or None; and the dtype of the result.
    """
    check_array("lhs", lhs, (INT8, UINT8), ndim=2)
    if not isinstance(rhs, packed_type):
        check_rhs(rhs)
    (m, k), (rhs_k, n) = lhs.shape, rhs.shape
    if k != rhs_k:
        raise ValueError(f"rhs must have as many rows as lhs has columns ({k}), got shape {rhs.shape}")
    lhs_zero_point, lhs_peak = check_zero_point("lhs_zero_point", lhs_zero_point, lhs.dtype, (m,))
    rhs_zero_point, rhs_peak = check_zero_point("rhs_zero_point", rhs_zero_point, rhs.dtype, (n,))
    check_depth(k, lhs_peak * rhs_peak)
    check_bias(bias, n, k * lhs_peak * rhs_peak)
    return lhs_zero_point, rhs_zero_point, *check_finish(requantization, n)


def check_bias(bias, n, reach):
    """Check a bias that is added to sums of magnitude up to `reach`: the result must fit int32 too."""
    if bias is None:
        return
    check_array("bias", bias, (INT32,), ndim=1)
    if bias.shape != (n,):
        raise ValueError(f"bias must have one value per column ({n}), got shape {bias.shape}")
    if n and max(int(bias.max()), -int(bias.min())) + reach > 2**31 - 1:
        raise ValueError(
            f"bias must be at most {2**31 - 1 - reach} in magnitude for an int32 accumulator, "
            f"got {max(int(bias.max()), int(bias.min()), key=abs)}"
        )


def check_finish(requantization, channels):
    """Check the constants of requantization, None for none; return them and the dtype of the result."""
    if requantization is None:
        return None, INT32
    if not isinstance(requantization, tuple) or len(requantization) not in (5, 6):
        raise TypeError(f"requantization must be a Requantization or None, got {requantization!r}")
    multiplier, shift, zero_point, qmin, qmax, *mode = requantization
    mode = mode[0] if mode else "single"
    checked = check_requantization(channels, multiplier, shift, zero_point, qmin, qmax, mode)
    return (*checked, mode), checked[-1]


def check_filters(weight, groups):
    """Check the filters of a convolution; return groups."""
    check_array("weight", weight, (INT8, UINT8), ndim=4)
    if weight.size == 0:
        raise ValueError(f"weight must hold at least one filter of one tap, got shape {weight.shape}")
    groups = check_int("groups", groups, 1, 2**31 - 1)
    if weight.shape[0] % groups:
        raise ValueError(f"groups must divide the number of filters ({weight.shape[0]}), got {groups}")
    return groups


def check_int8_conv2d(
    x,
    weight,
    stride,
    padding,
    dilation,
    groups,
    x_zero_point,
    weight_zero_point,
    bias,
    requantization,
    packed_type,
):
    """Check the arguments of int8_conv2d.

    Returns (stride, padding, dilation) as pairs, groups, the output's (OH, OW), the checked requantization or
    None, and the dtype of the result.
    """
    check_array("x", x, (INT8, UINT8), ndim=4)
    if not isinstance(weight, packed_type):
        groups = check_filters(weight, groups)
    elif check_int("groups", groups, 1, 2**31 - 1) != weight.groups:
        raise ValueError(f"groups must be {weight.groups}, as the filters were packed, got {groups}")
    outputs, kh, kw, channels = weight.shape
    if x.shape[3] != groups * channels:
        raise ValueError(f"x must have {groups * channels} channels for this weight, got shape {x.shape}")
    _, x_peak = check_zero_point(
        "x_zero_point", check_int("x_zero_point", x_zero_point, -128, 255), x.dtype, ()
    )
    _, peak = check_zero_point("weight_zero_point", weight_zero_point, weight.dtype, (outputs,))
    check_depth(kh * kw * channels, x_peak * peak)
    check_bias(bias, outputs, kh * kw * channels * x_peak * peak)
    constants, dtype = check_finish(requantization, outputs)
    _, *geometry, out_size, _ = check_im2col(x, (kh, kw), stride, padding, dilation, 0)
    return geometry, groups, out_size, constants, dtype
