"""TensorFlow's FakeQuantWithMinMaxVars: both ends of the range are learned, and nudged so that 0 is a level.

    s  = (max - min) / (q_max - q_min),   z = clip(round_half_away(q_min - min / s), q_min, q_max)
    nmin = (q_min - z) s,   nmax = (q_max - z) s
    y  = s floor((clip(x, nmin, nmax) - nmin) / s - q_zero + 1/2),    q_zero = floor(-nmin / s + 1/2)

    dx = upstream [nmin <= x <= nmax],   dmin = Σ upstream [x < nmin],   dmax = Σ upstream [x > nmax]

with levels q_min = 0 (1 for the narrow range) to q_max = 2^b - 1, every step in float32. Source:
tensorflow/core/kernels/fake_quant_ops_functor.h.
"""

import numpy as np

from qbref.autograd import Tensor
from qbref.qat.learned import LEAST, divided
from qbref.quant.checks import as_float_array, check_no_nan
from qbref.quant.rounding import ROUNDINGS, round_half_away


def tf_nudge(low, high, n_bits=8, narrow_range=False):
    """Scale and zero point of the nudged range: min and max moved, together, until 0 is a level.

    Parameters
    ----------
    low, high : float array, one number each
        ``low <= high``; a range beside 0 is moved to it, and a scale is at least 2**-100.
    n_bits : int
    narrow_range : bool
        Leave out level 0.

    Returns
    -------
    scale : float32 array
    zero_point : int

    Examples
    --------
    >>> tf_nudge(np.float32(-0.125), np.float32(63.625))
    (np.float32(0.25), 1)
    """
    qmin, qmax = int(narrow_range), 2**n_bits - 1
    scale = np.maximum((high - low) / (qmax - qmin), high.dtype.type(LEAST))
    with np.errstate(over="ignore"):
        zero_point = np.clip(round_half_away(qmin - low / scale), qmin, qmax)
    return scale, int(zero_point)


def _nudged_range(low, high, n_bits, narrow_range):
    """(nmin, nmax, scale)."""
    scale, zero_point = tf_nudge(low, high, n_bits, narrow_range)
    qmin, qmax = int(narrow_range), 2**n_bits - 1
    return (qmin - zero_point) * scale, (qmax - zero_point) * scale, scale


def tf_minmax_forward(x, low, high, n_bits=8, narrow_range=False):
    """y of the formulas above, bit for bit what TensorFlow's CPU kernel gives for float32.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    low, high : float arrays, one number each
        ``low < high``, or both 0, which makes every y zero.
    n_bits : int
    narrow_range : bool

    Returns
    -------
    array in the dtype and shape of `x`

    Examples
    --------
    >>> tf_minmax_forward([-0.3, -0.1, 0.1, 70.0], np.float32(-0.125), np.float32(63.625))
    array([-0.25,  0.  ,  0.  , 63.5 ], dtype=float32)
    """
    x = as_float_array(x)
    check_no_nan(x)
    if low == 0 and high == 0:
        return np.zeros_like(x)
    nmin, nmax, scale = _nudged_range(low, high, n_bits, narrow_range)
    zero = np.floor(-nmin * (1 / scale) + x.dtype.type(0.5))
    level = np.floor((np.clip(x, nmin, nmax) - nmin) / scale - zero + x.dtype.type(0.5))
    return level * scale


def tf_minmax_backward(upstream, x, low, high, n_bits=8, narrow_range=False):
    """dx, dmin and dmax of the formulas above.

    Parameters
    ----------
    upstream : float array in the shape of `x`
    x, low, high, n_bits, narrow_range
        As in :func:`tf_minmax_forward`.

    Returns
    -------
    dx : array in the shape of `x`
    dlow, dhigh : numbers

    Notes
    -----
    The ends belong to the inside, and the mask looks at x itself, not at its level. Rounding counts as the
    identity and the nudging as constant, so only clipped values move the range.

    Examples
    --------
    >>> x, low, high = np.array([-0.3, -0.25, 0.1, 70.0]), np.array(-0.125), np.array(63.625)
    >>> dx, dlow, dhigh = tf_minmax_backward(np.array([1.0, 2.0, 3.0, 4.0]), x, low, high)
    >>> dx.tolist(), dlow.item(), dhigh.item()
    ([0.0, 2.0, 3.0, 0.0], 1.0, 4.0)
    """
    x = as_float_array(x)
    if low == 0 and high == 0:
        return upstream, 0 * low, 0 * high
    nmin, nmax, _ = _nudged_range(low, high, n_bits, narrow_range)
    below, above = x < nmin, x > nmax
    return upstream * ~(below | above), (upstream * below).sum(), (upstream * above).sum()


def tf_minmax(x, low, high, n_bits=8, rounding="half_even"):
    """y = s (clip(round(x/s) + z, 0, 2^b - 1) - z), s and z by :func:`tf_nudge`; backward, as in TensorFlow.

    :func:`tf_minmax_forward` as the QuantParams of a network have it: of TensorFlow's values these differ in
    nothing but the rule for ties and the rounding of float32.

    Parameters
    ----------
    x, low, high : Tensor
    n_bits : int
    rounding : str

    Examples
    --------
    >>> x, high = Tensor([-0.3, 0.1, 70.0]), Tensor(63.625, requires_grad=True)
    >>> y = tf_minmax(x, Tensor(-0.125), high); y.data
    array([-0.25,  0.  , 63.5 ], dtype=float32)
    >>> y.sum().backward(); high.grad.item()
    1.0
    """
    scale, zero_point = tf_nudge(low.data, high.data, n_bits)
    level = ROUNDINGS[rounding](divided(x.data, scale)) + zero_point
    y = np.asarray((np.clip(level, 0, 2**n_bits - 1) - zero_point) * scale, x.dtype)

    def backward(upstream):
        return tf_minmax_backward(upstream, x.data, low.data, high.data, n_bits)

    return Tensor.from_op(y, (x, low, high), backward)
