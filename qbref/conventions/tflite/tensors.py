"""What the operators accept: arrays, scales, zero points and kernel sets."""

import numpy as np

from qbref.quant.checks import as_integer, as_integer_array, check_within

KERNELS = ("ref", "opt", "xnnpack")


def as_kernels(kernels):
    """Return `kernels` if there is such a set."""
    if kernels not in KERNELS:
        raise ValueError(f"kernels must be 'ref', 'opt' or 'xnnpack', got {kernels!r}")
    return kernels


def as_float32(name, x):
    """Return `x` as a float32 array; Python numbers and lists are read as float32."""
    with np.errstate(over="ignore"):  # beyond the largest float is ±inf
        x = np.asarray(x, None if isinstance(x, np.ndarray | np.generic) else np.float32)
    if x.dtype != np.float32:
        raise TypeError(f"{name} must be float32, got {x.dtype}")
    return x


def as_quantized(name, q, *dtypes):
    """Return `q` as an array of one of these dtypes."""
    q = np.asarray(q)
    if q.dtype not in dtypes:
        raise TypeError(f"{name} must be {' or '.join(np.dtype(d).name for d in dtypes)}, got {q.dtype}")
    return q


def as_output_dtype(dtype):
    """Return `dtype` if operators can produce it."""
    dtype = np.dtype(dtype)
    if dtype not in (np.int8, np.uint8, np.int16):
        raise TypeError(f"dtype must be int8, uint8 or int16, got {dtype}")
    return dtype


def as_scale(scale, name="scale"):
    """Return one scale as float32, finite and positive."""
    if np.ndim(scale):
        raise ValueError(f"{name} must be one number, got shape {np.shape(scale)}")
    return as_scales(scale, name)


def as_scales(scale, name="scale"):
    """Return the scale as float32, a scalar or an array (C,)."""
    with np.errstate(over="ignore"):
        scale = np.asarray(scale, np.float64).astype(np.float32)
    if scale.ndim > 1 or not ((scale > 0) & (scale < np.inf)).all():
        raise ValueError(f"{name} must be finite and positive, one number or one per channel, got {scale}")
    return scale[()]


def as_zero_point(zero_point, dtype, name="zero_point"):
    """Return one zero point as an int, a value of `dtype`."""
    zero_point, info = as_integer(name, np.asarray(zero_point)[()]), np.iinfo(dtype)
    check_within(name, np.asarray(zero_point), info.min, info.max)
    return zero_point


def as_zero_points(zero_point, dtype):
    """Return the zero point as int64, a scalar or an array (C,), of values of `dtype`."""
    zero_point, info = as_integer_array("zero_point", zero_point), np.iinfo(dtype)
    check_within("zero_point", zero_point, info.min, info.max)
    return zero_point.astype(np.int64)[()]


def along_axis(values, x, axis):
    """Return `values` shaped to broadcast along `axis` of `x`; with no axis they must be one number."""
    if axis is None:
        if np.ndim(values):
            raise ValueError(f"axis must be given for one value per channel, got {axis}")
        return values
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis must be an axis of x, which has {x.ndim}, got {axis}")
    values = np.broadcast_to(values, x.shape[axis]) if np.ndim(values) == 0 else values
    if values.shape != (x.shape[axis],):
        raise ValueError(f"one value per channel must have shape ({x.shape[axis]},), got {values.shape}")
    shape = [1] * x.ndim
    shape[axis] = -1
    return values.reshape(shape)


def as_layer_input(x, zero_point, name="x_zero_point"):
    """Return an int8 or int16 input and its zero point as an int; int16 is symmetric."""
    x = as_quantized("x", x, np.int8, np.int16)
    z = as_zero_point(zero_point, x.dtype, name)
    if x.dtype == np.int16 and z:
        raise ValueError(f"{name} must be 0 for int16, got {z}")
    return x, z


def as_layer_scales(x_scale, w_scale, y_scale, channels):
    """Return the three scales of a layer as float32; that of w is one number or (C,), (1,) is one number."""
    w_scale = as_scales(w_scale, "w_scale")
    if w_scale.shape not in ((), (1,), (channels,)):
        raise ValueError(f"w_scale must be one number or {channels}, got shape {w_scale.shape}")
    w_scale = w_scale.reshape(())[()] if w_scale.size == 1 else w_scale
    return as_scale(x_scale, "x_scale"), w_scale, as_scale(y_scale, "y_scale")


def as_bias(bias, x_dtype, channels):
    """Return the bias (channels,), int32 or with int16 inputs also int64, or None."""
    if bias is None:
        return None
    bias = as_quantized("bias", bias, np.int32, *[np.int64] * (x_dtype == np.int16))
    if bias.shape != (channels,):
        raise ValueError(f"bias must have shape ({channels},), got {bias.shape}")
    return bias
