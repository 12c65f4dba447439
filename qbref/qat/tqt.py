"""TQT: learned thresholds for power-of-two scales (Jain et al. 2020, arXiv:1903.08066).

    s = 2^ceil(log2 t) / 2^(b-1)  (signed)   or   2^ceil(log2 t) / 2^b  (unsigned)
    q(x; s) = s clip(round(x / s), n, p)                                                     (equation 4)

    dq/dlog2 t = s ln 2 (round(x/s) - x/s)  where n <= round(x/s) <= p,  s ln 2 n below,  s ln 2 p above  (7)
    dq/dx      = 1                          where n <= round(x/s) <= p,  else 0                           (8)

Rounding and ceil count as the identity. The mask looks at the rounded value, unlike LSQ's.
"""

import numpy as np

from qbref.autograd import Tensor, unbroadcast
from qbref.qat.learned import divided
from qbref.quant.ranges import integer_range
from qbref.quant.rounding import ROUNDINGS

FARTHEST = 100  # |log2 t| in use: beyond it nothing is near a float32's range


def tqt_scale(log2_t, n_bits, signed=True):
    """s = 2^ceil(log2 t) / 2^(b-1) if signed, else 2^ceil(log2 t) / 2^b.

    Parameters
    ----------
    log2_t : float32 or float64 array
        In use from -100 to 100.
    n_bits : int
        b.
    signed : bool

    Examples
    --------
    >>> tqt_scale(np.float32(-0.3), n_bits=3)
    array(0.25, dtype=float32)
    """
    exponent = np.ceil(np.clip(log2_t, -FARTHEST, FARTHEST)) - (n_bits - 1 if signed else n_bits)
    return np.asarray(2.0**exponent, dtype=np.asarray(log2_t).dtype)


def tqt_forward(x, log2_t, n_bits, signed=True, rounding="half_even"):
    """q = s clip(round(x / s), n, p), s that of :func:`tqt_scale`.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    log2_t, n_bits, signed
        As in :func:`tqt_scale`.
    rounding : str
        Half to even in the paper, against a bias of all rounding errors together.

    Returns
    -------
    array in the dtype and shape of `x`

    Examples
    --------
    >>> tqt_forward([-3.0, 0.3, 0.8], np.float32(-0.3), 3)
    array([-1.  ,  0.25,  0.75], dtype=float32)
    """
    n, p = integer_range(n_bits, signed)
    s = tqt_scale(log2_t, n_bits, signed)
    return np.clip(ROUNDINGS[rounding](divided(x, s)), n, p) * s


def tqt_backward(upstream, x, log2_t, n_bits, signed=True, rounding="half_even"):
    """dx = upstream [inside], dlog2_t = s ln 2 Σ upstream (round(x/s) - x/s inside, else n or p).

    A value is inside where n <= round(x/s) <= p.

    Parameters
    ----------
    upstream : float array in the shape of `x`
    x, log2_t, n_bits, signed, rounding
        As in :func:`tqt_forward`.

    Returns
    -------
    dx : array in the shape of `x`
    dlog2_t : array in the shape of `log2_t`

    Notes
    -----
    The paper trains log2 t with Adam, whose steps do not depend on the size of s. In Xilinx' Vitis AI
    (pytorch_nndct, ``TQTQuantize``) ties of negative numbers round up; one public implementation leaves out
    the factor s.

    Examples
    --------
    >>> dx, dlog2_t = tqt_backward(np.ones(3), np.array([-3.0, 0.3, 0.8]), np.array(-0.3), 3)
    >>> dx.tolist(), round(dlog2_t.item(), 3)
    ([0.0, 1.0, 1.0], -0.762)
    """
    n, p = integer_range(n_bits, signed)
    s = tqt_scale(log2_t, n_bits, signed)
    step = divided(x, s)
    level = ROUNDINGS[rounding](step)
    inside = (n <= level) & (level <= p)
    slope = np.where(inside, level - np.clip(step, n - 1, p + 1), np.clip(level, n, p))
    return upstream * inside, s * np.log(2) * unbroadcast(upstream * slope, np.shape(log2_t))


def tqt(x, log2_t, n_bits, signed=True, rounding="half_even"):
    """:func:`tqt_forward` of Tensors, differentiated by x and log2 t as :func:`tqt_backward` says.

    Examples
    --------
    >>> x, log2_t = Tensor([-3.0, 9.0]), Tensor(1.0, requires_grad=True)
    >>> tqt(x, log2_t, 3).sum().backward(); round(log2_t.grad.item(), 4)
    -0.3466
    """
    options = n_bits, signed, rounding
    q = np.asarray(tqt_forward(x.data, log2_t.data, *options), x.dtype)
    return Tensor.from_op(
        q, (x, log2_t), lambda upstream: tqt_backward(upstream, x.data, log2_t.data, *options)
    )
