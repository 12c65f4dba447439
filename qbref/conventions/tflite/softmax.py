"""SOFTMAX along the last axis; int8 with output scale 1/256, zero point −128."""

import numpy as np

from qbref.conventions.arithmetic import saturate
from qbref.conventions.parts import parts
from qbref.conventions.tflite.fixed_point import (
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from qbref.conventions.tflite.gemmlowp import exp_on_negative_values, one_over_one_plus_x
from qbref.conventions.tflite.softmax_int16 import softmax_int16
from qbref.conventions.tflite.tensors import as_kernels, as_quantized, as_scale
from qbref.quant.rounding import round_half_away

INTEGER_BITS = 5
SUM_INTEGER_BITS = 12
STEEPEST = 2.0**30 - 1
"""Here, at scale · beta = 16, one step down is e^−16 already, which is 0 in the result."""


def softmax(x, scale, beta=1.0, kernels="ref"):
    """y = round(256 · exp(β s (x − max)) / Σ exp(β s (x − max))) − 128; for int16 round(2^15 · …).

    ``"ref"``
        Fixed point throughout: differences in Q5.26, exponentials in Q0.31, their sum in Q12.19, its
        reciprocal by Newton's method. Differences below −31 / (β s), roughly, count as e^−∞ = 0.
    ``"opt"``, ``"xnnpack"``
        t[v] = f32(exp(−s β v)), v = max − x; their float32 sum, in order;
        clip(half_away(f32(t · inverse)) − 128) with inverse = f32(1 / f32(sum · f32(1/256))).
    int16
        :func:`~qbref.conventions.tflite.softmax_int16.softmax_int16` in every kernel set.

    Parameters
    ----------
    x : int8 or int16 array (…, C)
        Its zero point cancels.
    scale : float32
    beta : float
        Rounded to float32, as model files hold it. For int8 and "ref" scale · beta must exceed 2^−26.
    kernels : {"ref", "opt", "xnnpack"}

    Returns
    -------
    array of the dtype and shape of `x`

    Notes
    -----
    "ref" is integer arithmetic, verified bit for bit (LiteRT 2.3.0; gemmlowp fixedpoint.h). Where Σ exp is at
    least 512 the runtime aborts, and y is −128 here. "opt" depends on the C library's expf; here exp is
    evaluated in float64 and rounded.

    Examples
    --------
    >>> softmax(np.array([[0, 0, 10]], np.int8), 0.1)
    array([[-74, -74,  19]], dtype=int8)
    """
    kernels, x, scale = as_kernels(kernels), as_quantized("x", x, np.int8, np.int16), as_scale(scale)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"x must have at least one class on its last axis, got shape {x.shape}")
    with np.errstate(over="ignore"):
        beta = np.float32(beta)
    if not np.isfinite(beta):
        raise ValueError(f"beta must be finite in float32, got {beta}")
    rule = softmax_int16 if x.dtype == np.int16 else _fixed_point if kernels == "ref" else _table
    rows = x.reshape(1, -1, x.shape[-1])
    y = np.empty_like(rows)
    for part in parts(y):
        y[part] = rule(rows[part], scale, beta)
    return y.reshape(x.shape)


def _table(x, scale, beta):
    below_max = x.astype(np.int64) - x.max(axis=-1, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):  # scale · beta may be infinite
        exponents = -scale * beta * np.arange(256, dtype=np.float32)
        t = np.exp(exponents.astype(np.float64)).astype(np.float32)[-below_max]
        total = np.add.accumulate(t, axis=-1)[..., -1:]
        inverse = np.float32(1) / (total * np.float32(1 / 256))
        level = np.fmin(round_half_away(t * inverse), np.float32(255))  # NaN is 255
    return saturate(level - 128, -128, 127, np.int8)


def _fixed_point(x, scale, beta):
    below_max = x.astype(np.int64) - x.max(axis=-1, keepdims=True)
    real = np.float64(beta) * np.float64(scale) * 2 ** (31 - INTEGER_BITS)
    if not real > 1:
        raise ValueError(f"scale times beta must exceed 2^-26, got {scale} times {beta}")
    multiplier, shift = quantize_multiplier(min(real, STEEPEST))
    smallest = -int((2**INTEGER_BITS - 1) * 2.0 ** (31 - INTEGER_BITS) / 2.0 ** int(shift))
    counted = below_max >= smallest
    scaled = saturating_rounding_doubling_high_mul(
        np.where(counted, below_max, 0) << np.int64(shift), multiplier
    )
    exponentials = np.where(counted, exp_on_negative_values(scaled), 0)
    total = rounding_divide_by_pot(exponentials, SUM_INTEGER_BITS).sum(axis=-1, keepdims=True, dtype=np.int64)
    headroom = 32 - np.frexp(total.astype(np.float64))[1]  # leading zeros of the 32-bit sum
    inverse = one_over_one_plus_x((total << headroom) - 2**31)
    exponent = SUM_INTEGER_BITS - headroom + 31 - 8
    quotient = saturating_rounding_doubling_high_mul(inverse, exponentials)
    level = np.where(counted, rounding_divide_by_pot(quotient.astype(np.int64), exponent), 0)
    return saturate(level - 128, -128, 127, np.int8)
