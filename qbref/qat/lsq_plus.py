"""LSQ+: an offset is learned beside the step size (Bhalgat et al. 2020, "LSQ+", arXiv:2004.09576).

    x_hat = s round(clip((x - beta) / s, n, p)) + beta                                       (section 3.1)

    dx_hat/ds    = round(v) - v  where n < v < p,  n below,  p above,     v = (x - beta) / s
    dx_hat/dbeta = 0             where n < v < p,  else 1
    dx_hat/dx    = 1             where n < v < p,  else 0

The paper's beta is a real number, so real 0 need not be a level, and padding with zeros would be inexact.
The layer (:func:`lsq_plus`) rounds beta to whole steps, beta_hat = -s z with an integer zero point z.
"""

import numpy as np

from qbref.autograd import Tensor, unbroadcast
from qbref.qat.learned import divided
from qbref.qat.lsq import lsq_backward
from qbref.quant.checks import as_float_array
from qbref.quant.rounding import ROUNDINGS


def lsq_plus_forward(x, s, beta, n, p):
    """x_hat = s round(clip((x - beta) / s, n, p)) + beta, with the paper's real beta.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    s, beta : float arrays that broadcast to `x`
        `s` positive.
    n, p : int
        Lowest and highest level.

    Returns
    -------
    array in the dtype and shape of `x`

    Notes
    -----
    Ties go to the even level.

    Examples
    --------
    >>> lsq_plus_forward([-1.0, 0.0, 9.0], np.float32(0.5), np.float32(-0.25), 0, 3)
    array([-0.25, -0.25,  1.25], dtype=float32)
    """
    return np.rint(np.clip(divided(as_float_array(x) - beta, s), n, p)) * s + beta


def lsq_plus_backward(upstream, x, s, beta, n, p, g=1.0):
    """dx = upstream [n < v < p], ds = g Σ upstream (round(v) - v inside, else n or p), dbeta = g Σ outside.

    Parameters
    ----------
    upstream : float array in the shape of `x`
    x, s, beta, n, p
        As in :func:`lsq_plus_forward`.
    g : float
        :func:`qbref.qat.lsq_gradient_scale`, as for LSQ.

    Returns
    -------
    dx : array in the shape of `x`
    ds, dbeta : arrays in the shapes of `s` and `beta`

    Examples
    --------
    >>> x, s, beta = np.array([-1.0, -0.125, 9.0]), np.array(0.5), np.array(-0.25)
    >>> dx, ds, dbeta = lsq_plus_backward(np.ones(3), x, s, beta, 0, 3)
    >>> dx.tolist(), ds.item(), dbeta.item()
    ([0.0, 1.0, 0.0], 2.75, 2.0)
    """
    v = np.clip(divided(x - beta, s), n, p)
    inside = (n < v) & (v < p)
    slope = np.where(inside, np.rint(v) - v, v)
    ds = g * unbroadcast(upstream * slope, np.shape(s))
    return upstream * inside, ds, g * unbroadcast(upstream * ~inside, np.shape(beta))


def lsq_plus_zero_point(s, beta, qmin, qmax):
    """z = clip(round(-beta / s), qmin, qmax), an int32 array: real 0 becomes a level.

    Examples
    --------
    >>> lsq_plus_zero_point(np.float32(0.5), np.float32(-0.7), 0, 15)
    array(1, dtype=int32)
    """
    with np.errstate(over="ignore"):
        return np.asarray(np.clip(np.rint(-beta / s), qmin, qmax), np.int32)


def lsq_plus(x, s, beta, qmin, qmax, g=1.0, rounding="half_even"):
    """x_hat = s (clip(round(x/s) + z, qmin, qmax) - z), z that of :func:`lsq_plus_zero_point`.

    The gradients are the paper's at beta_hat = -s z. In terms of LSQ between qmin - z and qmax - z, whose ds
    holds z fixed: at fixed beta a clipped x_hat = s qmin + beta has the slope qmin, greater by z.

    Parameters
    ----------
    x, s, beta : Tensor
        `s` and `beta` single numbers.
    qmin, qmax : int
    g : float
    rounding : str

    Examples
    --------
    >>> x = Tensor([-1.0, 0.125, 9.0])
    >>> s, beta = Tensor(0.5, requires_grad=True), Tensor(-0.4, requires_grad=True)
    >>> y = lsq_plus(x, s, beta, 0, 3); y.data
    array([-0.5,  0. ,  1. ], dtype=float32)
    >>> y.sum().backward(); s.grad.item(), beta.grad.item()
    (2.75, 2.0)
    """
    z = lsq_plus_zero_point(s.data, beta.data, qmin, qmax)
    level = ROUNDINGS[rounding](divided(x.data, s.data))
    x_hat = np.asarray(np.clip(level, qmin - z, qmax - z) * s.data, x.dtype)

    def backward(upstream):
        dx, ds = lsq_backward(upstream, x.data, s.data, qmin - z, qmax - z, rounding=rounding)
        dbeta = (upstream - dx).sum()
        return dx, g * (ds + z * dbeta), g * dbeta

    return Tensor.from_op(x_hat, (x, s, beta), backward)
