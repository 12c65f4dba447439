"""LOGISTIC and TANH on int8: one table of 256 results."""

import numpy as np

from qbref.conventions.arithmetic import saturate, to_int32
from qbref.conventions.tflite.tensors import as_kernels, as_quantized, as_scale, as_zero_point
from qbref.quant.rounding import round_half_away


def logistic(x, scale, zero_point, y_scale=1 / 256, y_zero_point=-128, kernels="ref"):
    """y = table[x], the float32 function 1 / (1 + exp(−v)) quantized once for each of the 256 inputs.

    v = f32(scale · (x − zero_point)),
    y = clip(half_away(f32(half_away(f32(f(v) · f32(1 / y_scale))) + y_zero_point)))

    Parameters
    ----------
    x : int8 array
    scale, zero_point : float32, int
    y_scale, y_zero_point : float32, int
        The 8-bit specification asks for 1/256 and −128.
    kernels : {"ref", "opt", "xnnpack"}
        The arithmetic of all three is the same.

    Returns
    -------
    int8 array, the shape of `x`

    Notes
    -----
    The table is as exact as the C library's expf; here exp is evaluated in float64 and rounded, which is the
    correctly rounded value but for rare cases. Compared with LiteRT 2.3.0 on x86-64.

    Examples
    --------
    >>> logistic(np.array([-128, 0, 1, 127], np.int8), 0.0625, 0)
    array([-128,    0,    4,  127], dtype=int8)
    """
    return _looked_up(_logistic, x, scale, zero_point, y_scale, y_zero_point, kernels)


def tanh(x, scale, zero_point, y_scale=1 / 128, y_zero_point=0, kernels="ref"):
    """y = table[x], the float32 tanh quantized once for each of the 256 inputs.

    As :func:`logistic`, with tanh for f. The 8-bit specification asks for output scale 1/128, zero point 0.

    Examples
    --------
    >>> tanh(np.array([-128, 0, 8, 127], np.int8), 0.0625, 0)
    array([-128,    0,   59,  127], dtype=int8)
    """
    return _looked_up(_tanh, x, scale, zero_point, y_scale, y_zero_point, kernels)


def _looked_up(function, x, scale, zero_point, y_scale, y_zero_point, kernels):
    as_kernels(kernels)
    x = as_quantized("x", x, np.int8)
    scale, y_scale = as_scale(scale), as_scale(y_scale, "y_scale")
    inputs = np.arange(-128, 128) - as_zero_point(zero_point)
    v = function(scale * inputs.astype(np.float32))
    steps = round_half_away(v * (np.float32(1) / y_scale)) + np.float32(y_zero_point)
    table = saturate(to_int32(steps), -128, 127, np.int8)
    return table[x.astype(np.int64) + 128]


def _logistic(v):
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is 0
        return np.float32(1) / (np.float32(1) + np.exp(-v.astype(np.float64)).astype(np.float32))


def _tanh(v):
    return np.tanh(v.astype(np.float64)).astype(np.float32)
