"""MUL: two inputs on grids of their own."""

import numpy as np

from qbref.conventions.tflite.activation import activation_range
from qbref.conventions.tflite.blocks import in_whole_blocks
from qbref.conventions.tflite.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from qbref.conventions.tflite.tensors import as_kernels
from qbref.conventions.tflite.two_inputs import as_two_inputs, elementwise, fits_xnnpack
from qbref.quant.rounding import round_half_even


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
    ``"xnnpack"``  half_even(f32(f32(product) · m)); int16, more than six axes, m outside [2^−16, 2^8): "opt"

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
    inputs = as_two_inputs(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale)
    with np.errstate(over="ignore"):
        m = inputs.a_scale * inputs.b_scale / inputs.y_scale
    if as_kernels(kernels) == "xnnpack" and not (2.0**-16 <= m < 2.0**8 and fits_xnnpack(inputs)):
        kernels = "opt"
    limits = activation_range(activation, inputs.y_scale, y_zero_point, inputs.dtype, kernels)
    return elementwise(lambda part: _product(part, m, y_zero_point, kernels), inputs, limits)


def _product(inputs, m, y_zero_point, kernels):
    product = inputs.a * inputs.b
    if kernels == "xnnpack":
        return round_half_even(product.astype(np.float32) * m).astype(np.int64) + y_zero_point
    rounded = multiply_by_quantized_multiplier(product, *quantize_multiplier(m)).astype(np.int64)
    y = rounded + y_zero_point
    if kernels == "opt" and inputs.dtype == np.int8:
        whole = in_whole_blocks(y.shape[1])
        in_int16 = np.clip(rounded[:, :whole], -(2**15), 2**15 - 1)
        y[:, :whole] = (in_int16 + y_zero_point).astype(np.int16)
    return y
