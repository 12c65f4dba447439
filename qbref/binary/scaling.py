"""The real factor that makes a binary filter resemble the filter it replaces."""

import numpy as np

from qbref.quant.checks import as_float_array


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
    w = as_float_array(w)
    if w.ndim < 2 or w.size == 0:
        raise ValueError(f"w must have output channels and weights in each, got shape {w.shape}")
    return np.abs(w).mean(axis=tuple(range(1, w.ndim)), dtype=np.float64).astype(w.dtype)
