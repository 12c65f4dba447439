"""SOFTMAX on int16, along the last axis: output scale 2^−15, zero point 0."""

import numpy as np

from qbref.conventions.tflite.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from qbref.conventions.tflite.interpolation import interpolate, interpolation_table

MOST_CLASSES = 2**16
LOWEST = -10.0
"""What lies further below the maximum counts as e^−10."""

EXP = interpolation_table(np.exp, LOWEST, 0.0)
ONE_OVER_ONE_PLUS_X = interpolation_table(lambda x: 1 / (1 + x), 0.0, 1.0)


def softmax_int16(x, scale, beta=1.0):
    """y = e · r, with e = exp(β s (x − max)) and r = 1 / Σ e from two tables.

    Differences are brought to steps of 10 / 65,535 in mode "double". The sum is normalized to 1 + f, rounded
    half up to 16 bits of f; r is looked up, and y = half_up(e · r) in units of 2^−15, at most 1 − 2^−15.

    Parameters
    ----------
    x : int16 array (…, C)
        At most 65,536 classes, whose sum fits int32.
    scale : float32
    beta : float

    Returns
    -------
    int16 array, the shape of `x`

    Notes
    -----
    ``SoftmaxInt16`` (tflite/kernels/internal/reference/softmax.h), one kernel for every kernel set.

    Examples
    --------
    >>> softmax_int16(np.array([[0, 0, 1000]], np.int16), 0.001)
    array([[ 6945,  6945, 18879]], dtype=int16)
    """
    if x.shape[-1] > MOST_CLASSES:
        raise ValueError(f"x must have at most {MOST_CLASSES:,} classes, got {x.shape[-1]:,}")
    below_max = x.astype(np.int64) - x.max(axis=-1, keepdims=True, initial=-(2**15))
    with np.errstate(over="ignore"):
        real = np.float64(np.float32(scale) * np.float32(beta)) / (-LOWEST / 65535)
    if not 0 <= real < 2.0**30:
        raise ValueError(f"scale times beta must be from 0 to 163,842, got {scale} times {beta}")
    steps = multiply_by_quantized_multiplier(below_max, *quantize_multiplier(real)).astype(np.int64)
    e = interpolate(np.clip(steps + 2**15 - 1, -(2**15), 2**15 - 1), EXP)
    total = e.sum(axis=-1, keepdims=True)
    exponent = np.frexp(total.astype(np.float64))[1].astype(np.int64) - 1  # 2^exponent ≤ total
    fraction = (((total << (30 - exponent)) + 2**13) >> 14) - 2**16
    r = interpolate(np.minimum(fraction - 2**15, 2**15 - 1), ONE_OVER_ONE_PLUS_X)
    return np.minimum((e * r + (1 << (exponent - 1))) >> exponent, 2**15 - 1).astype(np.int16)
