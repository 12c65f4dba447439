"""What training uses in place of the derivative of sign, which is 0 everywhere but at 0.

A gradient passes backward through ``sign`` as ``upstream * factor(x)``; these are the factors.
"""

import numpy as np

from qbref.binary.checks import BOUNDARIES, check_choice
from qbref.quant.checks import as_float_array

EXP_UNDERFLOWS = 1000.0  # exp(-1000) is 0 in float64


def ste_sign_gradient(x, clip_value=1.0, boundary="inclusive"):
    """factor(x) = 1 where |x| ≤ clip_value, else 0: the straight-through estimator with saturation.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    clip_value : float
        Half-width of the window, positive.
    boundary : {"inclusive", "exclusive"}
        |x| ≤ clip_value as in Larq, or |x| < clip_value as in the released XNOR-Net code.

    Returns
    -------
    array of 0 and 1 in the dtype and shape of `x`
        0 where `x` is NaN.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a float array, `clip_value` is not positive, or `boundary` is unknown.

    Notes
    -----
    Courbariaux et al., "Binarized Neural Networks", arXiv 1602.02830, equation 4.

    Examples
    --------
    >>> ste_sign_gradient([-1.5, -1.0, 0.0, 0.5])
    array([0., 1., 1., 1.], dtype=float32)
    """
    x = as_float_array(x)
    if not clip_value > 0:
        raise ValueError(f"clip_value must be positive, got {clip_value}")
    check_choice("boundary", boundary, BOUNDARIES)
    inside = np.abs(x) <= clip_value if boundary == "inclusive" else np.abs(x) < clip_value
    return inside.astype(x.dtype)


def approx_sign_gradient(x):
    """factor(x) = 2 − 2|x| where |x| ≤ 1, else 0: the slope of a piecewise quadratic sign.

    Parameters
    ----------
    x : float32 or float64 array, or numbers

    Returns
    -------
    array in the dtype and shape of `x`
        0 where `x` is NaN.

    Notes
    -----
    Liu et al., "Bi-Real Net", arXiv 1808.00278; ``approx_sign`` in Larq. The area under the triangle is
    2, the height of the step it stands for.

    Examples
    --------
    >>> approx_sign_gradient([-1.5, -0.5, 0.0, 1.0])
    array([0., 1., 2., 0.], dtype=float32)
    """
    x = as_float_array(x)
    magnitude = np.abs(x)
    return np.where(magnitude <= 1, 2 - 2 * np.fmin(magnitude, 1), x.dtype.type(0))


def swish_sign_gradient(x, beta=5.0):
    """factor(x) = β (2 − βx tanh(βx / 2)) / (1 + cosh βx): the slope of SignSwish.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    beta : float
        β, positive; the larger, the closer to the derivative of sign.

    Returns
    -------
    array in the dtype and shape of `x`
        NaN where `x` is NaN, 0 where it is infinite.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a float array, or `beta` is not positive and finite.

    Notes
    -----
    Darabi et al., "BNN+", arXiv 1812.11800, with SignSwish(x) = 2σ(βx)(1 + βx(1 − σ(βx))) − 1;
    ``swish_sign`` in Larq. It is negative beyond |βx| ≈ 2.4. Evaluated in float64 with
    1 / (1 + cosh z) = 2e / (1 + e)², e = exp(−|z|), which does not overflow.

    Examples
    --------
    >>> swish_sign_gradient([0.0, 0.5, 1.0]).round(4)
    array([ 5.    , -0.0846, -0.195 ], dtype=float32)
    """
    x = as_float_array(x)
    if not 0 < beta < np.inf:
        raise ValueError(f"beta must be positive and finite, got {beta}")
    with np.errstate(over="ignore"):  # clipped at once
        z = np.clip(beta * x.astype(np.float64), -EXP_UNDERFLOWS, EXP_UNDERFLOWS)
    e = np.exp(-np.abs(z))
    return (beta * (2 - z * np.tanh(z / 2)) * 2 * e / (1 + e) ** 2).astype(x.dtype)


def identity_gradient(x):
    """factor(x) = 1: the plain straight-through estimator, without a window.

    What DoReFa-Net (1-bit weights), Ternary Weight Networks and BitNet b1.58 use. NaN gives 1 as well.

    Examples
    --------
    >>> identity_gradient([-3.0, 0.5])
    array([1., 1.], dtype=float32)
    """
    return np.ones_like(as_float_array(x))
