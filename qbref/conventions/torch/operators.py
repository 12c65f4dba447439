"""torch.ops.quantized.linear and conv2d: quint8 activations, qint8 weights, float bias."""

from typing import NamedTuple

import numpy as np

from qbref.conventions.products import integer_conv, integer_matmul
from qbref.conventions.torch.dtypes import as_float32, as_zero_point, check_positive, rounded_to_float32
from qbref.conventions.torch.requantize import ENGINES, requantize
from qbref.quant.checks import as_integer, as_integer_array, check_within


class Quantized(NamedTuple):
    """Integers with the scale and the zero point that give them their meaning.

    The scale and the zero point of a weight may be arrays with one entry for each output channel.
    """

    q: np.ndarray
    scale: float | np.ndarray
    zero_point: int | np.ndarray = 0


def quantized_linear(x, weight, bias, y_scale, y_zero_point, engine="fbgemm", relu=False):
    """y = quantize(x · weightᵀ + bias), from exact sums of integers by the engine's own requantization.

    Parameters
    ----------
    x : Quantized
        q uint8, shape (…, in_features); scale float; zero_point int.
    weight : Quantized
        q int8, shape (out_features, in_features); scale and zero point one each, or arrays of shape
        (out_features,).
    bias : float32 array, shape (out_features,), or None
    y_scale : float
    y_zero_point : int, 0 to 255
    engine : {"fbgemm", "qnnpack", "onednn"}
        :mod:`qbref.conventions.torch.requantize` says how they differ. "onednn" takes weights with zero
        point 0 only.
    relu : bool
        As in ``torch.ops.quantized.linear_relu``.

    Returns
    -------
    uint8 array, shape (…, out_features)

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule.

    Notes
    -----
    Sums wrap around in int32. Verified bit for bit against the three engines of PyTorch 2.13.0 on x86.

    Examples
    --------
    >>> x = Quantized(np.array([[10, 20]], np.uint8), 0.5, 10)
    >>> weight = Quantized(np.array([[3, 1], [2, -1]], np.int8), 0.25)
    >>> quantized_linear(x, weight, np.float32([0.0, 1.0]), y_scale=0.5, y_zero_point=3)
    array([[5, 3]], dtype=uint8)
    """
    weight, bias = _checked(x, weight, bias, y_scale, engine)
    y_zero_point = as_zero_point(y_zero_point, 0, 255)
    if weight.q.ndim != 2 or x.q.ndim < 1 or x.q.shape[-1] != weight.q.shape[1]:
        raise ValueError(f"weight must have shape (N, {x.q.shape[-1:]}), got {weight.q.shape}")
    accumulator = integer_matmul(np.atleast_2d(x.q), weight.q.T, x.zero_point, weight.zero_point)
    y = requantize(accumulator, bias, x.scale, weight.scale, y_scale, y_zero_point, engine, relu)
    return y.reshape(*x.q.shape[:-1], len(weight.q))


