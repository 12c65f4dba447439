"""ConvInteger: the convolution of an 8-bit image with 8-bit filters, in int32."""

import numpy as np

from qbref.conventions.onnx.operands import as_8_bit, as_one_per, as_scalar, as_zero_point_of
from qbref.conventions.products import integer_conv
from qbref.quant.checks import as_integer

AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


def conv_integer(
    x,
    w,
    x_zero_point=None,
    w_zero_point=None,
    auto_pad="NOTSET",
    dilations=None,
    group=1,
    pads=None,
    strides=None,
):
    """y[n, m, …] = wrap32(sum of (x − x_zero_point) · (w[m] − w_zero_point[m]) over a window).

    Parameters
    ----------
    x : int8 or uint8 array, shape (N, C, D1, …)
        One spatial axis or more.
    w : int8 or uint8 array, shape (M, C / group, K1, …)
    x_zero_point : scalar of the dtype of `x`, optional
        Also the value of the padding, which so adds nothing.
    w_zero_point : scalar, or array of shape (M,), of the dtype of `w`, optional
    auto_pad : {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}
        "NOTSET" takes `pads`. "SAME_…" pads to ``ceil(D / stride)`` outputs, an odd rest at the end for
        "…_UPPER" and at the beginning for "…_LOWER". "VALID" does not pad.
    dilations, strides : sequence of int, one per spatial axis, optional
        1 by default.
    group : int
    pads : sequence of int, optional
        All beginnings, then all ends. 0 by default.

    Returns
    -------
    y : int32 array, shape (N, M, O1, …)

    Raises
    ------
    TypeError, ValueError
        If a dtype, a shape or an attribute is not one of these, or the kernel exceeds the padded image.

    Notes
    -----
    Specification, ONNX Runtime 1.31.1 and the reference evaluator of onnx 1.23.2 give the same bits. ONNX
    Runtime refuses dilations with "SAME_…"; the evaluator returns an empty array for a kernel too large.

    ONNX operator ConvInteger, opset 10 (docs/Operators.md).

    Examples
    --------
    >>> x = np.arange(2, 11, dtype=np.uint8).reshape(1, 1, 3, 3)
    >>> w = np.ones((1, 1, 2, 2), np.uint8)
    >>> conv_integer(x, w, x_zero_point=np.uint8(1))
    array([[[[12, 16],
             [24, 28]]]], dtype=int32)
    """
    x, w = as_8_bit("x", x), as_8_bit("w", w)
    x_zero_point = as_scalar("x_zero_point", as_zero_point_of("x_zero_point", x_zero_point, x))
    w_zero_point = as_zero_point_of("w_zero_point", w_zero_point, w)
    w_zero_point = as_one_per("filter", "w_zero_point", w_zero_point, w.shape[:1])
    _check_shapes(x, w, group)
    strides = _one_per_axis("strides", strides, w, lowest=1)
    dilations = _one_per_axis("dilations", dilations, w, lowest=1)
    reach = [(k - 1) * dilation + 1 for k, dilation in zip(w.shape[2:], dilations, strict=True)]
    pads = _pads(auto_pad, pads, strides, reach, x, w)
    for d, (before, after), r in zip(x.shape[2:], pads, reach, strict=True):
        if before + d + after < r:
            raise ValueError(f"w must fit into the padded image, got {r} on an axis of {before + d + after}")
    w_zero_point = np.broadcast_to(w_zero_point, w.shape[:1])
    return integer_conv(x, w, int(x_zero_point), w_zero_point, strides, pads, dilations, group)


def _check_shapes(x, w, group):
    if x.ndim < 3:
        raise ValueError(f"x must have at least 3 dimensions, got shape {x.shape}")
    if w.ndim != x.ndim:
        raise ValueError(f"w must have as many dimensions as x, {x.ndim}, got shape {w.shape}")
    if as_integer("group", group) < 1 or x.shape[1] % group or w.shape[0] % group:
        raise ValueError(f"group must divide {x.shape[1]} channels and {w.shape[0]} filters, got {group}")
    if w.shape[1] != x.shape[1] // group:
        raise ValueError(f"w must have {x.shape[1] // group} channels a filter, got shape {w.shape}")
    if 0 in w.shape[2:]:
        raise ValueError(f"w must not have an empty kernel, got shape {w.shape}")


def _one_per_axis(name, values, w, lowest, repeats=1, default=1):
    count = repeats * (w.ndim - 2)
    values = [default] * count if values is None else values
    if np.shape(values) != (count,) or min(as_integer(name, value) for value in values) < lowest:
        raise ValueError(f"{name} must be {count} integers of at least {lowest}, got {values}")
    return values


def _pads(auto_pad, pads, strides, reach, x, w):
    """(before, after) for each spatial axis."""
    if auto_pad not in AUTO_PADS:
        raise ValueError(f"auto_pad must be one of {AUTO_PADS}, got {auto_pad!r}")
    if pads is not None and auto_pad != "NOTSET":
        raise ValueError(f"pads must not be given with auto_pad {auto_pad!r}, got {pads}")
    if not auto_pad.startswith("SAME"):
        pads = _one_per_axis("pads", pads, w, lowest=0, repeats=2, default=0)
        return list(zip(pads[: len(pads) // 2], pads[len(pads) // 2 :], strict=True))
    totals = [
        max((-(-d // stride) - 1) * stride + r - d, 0)
        for d, stride, r in zip(x.shape[2:], strides, reach, strict=True)
    ]
    if auto_pad == "SAME_UPPER":
        return [(total // 2, total - total // 2) for total in totals]
    return [(total - total // 2, total // 2) for total in totals]
