"""What torch.ops.quantized.linear and conv2d take."""

from typing import NamedTuple

import numpy as np

from qbref.conventions.torch.dtypes import as_float32, check_positive, rounded_to_float32
from qbref.conventions.torch.requantize import ENGINES
from qbref.quant.checks import as_integer, as_integer_array, check_within


class Quantized(NamedTuple):
    """Integers with the scale and the zero point that give them their meaning.

    The scale and the zero point of a weight may be arrays with one entry for each output channel.
    """

    q: np.ndarray
    scale: float | np.ndarray
    zero_point: int | np.ndarray = 0


def checked(x, weight, bias, y_scale, engine):
    """Return (weight with arrays, bias), and check what both operators share."""
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    for name, q, dtype in (("x", x.q, np.uint8), ("weight", weight.q, np.int8)):
        if q.dtype != dtype:
            raise TypeError(f"{name} must be {np.dtype(dtype)}, got {q.dtype}")
    if np.ndim(x.scale) or np.ndim(x.zero_point):
        raise ValueError(f"x must have one scale and one zero point, got {x.scale} and {x.zero_point}")
    check_within("x.zero_point", np.asarray(as_integer("x.zero_point", x.zero_point)), 0, 255)
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


def pair(name, value, lowest):
    """Return one or two integers as two."""
    pair = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(pair) != 2 or min(as_integer(name, v) for v in pair) < lowest:
        raise ValueError(f"{name} must be one or two integers of at least {lowest}, got {value}")
    return pair


def check_shapes(x, weight, pads, dilations, groups):
    """Raise a ValueError unless the filters fit the channels and the padded image."""
    if x.ndim != 4 or weight.ndim != 4:
        raise ValueError(f"x and weight must have 4 dimensions, got {x.ndim} and {weight.ndim}")
    if groups < 1 or x.shape[1] % groups or len(weight) % groups:
        raise ValueError(f"groups must divide {x.shape[1]} channels and {len(weight)} filters, got {groups}")
    if weight.shape[1] != x.shape[1] // groups:
        raise ValueError(f"weight must have {x.shape[1] // groups} channels a filter, got {weight.shape[1]}")
    for size, kernel, pad, dilation in zip(x.shape[2:], weight.shape[2:], pads, dilations, strict=True):
        if not 1 <= kernel <= (size + 2 * pad - 1) // dilation + 1:
            raise ValueError(f"weight must fit into the padded image, got a kernel of {kernel} on {size}")
