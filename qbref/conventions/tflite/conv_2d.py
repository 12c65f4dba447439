"""CONV_2D with int8 or int16 activations and int8 weights."""

import math

import numpy as np

from qbref.conventions.arithmetic import saturate
from qbref.conventions.parts import parts
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
from qbref.conventions.tflite.windows import as_pair, pad_image, windows


def conv_2d(
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
    """y = clip(round(acc · x_scale · w_scale / y_scale) + y_zero_point), acc = (x − x_zero_point) ∗ w + bias.

    With d = f64(x_scale) · f64(w_scale) / f64(y_scale), per tensor and per channel alike:

    ``"ref"``      fixed point with d, mode "double"; int16: mode "int64" in every kernel set.
    ``"opt"``      x86: fixed point with d, mode "half_up_twice"; with groups as "ref".
    ``"xnnpack"``  half_even(f32(f32(acc) · m)), m = f32(f32(x_scale · w_scale) / y_scale).

    Parameters
    ----------
    x : int8 or int16 array (N, H, W, C)
    x_scale, x_zero_point : float32, int
        The zero point is 0 for int16.
    w : int8 array (O, KH, KW, I)
        Symmetric. With I < C the channels fall into C / I groups, in order.
    w_scale : float32, or array (O,)
    y_scale, y_zero_point : float32, int
    bias : int32 array (O,), for int16 also int64, optional
    stride, dilation : int or pair
    padding : {"VALID", "SAME"}
        The border stands for real 0.
    activation : {"none", "relu", "relu6", "relu_n1_to_1"}
    kernels : {"ref", "opt", "xnnpack"}

    Returns
    -------
    array (N, OH, OW, O) of x's dtype

    Notes
    -----
    Verified bit for bit, LiteRT 2.3.0 on x86-64 with AVX-512.

    Examples
    --------
    >>> x = np.array([1, 2, 3, -1, -2, -3], np.int8).reshape(1, 1, 6, 1)
    >>> w = np.ones((1, 1, 1, 1), np.int8)
    >>> for kernels in ("ref", "opt", "xnnpack"):
    ...     print(conv_2d(x, 0.25, 0, w, 1.0, 1.0, 0, kernels=kernels).ravel(), kernels)
    [ 1  1  1  0 -1 -1] ref
    [1 1 1 0 0 0] opt
    [ 0  0  1  0  0 -1] xnnpack
    """
    kernels = as_kernels(kernels)
    x, x_zero_point = as_layer_input(x, x_zero_point)
    w = as_quantized("w", w, np.int8)
    if x.ndim != 4 or w.ndim != 4 or 0 in (*w.shape, x.shape[3]) or x.shape[3] % w.shape[3]:
        raise ValueError(f"w must have shape (O, KH, KW, C / groups) for x (N, H, W, C), got {w.shape}")
    groups = x.shape[3] // w.shape[3]
    if w.shape[0] % groups:
        raise ValueError(f"w must have filters for {groups} groups alike, got {w.shape[0]}")
    stride, dilation = as_pair("stride", stride), as_pair("dilation", dilation)
    scales, bias = as_layer_scales(x_scale, w_scale, y_scale, w.shape[0]), as_bias(bias, x.dtype, w.shape[0])
    low, high = activation_range(activation, scales[2], y_zero_point, x.dtype, kernels)
    padded = pad_image(x, w.shape[1:3], stride, dilation, padding, x_zero_point)
    seen = windows(padded, w.shape[1:3], stride, dilation)
    y = np.empty((*seen.shape[:3], w.shape[0]), x.dtype)
    for part in parts(y, seen):
        acc = add_bias(_grouped(seen[part], w, groups, x_zero_point), bias, x.dtype)
        if x.dtype == np.int16:
            rounded = rescale.fixed_point(acc, *scales, "int64")
        elif kernels == "xnnpack":
            rounded = rescale.float32(acc, *scales)
        else:
            twice = kernels == "opt" and groups == 1
            rounded = rescale.fixed_point(acc, *scales, "half_up_twice" if twice else "double")
        y[part] = saturate(rounded + y_zero_point, low, high, x.dtype)
    return y


def _grouped(seen, w, groups, x_zero_point):
    """Accumulators (N, OH, OW, O) from windows (N, OH, OW, KH, KW, C) and filters (O, KH, KW, I)."""
    shape = seen.shape[:3]
    filters = w.reshape(groups, -1, math.prod(w.shape[1:]))
    sums = [
        accumulate(s.reshape(math.prod(shape), f.shape[1]), f, x_zero_point).reshape(*shape, len(f))
        for s, f in zip(np.split(seen, groups, axis=-1), filters, strict=True)
    ]
    return np.concatenate(sums, axis=-1)
