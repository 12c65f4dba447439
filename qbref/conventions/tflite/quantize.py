"""The QUANTIZE operator on real numbers: three kernel sets, three rules."""

import numpy as np

from qbref.conventions.arithmetic import saturate, to_int32, wrap32
from qbref.conventions.tflite.tensors import (
    along_axis,
    as_float32,
    as_kernels,
    as_output_dtype,
    as_scales,
    as_zero_points,
)
from qbref.quant.rounding import round_half_away, round_half_even

BLOCK = 8


def quantize(x, scale, zero_point, dtype=np.int8, axis=None, kernels="ref"):
    """q = clip(round(x / scale) + zero_point), the zero point always after the rounding.

    ``"ref"``
        clip(wrap(to_int32(half_away(x / s))) + z), float32 division.
    ``"opt"``
        x86, by position: whole blocks of eight elements, in memory order, use
        clip(wrap(to_int32(half_even(x · (1/s))) + z)), the last n mod 8 elements
        clip(wrap(to_int32(half_away(f64(x) / f64(s))) + z)). Per axis as "ref".
    ``"xnnpack"``
        half_even(clip(x · (1/s), qmin − z, qmax − z)) + z for int8 and uint8, NaN → qmax; int16 as "opt",
        per axis as "ref".

    Parameters
    ----------
    x : float32 array
    scale : float32, or array (C,) with `axis`
    zero_point : int, or integer array (C,)
    dtype : int8, uint8 or int16
    axis : int, optional
        The axis of the channels, may be negative; None is one scale for all.
    kernels : {"ref", "opt", "xnnpack"}

    Returns
    -------
    array of `dtype`, the shape of `x`

    Notes
    -----
    "ref" and "opt" convert to int32 as x86 does: NaN, ±inf and ±3e9 all become −2^31, hence qmin, and with a
    negative zero point the sum wraps around to qmax. Verified bit for bit, LiteRT 2.3.0 on x86-64 (the three
    are the interpreter's resolvers BUILTIN_REF, BUILTIN_WITHOUT_DEFAULT_DELEGATES and AUTO).

    Examples
    --------
    Eleven ties, by the optimized kernel: a block of eight, and a rest of three.

    >>> quantize(np.full(11, 0.5, np.float32), 1.0, 0, kernels="opt")
    array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1], dtype=int8)
    """
    x, kernels, dtype = as_float32("x", x), as_kernels(kernels), as_output_dtype(dtype)
    s, z = along_axis(as_scales(scale), x, axis), along_axis(as_zero_points(zero_point, dtype), x, axis)
    if kernels == "ref" or axis is not None:
        return _reference(x, s, z, dtype)
    if kernels == "xnnpack" and dtype != np.int16:
        return _xnnpack(x, s, z, dtype)
    return _optimized(x.ravel(), s, z, dtype).reshape(x.shape)


def _reference(x, s, z, dtype):
    with np.errstate(over="ignore"):
        return _shifted(round_half_away(x / s), z, dtype)


def _optimized(x, s, z, dtype):
    blocks = x.size - x.size % BLOCK
    q = np.empty(x.size, dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # 0 · (1/s) with a tiny s
        q[:blocks] = _shifted(round_half_even(x[:blocks] * (np.float32(1) / s)), z, dtype)
        q[blocks:] = _shifted(round_half_away(x[blocks:].astype(np.float64) / np.float64(s)), z, dtype)
    return q


def _xnnpack(x, s, z, dtype):
    info = np.iinfo(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        real = np.asarray(x * (np.float32(1) / s))
    np.fmin(real, np.float32(info.max - z), out=real)  # fmin(NaN, m) is m
    np.maximum(real, np.float32(info.min - z), out=real)
    return (round_half_even(real, out=real) + np.float32(z)).astype(dtype)


def _shifted(rounded, z, dtype):
    info = np.iinfo(dtype)
    return saturate(wrap32(to_int32(rounded).astype(np.int64) + z), info.min, info.max, dtype)
