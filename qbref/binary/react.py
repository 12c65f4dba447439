"""ReActNet: sign and PReLU with learned shifts for each channel, and the gradients of the shifts.

    RSign(x)  = sign(x − α)
    RPReLU(x) = x − γ + ζ where x > γ,    β (x − γ) + ζ elsewhere

Liu et al., "ReActNet", arXiv 2003.03488; the released code adds its parameters ("LearnableBias"), so that
its biases are −α, −γ and ζ. Sums over a channel are formed in float64.
"""

import numpy as np

from qbref.binary.checks import as_channels, as_float, as_upstream, other_axes
from qbref.binary.sign import sign
from qbref.binary.surrogate import approx_sign_gradient


def rsign(x, alpha, axis=1, at_zero=1):
    """sign(x − α), one α per channel.

    Parameters
    ----------
    x : float32 or float64 array
    alpha : float array, shape (C,), finite
    axis : int
        The channel axis of `x`.
    at_zero : {1, 0, -1}
        The value where x = α: +1 as in this package, 0 as in the released code, −1 as in the paper.

    Returns
    -------
    array in the dtype and shape of `x`

    Raises
    ------
    TypeError, ValueError
        If an argument is not a float array, or `alpha` not one finite number per channel.

    Examples
    --------
    >>> rsign([[0.4, 0.4], [0.6, 0.6]], alpha=[0.5, 0.0])
    array([[-1.,  1.],
           [ 1.,  1.]], dtype=float32)
    """
    return sign(_shifted(x, "alpha", alpha, axis), at_zero)


def rsign_backward(upstream, x, alpha, axis=1, surrogate=approx_sign_gradient):
    """dx = upstream · s(x − α), dα = −Σ dx over each channel, s the surrogate's factor.

    Parameters
    ----------
    upstream : float array, shape of `x`
    x, alpha, axis
        As in :func:`rsign`.
    surrogate : callable, array → array
        By default that of Bi-Real Net, which the released code uses.

    Returns
    -------
    dx : array in the dtype and shape of `x`
    dalpha : array in the dtype of `x`, shape (C,)

    Examples
    --------
    >>> rsign_backward([[1.0, 1.0]], [[0.5, 3.0]], alpha=[0.0, 0.0])
    (array([[1., 0.]], dtype=float32), array([-1.,  0.], dtype=float32))
    """
    x = as_float("x", x)
    upstream = as_upstream(upstream, x)
    dx = (upstream * surrogate(_shifted(x, "alpha", alpha, axis))).astype(x.dtype, copy=False)
    return dx, _sum_per_channel(-dx, axis)


def rsign_backward_paper(upstream, x, alpha, axis=1):
    """As :func:`rsign_backward`, but dα = −Σ upstream: the paper's ∂RSign/∂α = −1, without a window.

    Examples
    --------
    >>> rsign_backward_paper([[1.0, 1.0]], [[0.5, 3.0]], alpha=[0.0, 0.0])
    (array([[1., 0.]], dtype=float32), array([-1., -1.], dtype=float32))
    """
    dx, _ = rsign_backward(upstream, x, alpha, axis)
    return dx, _sum_per_channel(-as_float("upstream", upstream), axis).astype(dx.dtype, copy=False)


def rprelu(x, beta, gamma, zeta, axis=1):
    """x − γ + ζ where x > γ, β (x − γ) + ζ elsewhere, with β, γ and ζ per channel.

    Parameters
    ----------
    x : float32 or float64 array
    beta, gamma, zeta : float arrays, shape (C,), finite
        Slope below the kink, and its place: (γ, ζ).
    axis : int
        The channel axis of `x`.

    Returns
    -------
    array in the dtype and shape of `x`

    Raises
    ------
    TypeError, ValueError
        If an argument is not a float array, or a parameter not one finite number per channel.

    Examples
    --------
    >>> rprelu([[0.0, 3.0]], beta=[0.25, 0.25], gamma=[1.0, 1.0], zeta=[0.5, 0.5])
    array([[0.25, 2.5 ]], dtype=float32)
    """
    x = as_float("x", x)
    beta, zeta = as_channels("beta", beta, x, axis), as_channels("zeta", zeta, x, axis)
    shifted = _shifted(x, "gamma", gamma, axis)
    y = np.maximum(shifted, 0) + beta * np.minimum(shifted, 0) + zeta
    return y.astype(x.dtype, copy=False)


def rprelu_backward(upstream, x, beta, gamma, axis=1):
    """dx = upstream · f', dβ = Σ upstream (x − γ) [x ≤ γ], dγ = −Σ upstream f', dζ = Σ upstream.

    f' is 1 where x > γ and β elsewhere; the sums run over each channel.

    Parameters
    ----------
    upstream : float array, shape of `x`
    x, beta, gamma, axis
        As in :func:`rprelu`.

    Returns
    -------
    dx : array in the dtype and shape of `x`
    dbeta, dgamma, dzeta : arrays in the dtype of `x`, shape (C,)

    Examples
    --------
    >>> dx, dbeta, dgamma, dzeta = rprelu_backward([[1.0], [1.0]], [[0.0], [3.0]], beta=[0.25], gamma=[1.0])
    >>> dx.tolist(), dbeta.tolist(), dgamma.tolist(), dzeta.tolist()
    ([[0.25], [1.0]], [-1.0], [-1.25], [2.0])
    """
    x = as_float("x", x)
    upstream = as_upstream(upstream, x)
    beta = as_channels("beta", beta, x, axis)
    shifted = _shifted(x, "gamma", gamma, axis)
    above = shifted > 0
    dx = (upstream * np.where(above, 1, beta)).astype(x.dtype, copy=False)
    terms = (upstream * np.minimum(shifted, 0), -dx, upstream)
    return dx, *(_sum_per_channel(term, axis).astype(x.dtype, copy=False) for term in terms)


def _shifted(x, name, shift, axis):
    x = as_float("x", x)
    with np.errstate(over="ignore"):  # to ±inf, on the right side
        return (x - as_channels(name, shift, x, axis)).astype(x.dtype, copy=False)


def _sum_per_channel(values, axis):
    return values.sum(axis=other_axes(values.ndim, axis), dtype=np.float64).astype(values.dtype)
