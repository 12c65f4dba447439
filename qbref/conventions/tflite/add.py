"""ADD and SUB: two inputs brought to a common grid."""

import numpy as np

from qbref.conventions.tflite.activation import activation_range
from qbref.conventions.tflite.blocks import BLOCK, in_whole_blocks
from qbref.conventions.tflite.common_grid import LEFT_SHIFT, rounded_twice, shifted_after, shifted_before
from qbref.conventions.tflite.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from qbref.conventions.tflite.tensors import as_kernels
from qbref.conventions.tflite.two_inputs import as_two_inputs, elementwise, fits_xnnpack
from qbref.quant.rounding import round_half_even

SIXTEENS, EIGHTS = (BLOCK, shifted_before), (8, shifted_after)


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
        Both inputs are brought to a common fine grid: with t = 2 max(a_scale, b_scale) and L = 20 for int8,
        15 for int16, r_a = ((a − a_zero_point) << L) · a_scale / t, r_b likewise, and
        y = (r_a + r_b) · t / (2^L · y_scale), all three in mode "double".
    ``"opt"``
        x86: as "ref", but in whole blocks r_a and r_b are rounded otherwise, with
        a_scale / t = m_a · 2^(shift_a − 31) and high(n) = ⌊n · m_a / 2^31 + ½⌋:

        - sixteen elements of both inputs: r_a = high(⌊(a − a_zero_point) · 2^(L + shift_a)⌋);
        - int8, eight elements of one input and a repeated value of the other:
          r_a = ⌊high((a − a_zero_point) << L) · 2^shift_a⌋.

        int8 then adds y_zero_point in int16, where results beyond ±2^15 wrap around. What is divided into
        blocks is a run (see :func:`qbref.conventions.tflite.blocks.run_length`), of int16 only where nothing
        is repeated.
    ``"xnnpack"``
        int8: both scales become integers m = half_even(scale / y_scale · 2^e), with e such that the larger
        one has 21 bits, and y = (m_a · (a − a_zero_point) + m_b · (b − b_zero_point) + 2^(e−1)) >> e.
        A scale / y_scale outside [2^−10, 2^8), int16, or more than six axes are left to "opt".

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
    inputs = as_two_inputs(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale)
    kernels = _kernels_for(inputs, as_kernels(kernels))
    limits = activation_range(activation, inputs.y_scale, y_zero_point, inputs.dtype, kernels)
    if kernels == "ref":
        return elementwise(lambda part: _fixed_point_sum(part, np.add) + y_zero_point, inputs, limits)
    if kernels == "xnnpack":
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
    inputs = as_two_inputs(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale)
    kernels = _kernels_for(inputs, as_kernels(kernels))
    limits = activation_range(activation, inputs.y_scale, y_zero_point, inputs.dtype, kernels)
    rule = _xnnpack_sum if kernels == "xnnpack" else _fixed_point_sum
    return elementwise(lambda part: rule(part, np.subtract) + y_zero_point, inputs, limits)


def _fixed_point_sum(inputs, operation, to_grid=rounded_twice):
    left_shift = LEFT_SHIFT[inputs.dtype]
    with np.errstate(over="ignore"):
        twice_largest = np.float64(2 * max(inputs.a_scale, inputs.b_scale))
        y_step = np.float64(np.float32(2**left_shift) * inputs.y_scale)
    if not y_step < np.inf:
        raise ValueError(f"y_scale must be below 2^{128 - left_shift}, got {inputs.y_scale}")
    a_constants = quantize_multiplier(inputs.a_scale / twice_largest)
    b_constants = quantize_multiplier(inputs.b_scale / twice_largest)
    a = to_grid(inputs.a, left_shift, *a_constants)
    b = to_grid(inputs.b, left_shift, *b_constants)
    total = operation(a, b, dtype=np.int64)
    y_constants = quantize_multiplier(twice_largest / y_step)
    return multiply_by_quantized_multiplier(total, *y_constants).astype(np.int64)


def _optimized_sum(inputs, y_zero_point):
    block, to_grid = EIGHTS if inputs.one_is_repeated else SIXTEENS
    whole = in_whole_blocks(inputs.a.shape[1], block)
    in_blocks = inputs._replace(a=inputs.a[:, :whole], b=inputs.b[:, :whole])
    rest = inputs._replace(a=inputs.a[:, whole:], b=inputs.b[:, whole:])
    y = np.empty(inputs.a.shape, np.int64)
    y[:, :whole] = _fixed_point_sum(in_blocks, np.add, to_grid) + y_zero_point
    y[:, whole:] = _fixed_point_sum(rest, np.add) + y_zero_point
    if inputs.dtype == np.int8:
        y[:, :whole] = y[:, :whole].astype(np.int16)
    return y


def _kernels_for(inputs, kernels):
    """XNNPACK leaves to "opt" what it does not take."""
    ratios = _ratios(inputs)
    taken = fits_xnnpack(inputs) and ((ratios >= 2.0**-10) & (ratios < 2.0**8)).all()
    return "opt" if kernels == "xnnpack" and not taken else kernels


def _xnnpack_sum(inputs, operation):
    ratios = _ratios(inputs)
    shift = 21 - int(np.frexp(ratios.max())[1])
    a_multiplier, b_multiplier = round_half_even(np.ldexp(ratios, shift)).astype(np.int64)
    return (operation(inputs.a * a_multiplier, inputs.b * b_multiplier) + (1 << (shift - 1))) >> shift


def _ratios(inputs):
    with np.errstate(over="ignore"):
        return np.stack([inputs.a_scale, inputs.b_scale]) / inputs.y_scale
