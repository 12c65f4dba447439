"""What training uses in place of the derivative of sign, which is 0 everywhere but at 0.

A gradient passes backward through ``sign`` as ``upstream * factor(x)``; these are the factors.
"""

import numpy as np

from qbref.quant.checks import as_float_array

BOUNDARIES = ("inclusive", "exclusive")


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
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary must be one of {BOUNDARIES}, got {boundary!r}")
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
