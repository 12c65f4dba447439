"""LSQ: the step size is a parameter (Esser et al. 2020, "Learned Step Size Quantization", arXiv:1902.08153).

    v_hat = s round(clip(v / s, -Q_N, Q_P))                                     (equations 1 and 2)

    dv_hat/ds = round(v/s) - v/s  where -Q_N < v/s < Q_P,  -Q_N below,  Q_P above       (equation 3)
    dv_hat/dv = 1                 where -Q_N < v/s < Q_P,  else 0                       (equation 5)

Here qmin = -Q_N and qmax = Q_P. (3) treats rounding as the identity: the true derivative by s, between the
jumps of the staircase, is round(v/s); -v/s stands for the jumps. Outside the range (3) is the true one.
"""

import numpy as np

from qbref.autograd import Tensor, unbroadcast
from qbref.qat.learned import divided
from qbref.quant.rounding import ROUNDINGS


def lsq_forward(v, s, qmin, qmax, rounding="half_even"):
    """v_hat = s round(clip(v / s, qmin, qmax)).

    Parameters
    ----------
    v : float32 or float64 array, or numbers
    s : float array that broadcasts to `v`
        Positive: one step size, or one per channel in the shape (C, 1, …).
    qmin, qmax : int
    rounding : str

    Returns
    -------
    array in the dtype and shape of `v`

    Examples
    --------
    >>> lsq_forward([-3.0, 0.3, 0.8], np.float32(0.5), -2, 1)
    array([-1. ,  0.5,  0.5], dtype=float32)
    """
    return ROUNDINGS[rounding](np.clip(divided(v, s), qmin, qmax)) * s


def lsq_backward(upstream, v, s, qmin, qmax, g=1.0, rounding="half_even"):
    """dv = upstream [qmin < v/s < qmax], ds = g Σ upstream (round(v/s) - v/s inside, else qmin or qmax).

    Parameters
    ----------
    upstream : float array in the shape of `v`
    v, s, qmin, qmax, rounding
        As in :func:`lsq_forward`.
    g : float
        :func:`lsq_gradient_scale`.

    Returns
    -------
    dv : array in the shape of `v`
    ds : array in the shape of `s`

    Notes
    -----
    At the ends themselves, v/s = qmin or qmax, a value counts as outside. Implementations on automatic
    differentiation let its gradient pass, and PyTorch's ``_fake_quantize_learnable_per_tensor_affine`` does
    so for whatever still rounds into the range, up to qmax + 1/2, with ds = qmax - v/s there instead of qmax.

    Examples
    --------
    >>> dv, ds = lsq_backward(np.ones(3), np.array([-3.0, 0.3, 0.8]), np.array(0.5), -2, 1)
    >>> dv.tolist(), round(ds.item(), 3)
    ([0.0, 1.0, 0.0], -0.6)
    """
    level = np.clip(divided(v, s), qmin, qmax)
    inside = (qmin < level) & (level < qmax)
    slope = np.where(inside, ROUNDINGS[rounding](level) - level, level)
    return upstream * inside, g * unbroadcast(upstream * slope, np.shape(s))


def lsq_gradient_scale(count, qmax):
    """g = 1 / sqrt(N Q_P), which brings the steps of s and of the weights to one relative size (section 2.2).

    Parameters
    ----------
    count : int
        N: weights that share the step size, or features of one sample.
    qmax : int

    Notes
    -----
    Public implementations often count the features of the whole batch, which makes g depend on its size.

    Examples
    --------
    >>> lsq_gradient_scale(100, 4)
    0.05
    """
    return float(1 / np.sqrt(count * qmax))


def lsq_initial_step(mean_magnitude, qmax):
    """s = 2 <|v|> / sqrt(Q_P) (section 2.1); 1 where there is nothing but zeros.

    Examples
    --------
    >>> lsq_initial_step(np.array([0.5, 0.0], np.float32), 4)
    array([0.5, 1. ], dtype=float32)
    """
    step = 2 * mean_magnitude / np.sqrt(qmax)
    return np.where(mean_magnitude > 0, step, 1).astype(np.float32)


def lsq(v, s, qmin, qmax, g=1.0, rounding="half_even"):
    """:func:`lsq_forward` of Tensors, differentiated by v and by s as :func:`lsq_backward` says.

    Parameters
    ----------
    v, s : Tensor
        As in :func:`lsq_forward`.
    qmin, qmax, g, rounding
        As in :func:`lsq_backward`.

    Examples
    --------
    >>> v, s = Tensor([-3.0, 0.25, 0.75]), Tensor(0.5, requires_grad=True)
    >>> lsq(v, s, -2, 1).sum().backward(); s.grad.item()
    -1.5
    """
    v_hat = lsq_forward(v.data, s.data, qmin, qmax, rounding).astype(v.dtype, copy=False)

    def backward(upstream):
        return lsq_backward(upstream, v.data, s.data, qmin, qmax, g, rounding)

    return Tensor.from_op(v_hat, (v, s), backward)
