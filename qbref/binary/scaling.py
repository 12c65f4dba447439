"""The real factor that makes a binary filter resemble the filter it replaces."""

import numpy as np

from qbref.binary.checks import along_axis, as_weights
from qbref.binary.sign import sign
from qbref.binary.surrogate import ste_sign_gradient


def channel_scale(w):
    """alpha[c] = mean |w[c]|, one factor for each output channel.

    Parameters
    ----------
    w : float32 or float64 array, shape (C, ...)
        Weights, output channels first.

    Returns
    -------
    array of the dtype of `w`, shape (C,)

    Raises
    ------
    TypeError, ValueError
        If `w` is not a float array, or has no weights to average.

    Notes
    -----
    Of all real alpha this one minimises Σ (w[c] − alpha · sign w[c])². Rastegari et al., "XNOR-Net",
    arXiv 1603.05279, equation 6. The mean is formed in float64.

    Examples
    --------
    >>> channel_scale(np.array([[1.0, -3.0], [0.5, 0.5]], np.float32))
    array([2. , 0.5], dtype=float32)
    """
    w = as_weights(w)
    return np.abs(w).mean(axis=tuple(range(1, w.ndim)), dtype=np.float64).astype(w.dtype)


def magnitude_aware_sign(w):
    """w_hat[c] = alpha[c] · sign(w[c]), alpha = :func:`channel_scale`.

    Parameters
    ----------
    w : float32 or float64 array, shape (C, ...)
        Weights, output channels first (Larq has them last).

    Returns
    -------
    array of ±alpha in the dtype and shape of `w`

    Notes
    -----
    XNOR-Net's weights under the name they have in Larq and Bi-Real Net.

    Examples
    --------
    >>> magnitude_aware_sign(np.array([[1.0, -3.0], [0.5, 0.5]], np.float32))
    array([[ 2. , -2. ],
           [ 0.5,  0.5]], dtype=float32)
    """
    w = as_weights(w)
    return along_axis(channel_scale(w), w.ndim) * sign(w)


def magnitude_aware_sign_gradient(w, clip_value=1.0, boundary="inclusive"):
    """factor(w[c]) = alpha[c] where |w[c]| ≤ clip_value, else 0: alpha is taken for a constant.

    Parameters
    ----------
    w : float32 or float64 array, shape (C, ...)
    clip_value : float
    boundary : {"inclusive", "exclusive"}
        |w| ≤ clip_value as in Larq, or |w| < clip_value as in the Bi-Real Net paper.

    Returns
    -------
    array in the dtype and shape of `w`

    Notes
    -----
    Liu et al., "Bi-Real Net", arXiv 1808.00278. For gradients that let alpha vary see
    :mod:`qbref.binary.xnor_net`.

    Examples
    --------
    >>> magnitude_aware_sign_gradient(np.array([[1.0, -3.0], [0.5, 0.5]], np.float32))
    array([[2. , 0. ],
           [0.5, 0.5]], dtype=float32)
    """
    w = as_weights(w)
    alpha = along_axis(channel_scale(w), w.ndim)
    return np.where(ste_sign_gradient(w, clip_value, boundary) == 1, alpha, w.dtype.type(0))
