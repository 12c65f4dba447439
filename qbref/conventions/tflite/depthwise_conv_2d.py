"""DEPTHWISE_CONV_2D with int8 or int16 activations and int8 weights."""

import numpy as np

from qbref.conventions.arithmetic import saturate
from qbref.conventions.tflite import rescale
from qbref.conventions.tflite.accumulator import add_bias
from qbref.conventions.tflite.activation import activation_range
from qbref.conventions.tflite.tensors import (
    as_bias,
    as_kernels,
    as_layer_input,
    as_layer_scales,
    as_quantized,
)
from qbref.conventions.tflite.windows import as_pair, pad_image, taps

BLOCK = 8


def depthwise_conv_2d(
    x,
    x_scale,
    x_zero_point,
    w,
    w_scale,
    y_scale,
    y_zero_point,
    bias=None,
    stride=1,
    padding="VALID",
    dilation=1,
    activation="none",
    kernels="ref",
):
    """y[…, c·M + m] = clip(round(acc · x_scale · w_scale / y_scale) + y_zero_point), acc over channel c.

    As :func:`~qbref.conventions.tflite.conv_2d.conv_2d`, with one difference: "opt" on x86 works through the
    output channels in blocks of eight with mode "half_up_twice", and rounds the last C·M mod 8 by "double".

    Parameters
    ----------
    x : int8 or int16 array (N, H, W, C)
    x_scale, x_zero_point : float32, int
    w : int8 array (1, KH, KW, C·M)
        M is the depth multiplier.
    w_scale : float32, or array (C·M,)
    y_scale, y_zero_point, bias, stride, padding, dilation, activation, kernels
        As for conv_2d.

    Returns
    -------
    array (N, OH, OW, C·M) of x's dtype

    Notes
    -----
    Verified bit for bit, LiteRT 2.3.0 on x86-64 with AVX-512.

    Examples
    --------
    A tie in nine channels alike, at −½:

    >>> x, w = np.full((1, 1, 1, 9), -2, np.int8), np.ones((1, 1, 1, 9), np.int8)
    >>> depthwise_conv_2d(x, 0.25, 0, w, 1.0, 1.0, 0, kernels="opt").ravel()
    array([ 0,  0,  0,  0,  0,  0,  0,  0, -1], dtype=int8)
    """
    kernels = as_kernels(kernels)
    x, x_zero_point = as_layer_input(x, x_zero_point)
    w, bias = as_quantized("w", w, np.int8), as_bias(bias, x.dtype)
    if x.ndim != 4 or w.ndim != 4 or w.shape[0] != 1 or w.shape[3] % x.shape[3]:
        raise ValueError(f"w must have shape (1, KH, KW, C·M) for x (N, H, W, C), got {w.shape}")
    stride, dilation = as_pair("stride", stride), as_pair("dilation", dilation)
    scales = as_layer_scales(x_scale, w_scale, y_scale)
    low, high = activation_range(activation, scales[2], y_zero_point, x.dtype, kernels)
    padded = pad_image(x, w.shape[1:3], stride, dilation, padding, x_zero_point)
    multiplier = w.shape[3] // x.shape[3]
    acc = np.int64(0)
    for i, j, tap in taps(padded, w.shape[1:3], stride, dilation):
        acc = acc + np.repeat(tap.astype(np.int64) - x_zero_point, multiplier, axis=3) * w[0, i, j]
    acc = add_bias(acc, bias, x.dtype)
    if x.dtype == np.int16:
        y = rescale.fixed_point(acc, *scales, "int64")
    elif kernels == "xnnpack":
        y = rescale.float32(acc, *scales)
    else:
        y = rescale.fixed_point(acc, *scales, "double")
        if kernels == "opt":
            blocks = w.shape[3] - w.shape[3] % BLOCK
            y[..., :blocks] = rescale.fixed_point(acc, *scales, "half_up_twice")[..., :blocks]
    return saturate(y + y_zero_point, low, high, x.dtype)
