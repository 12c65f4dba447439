"""What ADD, SUB and MUL share: two inputs on grids of their own, run by run."""

from typing import NamedTuple

import numpy as np

from qbref.conventions.arithmetic import saturate
from qbref.conventions.parts import parts
from qbref.conventions.tflite.blocks import one_is_repeated, run_length
from qbref.conventions.tflite.tensors import as_quantized, as_scale, as_zero_point


class TwoInputs(NamedTuple):
    """Two inputs of one dtype that broadcast together, and their grids."""

    a: np.ndarray
    b: np.ndarray
    a_scale: np.float32
    b_scale: np.float32
    y_scale: np.float32
    a_zero_point: int
    b_zero_point: int
    dtype: np.dtype
    one_is_repeated: bool  # along a run


def as_two_inputs(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale):
    """Return the inputs if they are int8 or int16, of one dtype, and broadcast together."""
    a, b = as_quantized("a", a, np.int8, np.int16), as_quantized("b", b, np.int8, np.int16)
    if a.dtype != b.dtype:
        raise TypeError(f"b must have the dtype of a, got {b.dtype} and {a.dtype}")
    if any(m != n and 1 not in (m, n) for m, n in zip(a.shape[::-1], b.shape[::-1], strict=False)):
        raise ValueError(f"a and b must broadcast together, got shapes {a.shape} and {b.shape}")
    return TwoInputs(
        a,
        b,
        as_scale(a_scale, "a_scale"),
        as_scale(b_scale, "b_scale"),
        as_scale(y_scale, "y_scale"),
        as_zero_point(a_zero_point, a.dtype, "a_zero_point"),
        as_zero_point(b_zero_point, b.dtype, "b_zero_point"),
        a.dtype,
        one_is_repeated(a.shape, b.shape),
    )


def fits_xnnpack(inputs):
    """Whether XNNPACK has the dtype and as many axes."""
    return inputs.dtype == np.int8 and max(inputs.a.ndim, inputs.b.ndim) <= 6


def elementwise(rule, inputs, limits):
    """clip(rule(inputs)); the rule sees a − a_zero_point and b − b_zero_point, int64 arrays (runs, run).

    A run is what one call of the optimized inner loop works through; int16 has one if nothing is repeated.
    """
    a, b = np.broadcast_arrays(inputs.a, inputs.b)
    has_loop = inputs.dtype == np.int8 or inputs.a.size == inputs.b.size == a.size
    run = run_length(inputs.a.shape, inputs.b.shape) if has_loop else 0
    shape, a, b = a.shape, a.reshape(-1, run or 1), b.reshape(-1, run or 1)
    y = np.empty(a.shape, inputs.dtype)
    for part in parts(y):
        centred = inputs._replace(
            a=a[part].astype(np.int64) - inputs.a_zero_point, b=b[part].astype(np.int64) - inputs.b_zero_point
        )
        y[part] = saturate(rule(centred), *limits, inputs.dtype)
    return y.reshape(shape)
