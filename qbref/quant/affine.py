"""Uniform quantization: real numbers to integers and back.

    q     = clip(round(x / scale) + zero_point, qmin, qmax)
    x_hat = scale · (q − zero_point)

The order of the steps is part of the definition. Clipping happens while the value is still a float:
an integer cast of 3e9 would wrap around to a small or negative number instead of saturating.
"""

import numpy as np

from qbref.quant.checks import as_float_array, as_integer_array, check_no_nan, check_within
from qbref.quant.rounding import ROUNDINGS


def quantize(x, p):
    """q = clip(round(x / scale) + zero_point, qmin, qmax).

    Parameters
    ----------
    x : float32 or float64 array, or numbers
        Divided by the scale in its own dtype; a Python number or list is read as float32.
    p : QuantParams

    Returns
    -------
    array of ``p.dtype``, the shape of `x`

    Raises
    ------
    TypeError
        If `x` is an array of another dtype.
    ValueError
        If `x` holds NaN, or its shape does not fit `p`.

    Notes
    -----
    ±inf, and a quotient too large for a float, saturate to qmin or qmax. The zero point is added
    after rounding, as the ONNX operator QuantizeLinear defines.

    Examples
    --------
    >>> from qbref.quant.params import QuantParams
    >>> p = QuantParams(scale=0.5, zero_point=10, qmin=-128, qmax=127)
    >>> quantize([-0.25, 0.75, 3e9], p)
    array([ 10,  12, 127], dtype=int8)
    """
    x = as_float_array(x)
    scale, zero_point = p.expand(x.shape)
    return _nearest_levels(x, scale, zero_point, p).astype(p.dtype)


def dequantize(q, p):
    """x_hat = scale · (q − zero_point), the difference in integers, one float32 multiplication.

    Parameters
    ----------
    q : integer array with values in [qmin, qmax]
    p : QuantParams

    Returns
    -------
    float32 array, the shape of `q`
        A product beyond the largest float32 becomes ±inf.

    Raises
    ------
    TypeError
        If `q` is not an integer array.
    ValueError
        If a value lies outside [qmin, qmax], or the shape does not fit `p`.

    Examples
    --------
    >>> from qbref.quant.params import QuantParams
    >>> p = QuantParams(scale=0.5, zero_point=10, qmin=-128, qmax=127)
    >>> dequantize(np.array([10, 12, 127], np.int8), p)
    array([ 0. ,  1. , 58.5], dtype=float32)
    """
    q = as_integer_array("q", q)
    check_within("q", q, p.qmin, p.qmax)
    scale, zero_point = p.expand(q.shape)
    x_hat = np.asarray(q.astype(np.int32) - zero_point).astype(np.float32)
    with np.errstate(over="ignore"):
        return np.multiply(x_hat, scale, out=x_hat)


def fake_quantize(x, p):
    """x_hat = dequantize(quantize(x, p), p) without the integers in between: float in, float out.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    p : QuantParams

    Returns
    -------
    array of the dtype and shape of `x`
        The same numbers as the round trip through integers, bit for bit.

    Raises
    ------
    TypeError, ValueError
        As :func:`quantize`.

    Examples
    --------
    >>> from qbref.quant.params import QuantParams
    >>> fake_quantize([0.3, 0.74, 9.0], QuantParams(0.5, 0, -4, 3))
    array([0.5, 0.5, 1.5], dtype=float32)
    """
    x = as_float_array(x)
    scale, zero_point = p.expand(x.shape)
    levels = _nearest_levels(x, scale, zero_point, p)
    levels -= zero_point.astype(levels.dtype)  # small integers, exact
    x_hat = levels.astype(np.float32, copy=False)
    with np.errstate(over="ignore"):
        return np.multiply(x_hat, scale, out=x_hat).astype(x.dtype, copy=False)


def _nearest_levels(x, scale, zero_point, p):
    """The quantized values, still as floats, in a fresh array."""
    check_no_nan(x)
    with np.errstate(over="ignore"):
        levels = np.asarray(x / scale)
    ROUNDINGS[p.rounding](levels, out=levels)
    levels += zero_point.astype(levels.dtype)
    return np.clip(levels, p.qmin, p.qmax, out=levels)
