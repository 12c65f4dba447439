"""What the binary kernels accept; see `_checks` for the rest."""

import operator

import numpy as np

from qbref.kernels._checks import (
    INT8,
    INT32,
    UINT64,
    check_array,
    check_im2col,
    check_int,
    check_words,
)

BOOL = np.dtype(np.bool_)
PACKABLE = (np.dtype(np.float32), np.dtype(np.float64), INT8, BOOL)
LARGEST = 2**31 - 1


def check_pack_bits(x, axis):
    """Return `axis` counted from 0."""
    check_array("x", x, PACKABLE)
    return _check_axis("x", x, axis)


def check_unpack_bits(words, k, axis):
    """Return k, and `axis` counted from 0."""
    k = check_int("k", k, 0, LARGEST)
    check_array("words", words, (UINT64,))
    axis = _check_axis("words", words, axis)
    check_words("words", np.moveaxis(words, axis, -1), k)
    return k, axis


def _check_axis(name, x, axis):
    if x.ndim == 0:
        raise ValueError(f"{name} must have at least one axis, got a 0-d array")
    return check_int("axis", axis, -x.ndim, x.ndim - 1) % x.ndim


def check_xnor_matmul(a_words, b_words, k, threshold):
    """Return k as an int, and the threshold as None or two contiguous arrays."""
    k = check_int("k", k, 0, LARGEST)
    check_words("a_words", a_words, k, ndim=2)
    check_words("b_words", b_words, k, ndim=2)
    return k, _check_threshold(threshold, len(b_words))


def _check_threshold(threshold, columns):
    if threshold is None:
        return None
    if not isinstance(threshold, tuple) or len(threshold) != 2:
        raise TypeError(f"threshold must be a Threshold or None, got {type(threshold).__name__}")
    for name, values, dtype in zip(("threshold", "flip"), threshold, (INT32, BOOL), strict=True):
        check_array(f"threshold.{name}", values, (dtype,))
        if values.shape != (columns,):
            raise ValueError(f"threshold.{name} must have shape ({columns},), got shape {values.shape}")
    return threshold


def check_binary_conv2d(
    x_words, weight_words, channels, kernel_size, stride, padding, dilation, padding_value, threshold
):
    """Return (channels, geometry of four pairs, the output's (OH, OW), padding_value, threshold)."""
    channels = check_int("channels", channels, 1, LARGEST)
    check_words("x_words", x_words, channels, ndim=4)
    *geometry, size, _ = check_im2col(x_words, kernel_size, stride, padding, dilation, 0)
    taps = operator.mul(*geometry[0])
    if taps * 64 * x_words.shape[3] > LARGEST:
        raise ValueError(f"kernel_size must leave at most 2**31 - 1 bits a patch, got {tuple(geometry[0])}")
    check_array("weight_words", weight_words, (UINT64,), ndim=2)
    if weight_words.shape[1] != taps * x_words.shape[3]:
        raise ValueError(
            f"weight_words must have {taps * x_words.shape[3]} words a row, {x_words.shape[3]} for each tap, "
            f"got shape {weight_words.shape}"
        )
    check_words("weight_words", weight_words.reshape(-1, x_words.shape[3]), channels)
    padding_value = check_int("padding_value", padding_value, -1, 1)
    return channels, geometry, size, padding_value, _check_threshold(threshold, len(weight_words))
