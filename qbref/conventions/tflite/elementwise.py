"""ADD, SUB and MUL: two inputs on grids of their own."""

import numpy as np

from qbref.conventions.arithmetic import saturate
from qbref.conventions.tflite.activation import activation_range
from qbref.conventions.tflite.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from qbref.conventions.tflite.narrow import (
    BLOCK,
    narrow_in_blocks,
    run_length,
    saturated_to_int16,
    wrapped_to_int16,
)
from qbref.conventions.tflite.tensors import as_kernels, as_quantized, as_scale, as_zero_point
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
    Verified bit for bit, LiteRT 2.3.0 on x86-64.

    Examples
    --------
    >>> a, b = np.array([1, 3, -1], np.int8), np.zeros(3, np.int8)
    >>> add(a, 0.5, 0, b, 0.5, 0, 1.0, 0), add(a, 0.5, 0, b, 0.5, 0, 1.0, 0, kernels="xnnpack")
    (array([ 1,  2, -1], dtype=int8), array([1, 2, 0], dtype=int8))
    """
    return _sum(
        1, a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point, activation, kernels
    )


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
    return _sum(
        -1, a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point, activation, kernels
    )


def _sum(
    sign, a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point, activation, kernels
):
    kernels, a, b = as_kernels(kernels), *_pair(a, b)
    scales = as_scale(a_scale, "a_scale"), as_scale(b_scale, "b_scale"), as_scale(y_scale, "y_scale")
    limits = activation_range(activation, scales[2], y_zero_point, a.dtype, kernels)
    a_difference = a.astype(np.int64) - as_zero_point(a_zero_point, "a_zero_point")
    b_difference = b.astype(np.int64) - as_zero_point(b_zero_point, "b_zero_point")
    ratios = np.stack(scales[:2]) / scales[2]
    if kernels == "xnnpack" and a.dtype == np.int8 and ((ratios >= 2.0**-10) & (ratios < 2.0**8)).all():
        y = _xnnpack_sum(a_difference, sign * b_difference, ratios) + y_zero_point
    else:
        steps = a_difference, b_difference, sign, *scales, LEFT_SHIFT[a.dtype]
        y = _fixed_point_sum(*steps)
        optimized = kernels != "ref" and sign > 0
        if optimized and a.dtype == np.int16 and a.shape == b.shape:
            in_block = np.arange(y.size).reshape(y.shape) < y.size - y.size % BLOCK
            y = np.where(in_block, _fixed_point_sum(*steps, "single"), y)
        if optimized and a.dtype == np.int8:
            y = narrow_in_blocks(y, y_zero_point, run_length(a.shape, b.shape), wrapped_to_int16)
        else:
            y = y + y_zero_point
    return saturate(y, *limits, a.dtype)


def _fixed_point_sum(a, b, sign, a_scale, b_scale, y_scale, left_shift, input_mode="double"):
    twice_largest = np.float64(2 * max(a_scale, b_scale))
    a_constants = quantize_multiplier(a_scale / twice_largest)
    b_constants = quantize_multiplier(b_scale / twice_largest)
    a = multiply_by_quantized_multiplier(a << left_shift, *a_constants, input_mode)
    b = multiply_by_quantized_multiplier(b << left_shift, *b_constants, input_mode)
    total = a.astype(np.int64) + sign * b.astype(np.int64)
    real = twice_largest / np.float64(np.float32(2**left_shift) * y_scale)
    return multiply_by_quantized_multiplier(total, *quantize_multiplier(real)).astype(np.int64)


def _xnnpack_sum(a, b, ratios):
    shift = 21 - int(np.frexp(ratios.max())[1])
    a_multiplier, b_multiplier = round_half_even(np.ldexp(ratios, shift)).astype(np.int64)
    return (a * a_multiplier + b * b_multiplier + (1 << (shift - 1))) >> shift


def mul(
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
    """y = clip(round((a − a_zero_point) (b − b_zero_point) m) + y_zero_point).

    m = f32(f32(a_scale · b_scale) / y_scale)

    ``"ref"``      fixed point with f64(m), mode "double"
    ``"opt"``      x86: the same, but int8 in blocks of sixteen saturates to int16, then adds, and may wrap
    ``"xnnpack"``  half_even(f32(f32(product) · m)); int16, or m outside [2^−16, 2^8), as "opt"

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
    Verified bit for bit, LiteRT 2.3.0 on x86-64.

    Examples
    --------
    >>> a, b = np.array([1, 2, 3], np.int8), np.ones(3, np.int8)
    >>> mul(a, 0.25, 0, b, 1.0, 0, 1.0, 0), mul(a, 0.25, 0, b, 1.0, 0, 1.0, 0, kernels="xnnpack")
    (array([1, 1, 1], dtype=int8), array([0, 0, 1], dtype=int8))
    """
    kernels, a, b = as_kernels(kernels), *_pair(a, b)
    scales = as_scale(a_scale, "a_scale"), as_scale(b_scale, "b_scale"), as_scale(y_scale, "y_scale")
    limits = activation_range(activation, scales[2], y_zero_point, a.dtype, kernels)
    m = scales[0] * scales[1] / scales[2]
    product = (a.astype(np.int64) - as_zero_point(a_zero_point, "a_zero_point")) * (
        b.astype(np.int64) - as_zero_point(b_zero_point, "b_zero_point")
    )
    if kernels == "xnnpack" and a.dtype == np.int8 and 2.0**-16 <= m < 2.0**8:
        y = round_half_even(product.astype(np.float32) * m).astype(np.int64) + y_zero_point
    else:
        y = multiply_by_quantized_multiplier(product, *quantize_multiplier(m)).astype(np.int64)
        if kernels == "ref" or a.dtype == np.int16:
            y = y + y_zero_point
        else:
            y = narrow_in_blocks(y, y_zero_point, run_length(a.shape, b.shape), saturated_to_int16)
    return saturate(y, *limits, a.dtype)


def _pair(a, b):
    a, b = as_quantized("a", a, np.int8, np.int16), as_quantized("b", b, np.int8, np.int16)
    if a.dtype != b.dtype:
        raise TypeError(f"b must have the dtype of a, got {b.dtype} and {a.dtype}")
    return a, b
