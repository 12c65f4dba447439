"""FULLY_CONNECTED with int8 or int16 activations and int8 weights."""

import numpy as np

from qbref.conventions.arithmetic import saturate, wrap32
from qbref.conventions.tflite import rescale
from qbref.conventions.tflite.accumulator import accumulate, add_bias
from qbref.conventions.tflite.activation import activation_range
from qbref.conventions.tflite.tensors import (
    as_bias,
    as_kernels,
    as_layer_input,
    as_layer_scales,
    as_quantized,
)


def fully_connected(
    x,
    x_scale,
    x_zero_point,
    w,
    w_scale,
    y_scale,
    y_zero_point,
    bias=None,
    activation="none",
    kernels="ref",
):
    """y = clip(round(acc · x_scale · w_scale / y_scale) + y_zero_point), acc = Σ (x − x_zero_point) w + bias.

    ``"ref"``, and int16 with an int64 bias
        half_away(f64(acc) · d), d = f64(x_scale) · f64(w_scale) / f64(y_scale).
    ``"opt"``
        x86: fixed point, "half_up_twice"; with one scale the multiplier is f64(f32(x_scale · w_scale)) /
        f64(y_scale), with one per channel it is d.
    ``"xnnpack"``
        half_even(f32(f32(acc) · m)), m = f32(f32(x_scale · w_scale) / y_scale); int16 as "opt".

    Parameters
    ----------
    x : int8 or int16 array (…, K)
    x_scale, x_zero_point : float32, int
        The zero point is 0 for int16.
    w : int8 array (N, K)
        Symmetric: zero point 0.
    w_scale : float32, or array (N,)
    y_scale, y_zero_point : float32, int
    bias : int32 array (N,), for int16 also int64, optional
        In steps of x_scale · w_scale.
    activation : {"none", "relu", "relu6", "relu_n1_to_1"}
    kernels : {"ref", "opt", "xnnpack"}

    Returns
    -------
    array (…, N) of x's dtype

    Notes
    -----
    Verified bit for bit, LiteRT 2.3.0 on x86-64 with AVX-512. Reference kernels before LiteRT 2, and those of
    TFLite Micro, use fixed point in mode "double" instead of float64. For int16 the reference kernel
    expects an int64 bias (it reads an int32 one beyond its end); here either has its value.

    Examples
    --------
    A quarter of 1, 2 and 3, in each way:

    >>> x, w = np.array([[1], [2], [3]], np.int8), np.array([[1]], np.int8)
    >>> for kernels in ("ref", "opt", "xnnpack"):
    ...     print(fully_connected(x, 0.25, 0, w, 1.0, 1.0, 0, kernels=kernels).ravel(), kernels)
    [0 1 1] ref
    [1 1 1] opt
    [0 0 1] xnnpack
    """
    kernels = as_kernels(kernels)
    x, x_zero_point = as_layer_input(x, x_zero_point)
    w = as_quantized("w", w, np.int8)
    if w.ndim != 2 or x.ndim == 0 or x.shape[-1] != w.shape[1]:
        raise ValueError(f"w must have shape (N, K) for x of shape (…, K), got {w.shape} and {x.shape}")
    scales, bias = as_layer_scales(x_scale, w_scale, y_scale, w.shape[0]), as_bias(bias, x.dtype, w.shape[0])
    low, high = activation_range(activation, scales[2], y_zero_point, x.dtype, kernels)
    acc = add_bias(accumulate(x.reshape(-1, x.shape[-1]), w, x_zero_point), bias, x.dtype)
    wide = x.dtype == np.int16
    if kernels == "ref" or (wide and bias is not None and bias.dtype == np.int64):
        y = rescale.float64(acc, *scales)
    elif kernels == "xnnpack" and not wide:
        y = rescale.float32(acc, *scales)
    elif np.ndim(scales[1]):
        y = rescale.fixed_point(wrap32(acc), *scales, "half_up_twice")
    else:
        y = rescale.fixed_point_float32(wrap32(acc), *scales, "half_up_twice")
    return saturate(y + y_zero_point, low, high, x.dtype).reshape(*x.shape[:-1], w.shape[0])
