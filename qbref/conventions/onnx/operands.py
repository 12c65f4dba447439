"""What the ONNX operators accept: element types, scales and zero points, and which elements share one."""

import math
from typing import NamedTuple

import numpy as np

from qbref.quant.checks import as_integer, as_integer_array, check_within
from qbref.quant.granularity import expand, scale_shape


class IntegerType(NamedTuple):
    """An ONNX integer type: its name, its range, and the NumPy dtype that holds its values here."""

    name: str
    qmin: int
    qmax: int
    storage: np.dtype


INTEGER_TYPES = {
    name: IntegerType(name, qmin, qmax, np.dtype(storage))
    for name, qmin, qmax, storage in (
        ("int8", -128, 127, np.int8),
        ("uint8", 0, 255, np.uint8),
        ("int16", -32768, 32767, np.int16),
        ("uint16", 0, 65535, np.uint16),
        ("int4", -8, 7, np.int8),
        ("uint4", 0, 15, np.uint8),
        ("int2", -2, 1, np.int8),
        ("uint2", 0, 3, np.uint8),
    )
}

FLOAT_TYPES = np.dtype(np.float32), np.dtype(np.float16)

VARIANTS = ("spec", "onnxruntime", "reference_evaluator")


def check_variant(variant):
    """Raise a ValueError unless `variant` is one of VARIANTS."""
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {VARIANTS}, got {variant!r}")


def as_float(name, value, default=np.float32, dtypes=FLOAT_TYPES):
    """Return `value` as an array of one of `dtypes`; numbers and lists become `default`."""
    if not isinstance(value, np.ndarray | np.generic):
        with np.errstate(over="ignore"):
            return np.asarray(value, default)
    if value.dtype not in dtypes:
        raise TypeError(f"{name} must be {' or '.join(map(str, dtypes))}, got {value.dtype}")
    return np.asarray(value)


def as_float32(name, value):
    """Return `value` as a float32 array; numbers and lists are converted."""
    return as_float(name, value, dtypes=FLOAT_TYPES[:1])


def as_float_type(name, dtype):
    """Return one of FLOAT_TYPES, given as a dtype or by name."""
    type_name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if type_name not in map(str, FLOAT_TYPES):
        raise TypeError(f"{name} must be {' or '.join(map(str, FLOAT_TYPES))}, got {type_name}")
    return np.dtype(type_name)


def as_integer_type(zero_point, output_dtype):
    """The type of the result: `output_dtype`, else the zero point's dtype, else uint8."""
    if output_dtype is None:
        name = "uint8" if zero_point is None else np.asarray(zero_point).dtype.name
        source = "y_zero_point"
    else:
        name = output_dtype if isinstance(output_dtype, str) else np.dtype(output_dtype).name
        source = "output_dtype"
    if name not in INTEGER_TYPES:
        raise TypeError(f"{source} must be one of {', '.join(INTEGER_TYPES)}, got {name}")
    integer_type = INTEGER_TYPES[name]
    dtype = getattr(zero_point, "dtype", integer_type.storage)
    if dtype != integer_type.storage:
        raise TypeError(f"y_zero_point must be {integer_type.storage} for {name}, got {dtype}")
    return integer_type


def spread(name, values, shape, axis, block_size):
    """Return scales or zero points so that they broadcast against a tensor of the given shape.

    A scalar or one value serves the whole tensor; a vector has one value for each index along `axis`; with a
    `block_size` the values have the tensor's rank and ``ceil(D / block_size)`` entries along `axis`.
    """
    if as_integer("block_size", block_size) < 0:
        raise ValueError(f"block_size must be at least 0, got {block_size}")
    if values.shape in ((), (1,)) and not block_size:
        return values.reshape(())
    expected = scale_shape(shape, as_integer("axis", axis), block_size or None)
    if values.shape != expected:
        rule = f"have shape {expected} for shape {tuple(shape)}, axis {axis} and block_size {block_size}"
        raise ValueError(f"{name} must {rule}, got {values.shape}")
    return expand(values, shape, axis, block_size or None)


def as_zero_point(name, zero_point, scale, qmin, qmax):
    """Return the zero point as int32, of the shape of `scale`; 0 if there is none."""
    if zero_point is None:
        return np.zeros(scale.shape, np.int32)
    zero_point = as_integer_array(name, zero_point)
    if zero_point.shape != scale.shape and {zero_point.shape, scale.shape} != {(), (1,)}:
        raise ValueError(f"{name} must have the shape of its scale {scale.shape}, got {zero_point.shape}")
    check_within(name, zero_point, qmin, qmax)
    return zero_point.astype(np.int32).reshape(scale.shape)


def as_8_bit(name, q):
    """Return `q` as an int8 or uint8 array."""
    q = np.asarray(q)
    if q.dtype not in (np.int8, np.uint8):
        raise TypeError(f"{name} must be int8 or uint8, got {q.dtype}")
    return q


def as_zero_point_of(name, zero_point, q):
    """Return a zero point of the dtype of `q` as int32; 0 if there is none."""
    if zero_point is None:
        return np.int32(0)
    if getattr(zero_point, "dtype", q.dtype) != q.dtype:
        raise TypeError(f"{name} must be {q.dtype}, got {zero_point.dtype}")
    zero_point = as_integer_array(name, zero_point)
    check_within(name, zero_point, np.iinfo(q.dtype).min, np.iinfo(q.dtype).max)
    return zero_point.astype(np.int32)


def as_scalar(name, value):
    """Return the one element of `value`."""
    value = np.asarray(value)
    if value.size != 1:
        raise ValueError(f"{name} must be a scalar, got shape {value.shape}")
    return value.reshape(())[()]


def as_one_per(what, name, values, shape):
    """Return `values` in the given shape, or one for all as a scalar; for a matrix a vector will do."""
    values = np.asarray(values)
    if values.size == 1:
        return values.reshape(())
    vector = (math.prod(shape),) if len(shape) == 2 else shape
    if values.shape not in (shape, vector):
        raise ValueError(f"{name} must be a scalar or one per {what}, {shape}, got shape {values.shape}")
    return values.reshape(shape)