def quantized_conv2d(
    x,
    weight,
    bias,
    y_scale,
    y_zero_point,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    engine="fbgemm",
    relu=False,
):
    """y = quantize(conv2d(x, weight) + bias), from exact sums of integers by the engine's own requantization.

    Parameters
    ----------
    x : Quantized
        q uint8, shape (N, C, H, W); scale float; zero_point int.
    weight : Quantized
        q int8, shape (O, C / groups, KH, KW); scale and zero point one each, or arrays of shape (O,).
    bias : float32 array, shape (O,), or None
    y_scale, y_zero_point, engine, relu
        As in :func:`quantized_linear`.
    stride, padding, dilation : int or pair of int
        For height and width. The border holds the zero point of `x`.
    groups : int

    Returns
    -------
    uint8 array, shape (N, O, OH, OW)

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule.

    Notes
    -----
    Sums wrap around in int32. Verified bit for bit against "fbgemm" and "qnnpack" of PyTorch 2.13.0 on
    x86. The compiled kernels of oneDNN may fuse a multiplication and an addition, and then differ from the
    formula by one, in about one of 10⁵ results.

    Examples
    --------
    >>> x = Quantized(np.array([[[[10, 20], [30, 40]]]], np.uint8), 0.5, 10)
    >>> weight = Quantized(np.array([[[[1, 2]]]], np.int8), 0.5)
    >>> quantized_conv2d(x, weight, None, y_scale=1.0, y_zero_point=3, padding=(0, 1))
    array([[[[ 3,  8,  5],
             [13, 23, 11]]]], dtype=uint8)
    """
    weight, bias = _checked(x, weight, bias, y_scale, engine)
    y_zero_point = as_zero_point(y_zero_point, 0, 255)
    strides, pads, dilations = (
        _pair(name, value, lowest)
        for name, value, lowest in (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1))
    )
    _check_shapes(x.q, weight.q, pads, dilations, as_integer("groups", groups))
    zero_points = np.broadcast_to(weight.zero_point, len(weight.q))
    pads = [(p, p) for p in pads]
    accumulator = integer_conv(x.q, weight.q, x.zero_point, zero_points, strides, pads, dilations, groups)
    channels_last = np.moveaxis(accumulator, 1, -1)
    y = requantize(channels_last, bias, x.scale, weight.scale, y_scale, y_zero_point, engine, relu)
    return np.moveaxis(y, -1, 1)


def _checked(x, weight, bias, y_scale, engine):
    """Return (weight with arrays, bias), and check what both operators share."""
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    for name, q, dtype in (("x", x.q, np.uint8), ("weight", weight.q, np.int8)):
        if q.dtype != dtype:
            raise TypeError(f"{name} must be {np.dtype(dtype)}, got {q.dtype}")
    if np.ndim(x.scale) or np.ndim(x.zero_point):
        raise ValueError(f"x must have one scale and one zero point, got {x.scale} and {x.zero_point}")
    for name, scale in (("x.scale", x.scale), ("weight.scale", weight.scale), ("y_scale", y_scale)):
        check_positive(name, rounded_to_float32(scale))
    scale, zero_point = np.asarray(weight.scale), as_integer_array("weight.zero_point", weight.zero_point)
    channels = weight.q.shape[:1]
    for name, values in (("weight.scale", scale), ("weight.zero_point", zero_point)):
        if values.shape not in ((), channels):
            raise ValueError(f"{name} must be one number or {channels[0]}, got shape {values.shape}")
    check_within("weight.zero_point", zero_point, -128, 127)
    if engine == "onednn" and zero_point.any():
        raise ValueError(f"weight.zero_point must be 0 with onednn, got {zero_point}")
    if bias is not None:
        bias = as_float32("bias", bias)
        if bias.shape != channels:
            raise ValueError(f"bias must have shape {channels}, got {bias.shape}")
    return Quantized(weight.q, scale, zero_point), bias


def _pair(name, value, lowest):
    pair = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(pair) != 2 or min(as_integer(name, v) for v in pair) < lowest:
        raise ValueError(f"{name} must be one or two integers of at least {lowest}, got {value}")
    return pair


def _check_shapes(x, weight, pads, dilations, groups):
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(f"x and weight must have 4 dimensions, got {x.ndim} and {weight.ndim}")
    if groups < 1 or x.shape[1] % groups or len(weight) % groups:
        raise ValueError(f"groups must divide {x.shape[1]} channels and {len(weight)} filters, got {groups}")
    if weight.shape[1] != x.shape[1] // groups:
        raise ValueError(f"weight must have {x.shape[1] // groups} channels a filter, got {weight.shape[1]}")
    for size, kernel, pad, dilation in zip(x.shape[2:], weight.shape[2:], pads, dilations, strict=True):
        if not 1 <= kernel <= (size + 2 * pad - 1) // dilation + 1:
            raise ValueError(f"weight must fit into the padded image, got a kernel of {kernel} on {size}")
