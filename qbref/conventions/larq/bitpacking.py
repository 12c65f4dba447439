"""Larq Compute Engine's bit packing: LceQuantize and LceDequantize.

A set bit means −1. 32 channels share an int32 word, the lowest channel in the lowest bit; bits beyond the
last channel are 0, that is +1, on both sides of a product, where they cancel.

Verified against larq-compute-engine 0.16.0. Source: ``core/bitpacking/bitpack.h`` and
``tflite/kernels/quantization.cc``.
"""

import numpy as np

from qbref.kernels import backend
from qbref.quant.checks import as_integer, as_integer_array, check_within
from qbref.quant.rounding import round_half_away


def quantize(x, zero_point=0):
    """bit c % 32 of words[..., c // 32] = (x[..., c] < zero_point).

    Parameters
    ----------
    x : float32 or int8 array, shape (..., C)
    zero_point : int
        Of an int8 `x`.

    Returns
    -------
    words : int32 array, shape (..., ceil(C / 32))

    Raises
    ------
    TypeError
        If `x` is neither float32 nor int8.
    ValueError
        If `x` has no axis, or `zero_point` is not 0 for a float `x`, or not an int8.

    Notes
    -----
    0, −0.0 and NaN are not below zero: bit 0, that is +1. So are subnormal numbers, which the interpreter
    reads as 0 while it runs.

    Examples
    --------
    >>> quantize(np.array([-0.5, 2.0, -3.0, -0.0], np.float32))
    array([5], dtype=int32)
    """
    x = np.asarray(x)
    if x.dtype not in (np.float32, np.int8):
        raise TypeError(f"x must be float32 or int8, got {x.dtype}")
    if x.ndim == 0:
        raise ValueError("x must have an axis of channels, got a 0-d array")
    lowest, highest = (-128, 127) if x.dtype == np.int8 else (0, 0)
    check_within("zero_point", np.asarray(as_integer("zero_point", zero_point)), lowest, highest)
    return packed(x < zero_point if x.dtype == np.int8 else x <= -np.finfo(np.float32).smallest_normal)


def dequantize(words, channels, scale=None, zero_point=0):
    """x[..., c] = −1 where bit c % 32 of words[..., c // 32] is set, else +1; int8 with a `scale`.

    Parameters
    ----------
    words : int32 array, shape (..., ceil(channels / 32))
    channels : int
    scale : float, optional
        For an int8 result: ±1 become zero_point ± away(1 / scale), saturated. Read as float32.
    zero_point : int
        An int8.

    Returns
    -------
    float32 array, or int8 array with a `scale`, shape (..., channels)

    Raises
    ------
    TypeError, ValueError
        If `words` is not an int32 array of that many words, a bit beyond the channels is set, `scale` is not
        positive and finite, or `zero_point` not an int8.

    Examples
    --------
    >>> dequantize(np.array([5], np.int32), channels=4)
    array([-1.,  1., -1.,  1.], dtype=float32)
    >>> dequantize(np.array([1], np.int32), channels=2, scale=0.4, zero_point=3)  # 1 / 0.4 = 2.5, up to 3
    array([0, 6], dtype=int8)
    """
    words = widened(words, channels)
    check_within("zero_point", np.asarray(as_integer("zero_point", zero_point)), -128, 127)
    scale = None if scale is None else as_scale(scale)
    signs = backend.default().unpack_bits(words, channels)
    if scale is None:
        return signs.astype(np.float32)
    with np.errstate(over="ignore"):  # 1 / scale of a subnormal scale
        offset = round_half_away(np.float32(1) / scale)
    return np.clip(zero_point + signs * np.float64(offset), -128, 127).astype(np.int8)


def as_scale(scale):
    """Return the scale as float32, positive and finite."""
    with np.errstate(over="ignore"):
        scale = np.asarray(scale, np.float64).astype(np.float32)
    if scale.ndim or not 0 < scale < np.inf:
        raise ValueError(f"scale must be positive and finite, got {scale}")
    return scale[()]


def packed(bits):
    """int32 words of a bool array, 32 of its last axis to a word."""
    words = backend.default().pack_bits(bits)
    count = -(-bits.shape[-1] // 32)
    return words.astype("<u8").view("<i4")[..., :count].astype(np.int32)


def widened(words, channels):
    """The same bits in uint64 words, as the kernels have them."""
    words = as_integer_array("words", words)
    count = -(-as_integer("channels", channels) // 32)
    if words.dtype != np.int32:
        raise TypeError(f"words must be int32, got {words.dtype}")
    if channels < 1 or words.ndim == 0 or words.shape[-1] != count:
        raise ValueError(f"words must have {count} words for {channels} channels, got shape {words.shape}")
    even = np.zeros((*words.shape[:-1], count + count % 2), "<i4")
    even[..., :count] = words
    return even.view("<u8").astype(np.uint64)
