"""TensorFlow's FakeQuantWithMinMaxVars: a range given by its ends, nudged until 0 is a level.

    s    = (max − min) / (qmax − qmin),   qmax = 2^bits − 1, qmin = 1 for the narrow range, else 0
    z    = clip(half_away(qmin − min / s), qmin, qmax)
    nmin = (qmin − z) · s,   nmax = (qmax − z) · s
    y    = ⌊(clip(x, nmin, nmax) − nmin) / s − ⌊−nmin · (1/s) + ½⌋ + ½⌋ · s

every step in float32, with subnormal numbers flushed to 0. Verified bit for bit, TensorFlow 2.21.0 on x86-64
(fake_quant_ops_functor.h). The quantizer of :mod:`qbref.qat.tf_minmax` trains with the same formulas; it
lives with Tensor, refuses NaN and holds a least scale, none of which TensorFlow's operator does, so the rule
is written here on its own.
"""

import numpy as np

from qbref.conventions.tflite.tensors import as_float32
from qbref.quant.checks import as_n_bits
from qbref.quant.rounding import round_half_away

HALF = np.float32(0.5)


def nudge(minimum, maximum, num_bits=8, narrow_range=False):
    """The range (nmin, nmax) and the scale s of the formulas above.

    Parameters
    ----------
    minimum, maximum : float32, or arrays
        minimum ≤ 0 ≤ maximum; a range beside 0 is moved to it.
    num_bits : int
        2 to 16.
    narrow_range : bool

    Returns
    -------
    nmin, nmax, s : float32, the shape of the ends

    Examples
    --------
    >>> nmin, nmax, s = nudge(-1.0, 1.0)  # qmin − min / s is 127.49999 in float32
    >>> print(nmin, nmax)
    -0.9960785 1.0039216
    """
    num_bits = as_n_bits(num_bits, 2, 16)
    minimum, maximum = _flushed(as_float32("minimum", minimum)), _flushed(as_float32("maximum", maximum))
    if not (minimum <= maximum).all():
        raise ValueError(f"minimum must not exceed maximum, got {minimum} and {maximum}")
    qmin, qmax = np.float32(bool(narrow_range)), np.float32(2**num_bits - 1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        s = (maximum - minimum) / (qmax - qmin)
        z = np.clip(round_half_away(qmin - minimum / s), qmin, qmax)
        return (qmin - z) * s, (qmax - z) * s, s


def fake_quant_with_min_max_vars(x, minimum, maximum, num_bits=8, narrow_range=False):
    """y of the formulas above.

    Parameters
    ----------
    x : float32 array
    minimum, maximum : float32
        Both 0 make every y 0.
    num_bits : int
        2 to 16.
    narrow_range : bool
        Leave out level 0.

    Returns
    -------
    float32 array, the shape of `x`

    Notes
    -----
    Rounding is half up, of a quotient, after the zero point has been taken off: all three differ from
    TFLite's QUANTIZE. ±inf saturate, NaN stays NaN.

    Examples
    --------
    >>> fake_quant_with_min_max_vars([-0.3, -0.1, 0.1, 70.0], -0.125, 63.625)
    array([-0.25,  0.  ,  0.  , 63.5 ], dtype=float32)
    """
    x = as_float32("x", x)
    nmin, nmax, s = nudge(minimum, maximum, num_bits, narrow_range)
    if np.ndim(s):
        raise ValueError(f"minimum and maximum must be one number each, got shape {np.shape(s)}")
    return np.zeros_like(x) if s == 0 else _levels(x, nmin, nmax, s)


def fake_quant_with_min_max_vars_per_channel(x, minimum, maximum, num_bits=8, narrow_range=False):
    """The same with one range for each channel, the last axis of x.

    Parameters
    ----------
    x : float32 array (…, C)
    minimum, maximum : float32 array (C,)
    num_bits, narrow_range
        As for :func:`fake_quant_with_min_max_vars`.

    Examples
    --------
    >>> fake_quant_with_min_max_vars_per_channel([[0.3, 0.3]], [-0.5, -2.0], [1.0, 4.0], num_bits=2)
    array([[0.5, 0. ]], dtype=float32)
    """
    x = as_float32("x", x)
    nmin, nmax, s = nudge(minimum, maximum, num_bits, narrow_range)
    if x.ndim == 0 or np.shape(s) != x.shape[-1:]:
        raise ValueError(f"minimum must have one value per channel of x, got {np.shape(s)} and {x.shape}")
    return np.where(s == 0, np.float32(0), _levels(x, nmin, nmax, np.where(s == 0, np.float32(1), s)))


def fake_quant_with_min_max_vars_gradient(upstream, x, minimum, maximum, num_bits=8, narrow_range=False):
    """dx = upstream · [nmin ≤ x ≤ nmax],  dmin = Σ upstream · [x < nmin],  dmax = Σ upstream · [x > nmax].

    Parameters
    ----------
    upstream : float32 array, the shape of `x`
    x, minimum, maximum, num_bits, narrow_range
        As for :func:`fake_quant_with_min_max_vars`.

    Returns
    -------
    dx : float32 array
    dmin, dmax : float32

    Notes
    -----
    The ends belong to the inside, and x is compared, not its level. dx is exact; the sums are float32 in
    NumPy's order, TensorFlow's in its own. With both ends 0, dx is upstream and the sums are 0.

    Examples
    --------
    >>> upstream, x = [1, 2, 3, 4], [-0.3, -0.25, 0.1, 70]
    >>> dx, dmin, dmax = fake_quant_with_min_max_vars_gradient(upstream, x, -0.125, 63.625)
    >>> dx, float(dmin), float(dmax)
    (array([0., 2., 3., 0.], dtype=float32), 1.0, 4.0)
    """
    upstream, x = as_float32("upstream", upstream), as_float32("x", x)
    if upstream.shape != x.shape:
        raise ValueError(f"upstream must have the shape of x, {x.shape}, got {upstream.shape}")
    nmin, nmax, s = nudge(minimum, maximum, num_bits, narrow_range)
    if np.ndim(s):
        raise ValueError(f"minimum and maximum must be one number each, got shape {np.shape(s)}")
    if s == 0:
        return upstream, np.float32(0), np.float32(0)
    x = _flushed(x)
    inside = (nmin <= x) & (x <= nmax)
    with np.errstate(over="ignore", invalid="ignore"):
        dmin, dmax = (np.where(beside, upstream, np.float32(0)).sum() for beside in (x < nmin, x > nmax))
    return np.where(inside, upstream, np.float32(0)), dmin, dmax


def _levels(x, nmin, nmax, s):
    with np.errstate(over="ignore", invalid="ignore"):
        zero_level = np.floor(-nmin * _flushed(np.float32(1) / s) + HALF)
        steps = (np.clip(x, nmin, nmax) - nmin) / s
        return np.floor(steps - zero_level + HALF) * s


def _flushed(x):
    """`x` with subnormal numbers replaced by 0, as TensorFlow's arithmetic sees them."""
    return np.where(np.abs(x) < np.finfo(np.float32).smallest_normal, np.float32(0), x)
