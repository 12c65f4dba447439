"""What ADD, SUB and MUL accept: two inputs on grids of their own."""

from typing import NamedTuple

import numpy as np

from qbref.conventions.tflite.tensors import as_quantized, as_scale, as_zero_point


class TwoInputs(NamedTuple):
    """a − a_zero_point and b − b_zero_point as int64 arrays, the scales as float32, the dtype of both."""

    a: np.ndarray
    b: np.ndarray
    a_scale: np.float32
    b_scale: np.float32
    y_scale: np.float32
    dtype: np.dtype


def as_two_inputs(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale):
    """Return the inputs if they are int8 or int16 and of one dtype."""
    a, b = as_quantized("a", a, np.int8, np.int16), as_quantized("b", b, np.int8, np.int16)
    if a.dtype != b.dtype:
        raise TypeError(f"b must have the dtype of a, got {b.dtype} and {a.dtype}")
    return TwoInputs(
        a.astype(np.int64) - as_zero_point(a_zero_point, "a_zero_point"),
        b.astype(np.int64) - as_zero_point(b_zero_point, "b_zero_point"),
        as_scale(a_scale, "a_scale"),
        as_scale(b_scale, "b_scale"),
        as_scale(y_scale, "y_scale"),
        a.dtype,
    )
