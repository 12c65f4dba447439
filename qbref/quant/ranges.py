"""From a range of real numbers to QuantParams.

One requirement fixes the formulas: **the real number 0 must be exactly representable**, because
zero padding, ReLU and sparse weights produce it all the time, and an error there does not average
out. So 0 is always inside the range, and the zero point is an integer:

    (1)  lo ← min(lo, 0),  hi ← max(hi, 0)
    (2)  scale = (hi − lo) / (qmax − qmin)
    (3)  zero_point = clip(round(qmin − lo / scale), qmin, qmax)

Rounding in (3) moves the representable range by at most half a step, so lo and hi stay within half
a step of it. A symmetric range ±m has its zero point in the middle of the integers and needs only

    (4)  scale = max(|lo|, |hi|) / divisor

Source: gemmlowp, doc/quantization.md; Krishnamoorthi, arXiv 1806.08342, sections 2.1 and 2.2.
"""

import numpy as np

from qbref.quant.checks import as_n_bits, check_not_empty
from qbref.quant.granularity import check_granularity, scale_shape
from qbref.quant.params import QuantParams

SYMMETRIC_DIVISORS = ("qmax", "half_span")
SCALE_OF_ZEROS = 1.0


def params_from_range(
    lo,
    hi,
    n_bits=8,
    signed=True,
    symmetric=False,
    narrow_range=False,
    symmetric_divisor="qmax",
    axis=None,
    block_size=None,
    rounding="half_even",
    dtype=None,
):
    """scale = (hi − lo) / (qmax − qmin), zero_point = round(qmin − lo / scale), with 0 in the range.

    Parameters
    ----------
    lo, hi : float or float array
        Smallest and largest real value; arrays (one entry per channel or block) with `axis`.
    n_bits : int
        2 to 16.
    signed : bool
        Integers from −2^(n_bits−1), else from 0.
    symmetric : bool
        Use ±max(|lo|, |hi|) and the middle zero point: 0 if signed, else 2^(n_bits−1).
    narrow_range : bool
        Leave out the lowest integer: [−127, 127] instead of [−128, 127].
    symmetric_divisor : {"qmax", "half_span"}
        Steps from 0 to the largest magnitude. "qmax": the positive integers, 127 for int8 (TFLite
        weights, TensorRT). "half_span": (qmax − qmin) / 2, which is 127.5 (PyTorch observers).
    axis, block_size, rounding, dtype
        As for :class:`QuantParams`.

    Returns
    -------
    QuantParams

    Raises
    ------
    ValueError
        If `n_bits` is out of range, lo > hi, or a bound is NaN or infinite.

    Notes
    -----
    Computed in float64; the scale is then rounded to float32, so hi may end up beyond half a step
    by (qmax − qmin)·2⁻²⁴ of a step: 0.00002 for 8 bits, 0.004 for 16. A subnormal scale is rounded
    up instead, where rounding down could lose a third of the range. A range that holds nothing but
    0 gets scale 1.

    Examples
    --------
    >>> params_from_range(0.0, 25.5)
    QuantParams(scale=0.1, zero_point=-128, [-128, 127])
    >>> params_from_range(-12.7, 6.0, symmetric=True, narrow_range=True)
    QuantParams(scale=0.1, zero_point=0, [-127, 127])
    """
    qmin, qmax = integer_range(n_bits, signed, narrow_range)
    lo, hi = _checked_bounds(lo, hi)
    if symmetric_divisor not in SYMMETRIC_DIVISORS:
        raise ValueError(f"symmetric_divisor must be one of {SYMMETRIC_DIVISORS}, got {symmetric_divisor!r}")
    if symmetric:
        middle = (qmin + qmax + 1) // 2
        divisor = qmax - middle if symmetric_divisor == "qmax" else (qmax - qmin) / 2
        scale = _as_scale(np.maximum(-lo, hi) / divisor)
        zero_point = np.full(scale.shape, middle)
    else:
        scale = _as_scale((hi - lo) / (qmax - qmin))
        zero_point = np.clip(np.rint(qmin - lo / scale), qmin, qmax).astype(np.int32)
    return QuantParams(scale, zero_point, qmin, qmax, axis, block_size, rounding, dtype)


def integer_range(n_bits, signed=True, narrow_range=False):
    """Return (qmin, qmax) of an n-bit integer: (−128, 127), or (−127, 127) when narrow, or (0, 255).

    Examples
    --------
    >>> integer_range(4), integer_range(4, signed=False)
    ((-8, 7), (0, 15))
    """
    n_bits = as_n_bits(n_bits, 2, 16)
    qmin = -(2 ** (n_bits - 1)) if signed else 0
    return qmin + bool(narrow_range), qmin + 2**n_bits - 1


def range_of(x, axis=None, block_size=None):
    """Return (lo, hi) = (min x, max x) of the tensor, of each channel, or of each block.

    Parameters
    ----------
    x : float array, not empty
    axis, block_size : int, optional
        As for :class:`QuantParams`.

    Returns
    -------
    lo, hi : arrays of the dtype of `x`
        Shapes as `scale` has in :class:`QuantParams`; NaN where the data hold NaN.

    Examples
    --------
    >>> range_of(np.array([[1.0, -2.0, 3.0], [4.0, 5.0, 6.0]]), axis=1, block_size=2)
    (array([[-2.,  3.],
           [ 4.,  6.]]), array([[1., 3.],
           [5., 6.]]))
    """
    x = np.asarray(x)
    check_not_empty(x)
    check_granularity("x", scale_shape(x.shape, axis, block_size), axis, block_size)
    if axis is None:
        return x.min(), x.max()
    axis %= x.ndim
    if block_size is None:
        others = tuple(i for i in range(x.ndim) if i != axis)
        return x.min(axis=others), x.max(axis=others)
    starts = np.arange(0, x.shape[axis], block_size)
    return np.minimum.reduceat(x, starts, axis), np.maximum.reduceat(x, starts, axis)


def _checked_bounds(lo, hi):
    lo, hi = np.asarray(lo, np.float64), np.asarray(hi, np.float64)
    if lo.shape != hi.shape:
        raise ValueError(f"lo and hi must have the same shape, got {lo.shape} and {hi.shape}")
    bad = ~(np.isfinite(lo) & np.isfinite(hi) & (lo <= hi))
    if bad.any():
        raise ValueError(
            f"lo and hi must be finite with lo <= hi, got [{lo[bad].flat[0]}, {hi[bad].flat[0]}]"
        )
    return np.minimum(lo, 0.0), np.maximum(hi, 0.0)


def _as_scale(exact):
    """Round a float64 scale to float32: nearest, but up where float32 is subnormal; 0 becomes 1."""
    with np.errstate(over="ignore"):
        scale = exact.astype(np.float32)
    rounded_down = (scale < exact) & (exact < np.finfo(np.float32).smallest_normal)
    scale = np.where(rounded_down, np.nextafter(scale, np.float32(np.inf)), scale)
    return np.where(exact == 0, np.float32(SCALE_OF_ZEROS), scale)
