"""The QUANTIZE operator on integers: from one grid to another."""

import numpy as np

from qbref.conventions.arithmetic import saturate
from qbref.conventions.parts import parts
from qbref.conventions.tflite.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from qbref.conventions.tflite.tensors import (
    as_kernels,
    as_output_dtype,
    as_quantized,
    as_scale,
    as_zero_point,
)
from qbref.quant.rounding import round_half_even

BLOCK = 16


def requantize(q, scale, zero_point, y_scale, y_zero_point, dtype=np.int8, kernels="ref"):
    """y = clip(round((q − zero_point) · scale / y_scale) + y_zero_point).

    ``"ref"``
        Fixed point, mode "double", with the multiplier of f64(scale) / f64(y_scale).
    ``"opt"``
        x86: between int8 and uint8 mode "half_up_twice" in whole blocks of sixteen elements, in memory order;
        the last n mod 16 elements and 16 or 32 bits as "ref".
    ``"xnnpack"``
        int8 to int8 and uint8 to uint8 with an 8-bit multiplier:
        ((q − zero_point) · half_even(256 · f32(scale / y_scale)) + 256 y_zero_point + 128) >> 8,
        if scale / y_scale lies in [2^−8, 2^7]; otherwise as "opt".

    Parameters
    ----------
    q : int8, uint8, int16 or int32 array
    scale, zero_point : float32, int
        Of `q`.
    y_scale, y_zero_point : float32, int
    dtype : int8, uint8 or int16
    kernels : {"ref", "opt", "xnnpack"}

    Returns
    -------
    array of `dtype`, the shape of `q`

    Notes
    -----
    XNNPACK's multiplier has so few bits that at scale ratio 0.01 it is 3/256: 0.43 becomes 1. Verified bit
    for bit, LiteRT 2.3.0 on x86-64.

    Examples
    --------
    >>> q = np.array([42, 43, 50], np.int8)
    >>> requantize(q, 0.01, 0, 1.0, 0), requantize(q, 0.01, 0, 1.0, 0, kernels="xnnpack")
    (array([0, 0, 1], dtype=int8), array([0, 1, 1], dtype=int8))
    """
    q, kernels = as_quantized("q", q, np.int8, np.uint8, np.int16, np.int32), as_kernels(kernels)
    dtype = as_output_dtype(dtype)
    scale, y_scale = as_scale(scale), as_scale(y_scale, "y_scale")
    z, y_zero_point = as_zero_point(zero_point, q.dtype), as_zero_point(y_zero_point, dtype, "y_zero_point")
    flat, info = q.reshape(1, -1), np.iinfo(dtype)
    y = np.empty(flat.shape, dtype)
    for part in parts(y):  # multiples of sixteen elements, but the last
        rounded = _rescaled(flat[part].astype(np.int64) - z, scale, y_scale, q.dtype, dtype, kernels)
        y[part] = saturate(rounded + y_zero_point, info.min, info.max, dtype)
    return y.reshape(q.shape)


def _rescaled(difference, scale, y_scale, from_dtype, to_dtype, kernels):
    with np.errstate(over="ignore"):
        ratio = scale / y_scale
    is_8_bit = from_dtype.itemsize == to_dtype.itemsize == 1
    if kernels == "xnnpack" and is_8_bit and from_dtype == to_dtype and 2.0**-8 <= ratio <= 2.0**7:
        multiplier = np.int64(round_half_even(np.float32(256) * ratio))
        return (difference * multiplier + 128) >> 8
    constants = quantize_multiplier(np.float64(scale) / np.float64(y_scale))
    rounded = multiply_by_quantized_multiplier(difference, *constants)
    if kernels != "ref" and is_8_bit:
        blocks = difference.size - difference.size % BLOCK
        rounded[:, :blocks] = multiply_by_quantized_multiplier(
            difference[:, :blocks], *constants, "half_up_twice"
        )
    return rounded.astype(np.int64)
