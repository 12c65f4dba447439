"""Trained Ternary Quantization: two learned levels, W_p above a threshold and −W_n below its negative.

Zhu, Han, Mao and Dally, "Trained Ternary Quantization", arXiv 1612.01064.
"""

import numpy as np

from qbref.binary.checks import as_float, as_upstream, check_finite
from qbref.binary.ternary import ternarize
from qbref.quant.checks import check_not_empty


def ttq(w, w_p, w_n, t=0.05):
    """w_hat = W_p where w > Δ, −W_n where w < −Δ, else 0, with Δ = t · max |w|.

    Parameters
    ----------
    w : float32 or float64 array, finite, not empty
        Latent weights of one layer.
    w_p, w_n : float
        W_p and W_n, the layer's two learned scales.
    t : float
        In [0, 1).

    Returns
    -------
    array in the dtype and shape of `w`

    Raises
    ------
    TypeError, ValueError
        If `w` is not a float array, is empty or not finite, or `t` is not in [0, 1).

    Notes
    -----
    |w| = Δ becomes 0. (``examples/Ternary-Net/ternary.py`` of the released code would
    make it sign(w), with neither scale.)

    Examples
    --------
    >>> ttq(np.array([2.0, 0.05, -1.0]), w_p=0.5, w_n=0.25)
    array([ 0.5 ,  0.  , -0.25])
    """
    w = as_float("w", w)
    q = _ternary(w, t)
    return _by_sign(q, w_p, 0, -w_n, w.dtype)


def ttq_backward(upstream, w, w_p, w_n, t=0.05):
    """dw = upstream · (W_p, 1 or W_n), dW_p = Σ upstream over w > Δ, dW_n = −Σ upstream over w < −Δ.

    Parameters
    ----------
    upstream : float array, shape of `w`
        Gradient of the loss with respect to w_hat.
    w, w_p, w_n, t
        As in :func:`ttq`.

    Returns
    -------
    dw : array in the dtype and shape of `w`
        The factor is W_p where w > Δ, W_n where w < −Δ, and 1 between.
    dw_p, dw_n : float
        Sums in float64.

    Notes
    -----
    With the sign that w_hat = −W_n calls for, as automatic differentiation gives it in the released code.
    :func:`ttq_backward_paper` is the printed form. Δ is taken for a constant.

    Examples
    --------
    >>> ttq_backward(np.ones(3), np.array([2.0, 0.05, -1.0]), w_p=0.5, w_n=0.25)
    (array([0.5 , 1.  , 0.25]), 1.0, -1.0)
    """
    dw, dw_p, dw_n = ttq_backward_paper(upstream, w, w_p, w_n, t)
    return dw, dw_p, -dw_n


def ttq_backward_paper(upstream, w, w_p, w_n, t=0.05):
    """As :func:`ttq_backward`, but dW_n = +Σ upstream over w < −Δ: the paper's equation 7.

    A step along it raises the loss through W_n, if W_n is the positive scale of ``w_hat = −W_n``.

    Examples
    --------
    >>> ttq_backward_paper(np.ones(3), np.array([2.0, 0.05, -1.0]), w_p=0.5, w_n=0.25)
    (array([0.5 , 1.  , 0.25]), 1.0, 1.0)
    """
    w = as_float("w", w)
    upstream = as_upstream(upstream, w)
    q = _ternary(w, t)
    dw_p, dw_n = (float(upstream[q == side].sum(dtype=np.float64)) for side in (1, -1))
    return (upstream * _by_sign(q, w_p, 1, w_n, w.dtype)).astype(w.dtype, copy=False), dw_p, dw_n


def _ternary(w, t):
    check_not_empty(w)
    check_finite("w", w)
    if not 0 <= t < 1:
        raise ValueError(f"t must be in [0, 1), got {t}")
    return ternarize(w, w.dtype.type(t) * np.abs(w).max())


def _by_sign(q, plus, zero, minus, dtype):
    return np.where(q > 0, plus, np.where(q < 0, minus, zero)).astype(dtype)
