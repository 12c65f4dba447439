"""The convolution of 8-bit images with 8-bit filters, summed in int32."""

import numpy as np

from qbref.kernels._checks_int8 import check_int8_conv2d
from qbref.kernels.im2col import im2col
from qbref.kernels.int8_matmul import int8_matmul
from qbref.kernels.pack_filters import PackedFilters
from qbref.kernels.requantize import Requantization


def int8_conv2d(
    x,
    weight,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
    x_zero_point=0,
    weight_zero_point=0,
    bias=None,
    requantization=None,
):
    """y[n, i, j, o] = bias[o] + sum of (x - x_zero_point) * (weight[o] - weight_zero_point) over a window.

    Exact, and with a `requantization` brought to the output's grid in the same pass.

    Parameters
    ----------
    x : int8 or uint8 array, shape (N, H, W, C)
    weight : int8 or uint8 array, shape (O, KH, KW, C / groups), or PackedFilters
        Channels last, as in `x`.
    stride, padding, dilation : int or pair of int
        For height and width, as in PyTorch. The border holds `x_zero_point`, which is what the real number 0
        becomes, and adds nothing.
    groups : int
        Divides C and O: filters i * O / groups … see the i-th C / groups channels.
        ``groups = C = O`` is a depthwise convolution.
    x_zero_point : int
    weight_zero_point : int, or integer array of shape (O,)
    bias : int32 array, shape (O,), or None
    requantization : Requantization or None
        Constants of :func:`requantize`, one or one per filter.

    Returns
    -------
    y : int32 array, shape (N, OH, OW, O)
        With a requantization, ``requantize(y, *requantization)`` in its dtype.
        OH = (H + 2 * padding - dilation * (KH - 1) - 1) // stride + 1, and OW likewise.

    Raises
    ------
    TypeError
        If an operand is not an int8 or uint8 array.
    ValueError
        If shapes do not fit, the kernel is larger than the padded image, a zero point is out of range, or a
        sum could leave int32, by the bound of :func:`int8_matmul` with K = KH * KW * C / groups.

    Notes
    -----
    The definition lays out all patches (im2col). The compiled twin gathers them a few rows at a time, so
    its memory does not grow with the kernel.

    Jacob et al., CVPR 2018, section 2.4.

    Examples
    --------
    >>> x = np.arange(9, dtype=np.int8).reshape(1, 3, 3, 1)
    >>> int8_conv2d(x, np.ones((1, 2, 2, 1), np.int8))[0, :, :, 0]
    array([[ 8, 12],
           [20, 24]], dtype=int32)
    """
    geometry, groups, out_size, _, _ = check_int8_conv2d(
        x,
        weight,
        stride,
        padding,
        dilation,
        groups,
        x_zero_point,
        weight_zero_point,
        bias,
        requantization,
        PackedFilters,
    )
    filters = weight if isinstance(weight, PackedFilters) else PackedFilters(weight, groups)
    per_group = filters.shape[0] // groups
    results = []
    for g, (part, rhs) in enumerate(zip(np.split(x, groups, axis=-1), filters.parts, strict=True)):
        own = slice(g * per_group, (g + 1) * per_group)
        patches = im2col(part, filters.shape[1:3], *geometry, pad_value=x_zero_point)
        y = int8_matmul(
            patches,
            rhs,
            x_zero_point,
            _of_group(weight_zero_point, own),
            _of_group(bias, own),
            None if requantization is None else Requantization(*(_of_group(v, own) for v in requantization)),
        )
        results.append(y)
    return np.concatenate(results, axis=1).reshape(len(x), *out_size, filters.shape[0])


def _of_group(value, own):
    return value[own] if isinstance(value, (np.ndarray, list)) and np.ndim(value) else value
