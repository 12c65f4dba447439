"""Quantized dtypes, and the checks of scales and zero points that all operators here share.

PyTorch's names are strings here: ``"qint8"``, ``"quint8"`` and ``"qint32"`` are stored as int8, uint8
and int32.
"""

import numpy as np

from qbref.quant.checks import as_integer, as_integer_array, check_within

STORAGE = {"qint8": np.dtype(np.int8), "quint8": np.dtype(np.uint8), "qint32": np.dtype(np.int32)}


def storage_type(dtype):
    """Return the integer dtype that holds the values of a quantized dtype."""
    if dtype not in STORAGE:
        raise ValueError(f"dtype must be one of {', '.join(STORAGE)}, got {dtype!r}")
    return STORAGE[dtype]


def as_float32(name, values):
    """Return `values` as a float32 array; Python numbers and lists are rounded to float32."""
    if not isinstance(values, np.ndarray | np.generic):
        return rounded_to_float32(values)
    if values.dtype != np.float32:
        raise TypeError(f"{name} must be float32, got {values.dtype}")
    return np.asarray(values)


def rounded_to_float32(values):
    """float32(values); what is beyond the largest float becomes ±inf."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float32)


def check_positive(name, scale):
    """Raise a ValueError unless every scale is greater than 0 and finite."""
    if not np.all((scale > 0) & (scale < np.inf)):
        raise ValueError(f"{name} must be positive and finite, got {scale}")


def as_scale(scale):
    """Return one scale as a Python float, positive and finite in float32."""
    if np.ndim(scale) != 0:
        raise ValueError(f"scale must be a single number, got shape {np.shape(scale)}")
    check_positive("scale", rounded_to_float32(scale))
    return float(scale)


def as_zero_point(zero_point, lowest, highest):
    """Return one zero point as an int within [lowest, highest]."""
    zero_point = as_integer("zero_point", np.asarray(zero_point)[()])
    check_within("zero_point", np.asarray(zero_point), lowest, highest)
    return zero_point


def along_axis(name, values, shape, axis):
    """Reshape one value per channel so that it broadcasts against an array of `shape`."""
    axis = as_integer("axis", axis)
    values = np.asarray(values)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis must be a dimension of shape {shape}, got {axis}")
    if values.shape != (shape[axis],):
        raise ValueError(f"{name} must have shape ({shape[axis]},), got {values.shape}")
    return values.reshape([-1 if i == axis % len(shape) else 1 for i in range(len(shape))])


def as_scales(name, scales, shape, axis):
    """Return one scale per channel, positive and finite in float32, as float64 that broadcasts."""
    check_positive(name, rounded_to_float32(scales))
    return along_axis(name, scales, shape, axis).astype(np.float64)


def as_zero_points(name, zero_points, shape, axis, lowest, highest):
    """Return one zero point per channel, within [lowest, highest], as int64 that broadcasts."""
    zero_points = as_integer_array(name, zero_points)
    check_within(name, zero_points, lowest, highest)
    return along_axis(name, zero_points, shape, axis).astype(np.int64)


def as_levels(q, dtypes):
    """Return `q` as an array of one of the integer dtypes."""
    q = np.asarray(q)
    if q.dtype not in dtypes:
        raise TypeError(f"q must be one of {', '.join(map(str, dtypes))}, got {q.dtype}")
    return q
