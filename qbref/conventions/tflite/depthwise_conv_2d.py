"""DEPTHWISE_CONV_2D with int8 or int16 activations and int8 weights."""

import numpy as np

from qbref.conventions.arithmetic import saturate
from qbref.conventions.parts import parts
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
from qbref.conventions.tflite.windows import as_pair, pad_image, windows

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
    w = as_quantized("w", w, np.int8)
    if x.ndim != 4 or w.ndim != 4 or 0 in (*w.shape, x.shape[3]) or len(w) != 1 or w.shape[3] % x.shape[3]:
        raise ValueError(f"w must have shape (1, KH, KW, C·M) for x (N, H, W, C), got {w.shape}")
    stride, dilation = as_pair("stride", stride), as_pair("dilation", dilation)
    scales, bias = as_layer_scales(x_scale, w_scale, y_scale, w.shape[3]), as_bias(bias, x.dtype, w.shape[3])
    low, high = activation_range(activation, scales[2], y_zero_point, x.dtype, kernels)
    padded = pad_image(x, w.shape[1:3], stride, dilation, padding, x_zero_point)
    seen = windows(padded, w.shape[1:3], stride, dilation)
    y = np.empty((*seen.shape[:3], w.shape[3]), x.dtype)
    for part in parts(y):
        acc = add_bias(_channelwise(seen[part], w[0], x_zero_point), bias, x.dtype)
        if x.dtype == np.int16:
            rounded = rescale.fixed_point(acc, *scales, "int64")
        elif kernels == "xnnpack":
            rounded = rescale.float32(acc, *scales)
        else:
            rounded = rescale.fixed_point(acc, *scales, "double")
            if kernels == "opt":
                blocks = w.shape[3] - w.shape[3] % BLOCK
                rounded[..., :blocks] = rescale.fixed_point(acc, *scales, "half_up_twice")[..., :blocks]
        y[part] = saturate(rounded + y_zero_point, low, high, x.dtype)
    return y


def _channelwise(seen, w, x_zero_point):
    """Accumulators (N, OH, OW, C·M) from windows (N, OH, OW, KH, KW, C) and filters (KH, KW, C·M)."""
    acc = np.int64(0)
    for i, j in np.ndindex(w.shape[:2]):
        difference = seen[:, :, :, i, j].astype(np.int64) - x_zero_point
        acc = acc + np.repeat(difference, w.shape[2] // seen.shape[5], axis=3) * w[i, j]
    return acc
