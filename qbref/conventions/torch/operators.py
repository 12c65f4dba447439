"""torch.ops.quantized.linear and conv2d: quint8 activations, qint8 weights, float bias."""

import numpy as np

from qbref.conventions.products import integer_conv, integer_matmul
from qbref.conventions.torch.dtypes import as_zero_point
from qbref.conventions.torch.operands import check_shapes, checked, pair
from qbref.conventions.torch.requantize import requantize
from qbref.quant.checks import as_integer


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
    >>> from qbref.conventions.torch import Quantized
    >>> x = Quantized(np.array([[10, 20]], np.uint8), 0.5, 10)
    >>> weight = Quantized(np.array([[3, 1], [2, -1]], np.int8), 0.25)
    >>> quantized_linear(x, weight, np.float32([0.0, 1.0]), y_scale=0.5, y_zero_point=3)
    array([[5, 3]], dtype=uint8)
    """
    weight, bias = checked(x, weight, bias, y_scale, engine)
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
    >>> from qbref.conventions.torch import Quantized
    >>> x = Quantized(np.array([[[[10, 20], [30, 40]]]], np.uint8), 0.5, 10)
    >>> weight = Quantized(np.array([[[[1, 2]]]], np.int8), 0.5)
    >>> quantized_conv2d(x, weight, None, y_scale=1.0, y_zero_point=3, padding=(0, 1))
    array([[[[ 3,  8,  5],
             [13, 23, 11]]]], dtype=uint8)
    """
    weight, bias = checked(x, weight, bias, y_scale, engine)
    y_zero_point = as_zero_point(y_zero_point, 0, 255)
    strides, pads, dilations = (
        pair(name, value, lowest)
        for name, value, lowest in (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1))
    )
    check_shapes(x.q, weight.q, pads, dilations, as_integer("groups", groups))
    zero_points = np.broadcast_to(weight.zero_point, len(weight.q))
    pads = [(p, p) for p in pads]
    accumulator = integer_conv(x.q, weight.q, x.zero_point, zero_points, strides, pads, dilations, groups)
    channels_last = np.moveaxis(accumulator, 1, -1)
    y = requantize(channels_last, bias, x.scale, weight.scale, y_scale, y_zero_point, engine, relu)
    return np.moveaxis(y, -1, 1)
