"""ADD and SUB: two inputs brought to a common grid."""

import numpy as np

from qbref.conventions.tflite.activation import activation_range
from qbref.conventions.tflite.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from qbref.conventions.tflite.narrow import in_blocks, narrow_in_blocks, wrapped_to_int16
from qbref.conventions.tflite.tensors import as_kernels
from qbref.conventions.tflite.two_inputs import as_two_inputs, elementwise
from qbref.quant.rounding import round_half_even

LEFT_SHIFT = {np.dtype(np.int8): 20, np.dtype(np.int16): 15}


def add(
    a,
    a_scale,
    a_zero_point,
    b,
    b_scale,
    b_zero_point,
    y_scale,
    y_zero_point,
    activation="none",
    kernels="ref",
):
    """y = clip(round((a_scale (a − a_zero_point) + b_scale (b − b_zero_point)) / y_scale) + y_zero_point).

    ``"ref"``
        Both inputs are brought to a common fine grid, in mode "double": with t = 2 max(a_scale, b_scale) and
        L = 20 for int8, 15 for int16,
        r_a = ((a − a_zero_point) << L) · a_scale / t, r_b likewise, y = (r_a + r_b) · t / (2^L · y_scale).
    ``"opt"``
        x86: as "ref", but int8 in blocks of sixteen adds y_zero_point in int16, where results beyond
        ±2^15 wrap around (see :mod:`qbref.conventions.tflite.narrow`). int16 inputs of one shape, in blocks
        of sixteen, come to the common grid in mode "single".
    ``"xnnpack"``
        int8: both scales become integers m = half_even(scale / y_scale · 2^e), with e such that the larger
        one has 21 bits, and y = (m_a · (a − a_zero_point) + m_b · (b − b_zero_point) + 2^(e−1)) >> e.
        A scale / y_scale outside [2^−10, 2^8), or int16, is left to "opt".

    Parameters
    ----------
    a, b : int8 or int16 arrays that broadcast together, of the same dtype
    a_scale, b_scale, y_scale : float32
    a_zero_point, b_zero_point, y_zero_point : int
    activation : {"none", "relu", "relu6", "relu_n1_to_1"}
    kernels : {"ref", "opt", "xnnpack"}

    Returns
    -------
    array of the inputs' dtype

    Notes
    -----
    Verified bit for bit, LiteRT 2.3.0 on x86-64, but for "opt" on int8: its blocks bring the inputs to the
    grid with one rounding, so that some sums that are exact ties are one off.

    Examples
    --------
    >>> a, b = np.array([1, 3, -1], np.int8), np.zeros(3, np.int8)
    >>> add(a, 0.5, 0, b, 0.5, 0, 1.0, 0), add(a, 0.5, 0, b, 0.5, 0, 1.0, 0, kernels="xnnpack")
    (array([ 1,  2, -1], dtype=int8), array([1, 2, 0], dtype=int8))
    """
    kernels = as_kernels(kernels)
    inputs = as_two_inputs(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale)
    limits = activation_range(activation, inputs.y_scale, y_zero_point, inputs.dtype, kernels)
    if kernels == "ref":
        return elementwise(lambda part: _fixed_point_sum(part, np.add) + y_zero_point, inputs, limits)
    if kernels == "xnnpack" and _is_taken_by_xnnpack(inputs):
        return elementwise(lambda part: _xnnpack_sum(part, np.add) + y_zero_point, inputs, limits)
    return elementwise(lambda part: _optimized_sum(part, y_zero_point), inputs, limits)


def sub(
    a,
    a_scale,
    a_zero_point,
    b,
    b_scale,
    b_zero_point,
    y_scale,
    y_zero_point,
    activation="none",
    kernels="ref",
):
    """y = clip(round((a_scale (a − a_zero_point) − b_scale (b − b_zero_point)) / y_scale) + y_zero_point).

    As :func:`add`, with the second term subtracted on the common grid; "opt" is "ref".

    Examples
    --------
    >>> sub(np.array([5], np.int8), 0.5, 0, np.array([3], np.int8), 0.5, 0, 1.0, 0)
    array([1], dtype=int8)
    """
    kernels = as_kernels(kernels)
    inputs = as_two_inputs(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale)
    limits = activation_range(activation, inputs.y_scale, y_zero_point, inputs.dtype, kernels)
    taken = kernels == "xnnpack" and _is_taken_by_xnnpack(inputs)
    rule = _xnnpack_sum if taken else _fixed_point_sum
    return elementwise(lambda part: rule(part, np.subtract) + y_zero_point, inputs, limits)


def _fixed_point_sum(inputs, operation, input_mode="double"):
    left_shift = LEFT_SHIFT[inputs.dtype]
    with np.errstate(over="ignore"):
        twice_largest = np.float64(2 * max(inputs.a_scale, inputs.b_scale))
        y_step = np.float64(np.float32(2**left_shift) * inputs.y_scale)
    if not y_step < np.inf:
        raise ValueError(f"y_scale must be below 2^{128 - left_shift}, got {inputs.y_scale}")
    a_constants = quantize_multiplier(inputs.a_scale / twice_largest)
    b_constants = quantize_multiplier(inputs.b_scale / twice_largest)
    a = multiply_by_quantized_multiplier(inputs.a << left_shift, *a_constants, input_mode)
    b = multiply_by_quantized_multiplier(inputs.b << left_shift, *b_constants, input_mode)
    total = operation(a, b, dtype=np.int64)
    y_constants = quantize_multiplier(twice_largest / y_step)
    return multiply_by_quantized_multiplier(total, *y_constants).astype(np.int64)


def _optimized_sum(inputs, y_zero_point):
    y = _fixed_point_sum(inputs, np.add)
    if inputs.dtype == np.int8:
        return narrow_in_blocks(y, y_zero_point, wrapped_to_int16)
    return np.where(in_blocks(y.shape[-1]), _fixed_point_sum(inputs, np.add, "single"), y) + y_zero_point


def _is_taken_by_xnnpack(inputs):
    ratios = _ratios(inputs)
    return inputs.dtype == np.int8 and ((ratios >= 2.0**-10) & (ratios < 2.0**8)).all()


def _xnnpack_sum(inputs, operation):
    ratios = _ratios(inputs)
    shift = 21 - int(np.frexp(ratios.max())[1])
    a_multiplier, b_multiplier = round_half_even(np.ldexp(ratios, shift)).astype(np.int64)
    return (operation(inputs.a * a_multiplier, inputs.b * b_multiplier) + (1 << (shift - 1))) >> shift


def _ratios(inputs):
    with np.errstate(over="ignore"):
        return np.stack([inputs.a_scale, inputs.b_scale]) / inputs.y_scale
