"""LOGISTIC and TANH; on int8 one table of 256 results."""

import numpy as np

from qbref.conventions.arithmetic import saturate, to_int32
from qbref.conventions.tflite.sigmoid_int16 import logistic_int16, tanh_int16
from qbref.conventions.tflite.tensors import as_kernels, as_layer_input, as_scale, as_zero_point
from qbref.quant.rounding import round_half_away

LOGISTIC_OUTPUT = {np.dtype(np.int8): (1 / 256, -128), np.dtype(np.int16): (2**-15, 0)}
TANH_OUTPUT = {np.dtype(np.int8): (1 / 128, 0), np.dtype(np.int16): (2**-15, 0)}


def logistic(x, scale, zero_point, y_scale=None, y_zero_point=None, kernels="ref"):
    """y = table[x], the float32 function 1 / (1 + exp(−v)) quantized once for each of the 256 inputs.

    v = f32(scale · (x − zero_point)),
    y = clip(half_away(f32(half_away(f32(f(v) · f32(1 / y_scale))) + y_zero_point)))

    Parameters
    ----------
    x : int8 or int16 array
        For int16 see :func:`~qbref.conventions.tflite.sigmoid_int16.logistic_int16`.
    scale, zero_point : float32, int
        The zero point is 0 for int16.
    y_scale, y_zero_point : float32, int, optional
        What the specification asks for if not given: 1/256 and −128 for int8; 2^−15 and 0 for int16, where
        there is no other choice.
    kernels : {"ref", "opt", "xnnpack"}
        For int8 the arithmetic of all three is the same.

    Returns
    -------
    array of the dtype and shape of `x`

    Notes
    -----
    The table is as exact as the C library's expf; here exp is evaluated in float64 and rounded, which is the
    correctly rounded value but for rare cases. Compared with LiteRT 2.3.0 on x86-64.

    Examples
    --------
    >>> logistic(np.array([-128, 0, 1, 127], np.int8), 0.0625, 0)
    array([-128,    0,    4,  127], dtype=int8)
    """
    kernels = as_kernels(kernels)
    x, *constants = _prepare(x, scale, zero_point, y_scale, y_zero_point, LOGISTIC_OUTPUT)
    if x.dtype == np.int16:
        return logistic_int16(x, constants[0], kernels)
    return _looked_up(_logistic, x, *constants)


def tanh(x, scale, zero_point, y_scale=None, y_zero_point=None, kernels="ref"):
    """y = table[x], the float32 tanh quantized once for each of the 256 inputs.

    As :func:`logistic`, with tanh for f; the specified output of int8 has scale 1/128 and zero point 0.
    For int16 see :func:`~qbref.conventions.tflite.sigmoid_int16.tanh_int16`.

    Examples
    --------
    >>> tanh(np.array([-128, 0, 8, 127], np.int8), 0.0625, 0)
    array([-128,    0,   59,  127], dtype=int8)
    """
    kernels = as_kernels(kernels)
    x, *constants = _prepare(x, scale, zero_point, y_scale, y_zero_point, TANH_OUTPUT)
    if x.dtype == np.int16:
        return tanh_int16(x, constants[0], kernels)
    return _looked_up(_tanh, x, *constants)


def _prepare(x, scale, zero_point, y_scale, y_zero_point, specified):
    x, zero_point = as_layer_input(x, zero_point, "zero_point")
    usual = specified[x.dtype]
    y_scale = as_scale(usual[0] if y_scale is None else y_scale, "y_scale")
    y_zero_point = usual[1] if y_zero_point is None else y_zero_point
    y_zero_point = as_zero_point(y_zero_point, x.dtype, "y_zero_point")
    if x.dtype == np.int16 and (y_scale, y_zero_point) != usual:
        raise ValueError(
            f"y_scale and y_zero_point must be 2^-15 and 0 for int16, got {y_scale} and {y_zero_point}"
        )
    return x, as_scale(scale), zero_point, y_scale, y_zero_point


def _looked_up(function, x, scale, zero_point, y_scale, y_zero_point):
    with np.errstate(over="ignore", invalid="ignore"):
        v = function(scale * (np.arange(-128, 128) - zero_point).astype(np.float32))
        steps = round_half_away(v * (np.float32(1) / y_scale)) + np.float32(y_zero_point)
    table = saturate(to_int32(steps), -128, 127, np.int8)
    return table[x.astype(np.int64) + 128]


def _logistic(v):
    return np.float32(1) / (np.float32(1) + np.exp(-v.astype(np.float64)).astype(np.float32))


def _tanh(v):
    return np.tanh(v.astype(np.float64)).astype(np.float32)
