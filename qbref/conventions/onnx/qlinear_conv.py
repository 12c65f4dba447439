"""QLinearConv: the convolution of an 8-bit image with 8-bit filters, in 8 bits."""

import numpy as np

from qbref.conventions.arithmetic import wrap32
from qbref.conventions.onnx.conv_integer import conv_integer
from qbref.conventions.onnx.operands import as_float32, as_one_per, as_scalar, check_variant
from qbref.conventions.onnx.requantize import requantize


def qlinear_conv(
    x,
    x_scale,
    x_zero_point,
    w,
    w_scale,
    w_zero_point,
    y_scale,
    y_zero_point,
    b=None,
    auto_pad="NOTSET",
    dilations=None,
    group=1,
    pads=None,
    strides=None,
    variant="spec",
):
    """y = saturate(rint(f32(f32(acc) · m)) + y_zero_point), m = f32(f32(x_scale · w_scale) / y_scale).

    Here acc is wrap32(:func:`conv_integer` + b).

    Parameters
    ----------
    x, x_zero_point, w, w_zero_point, auto_pad, dilations, group, pads, strides
        As for :func:`conv_integer`.
    x_scale, y_scale : float32 scalars
    w_scale : float32 scalar or array of shape (M,)
    y_zero_point : int8 or uint8 scalar
        Its dtype is the type of y.
    b : int32 array of shape (M,), optional
        The bias in units of x_scale · w_scale.
    variant : {"spec", "onnxruntime", "reference_evaluator"}
        See :func:`requantize`.

    Returns
    -------
    y : int8 or uint8 array, shape (N, M, O1, …)

    Raises
    ------
    TypeError, ValueError
        If a dtype, a shape, an attribute or the variant is not one of these.

    Notes
    -----
    Verified with ONNX Runtime 1.31.1 and onnx 1.23.2.

    ONNX operator QLinearConv, opset 10 (docs/Operators.md).

    Examples
    --------
    >>> x, w = np.array([[[1, 2, 3]]], np.uint8), np.array([[[1]], [[-1]]], np.int8)
    >>> half, zero, bias = np.float32(0.5), np.int8(0), np.array([0, 10], np.int32)
    >>> qlinear_conv(x, half, np.uint8(0), w, np.float32(1), zero, np.float32(1), zero, bias)
    array([[[0, 1, 2],
            [4, 4, 4]]], dtype=int8)
    """
    check_variant(variant)
    x_scale = as_scalar("x_scale", as_float32("x_scale", x_scale))
    filters = np.shape(w)[:1]
    per_filter = (*filters, *[1] * (np.ndim(x) - 2))
    w_scale = as_one_per("filter", "w_scale", as_float32("w_scale", w_scale), filters)
    accumulator = conv_integer(x, w, x_zero_point, w_zero_point, auto_pad, dilations, group, pads, strides)
    if b is not None:
        b = np.asarray(b)
        if b.dtype != np.int32 or b.shape != filters:
            raise ValueError(f"b must be int32 of shape {filters}, got {b.dtype} of shape {b.shape}")
        accumulator = wrap32(accumulator + b.reshape(per_filter).astype(np.int64))
    if w_scale.ndim:
        w_scale = w_scale.reshape(per_filter)
    return requantize(accumulator, x_scale, w_scale, y_scale, y_zero_point, variant)
