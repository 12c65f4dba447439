"""BitNet b1.58: weights of −1, 0 and +1 by their mean magnitude, 8-bit activations by their largest.

The straight-through estimator passes gradients to both unchanged. Ma et al., "The Era of 1-bit LLMs",
arXiv 2402.17764; "Training Tips, Code and FAQ" published with it has the released forms.
"""

import numpy as np

from qbref.binary.checks import as_float, check_finite
from qbref.quant.checks import check_not_empty

EPS = 1e-5


def absmean_ternary(w, eps=EPS):
    """q = clip(round(w / (γ + ε)), −1, 1), γ = mean |w|: the paper's form; w_hat = γ · q.

    Parameters
    ----------
    w : float32 or float64 array, finite, not empty
        Weights of one layer.
    eps : float
        ε, positive.

    Returns
    -------
    q : int8 array, shape of `w`
    gamma : scalar in the dtype of `w`

    Raises
    ------
    TypeError, ValueError
        If `w` is not a float array, is empty or not finite, or `eps` is not positive.

    Notes
    -----
    Equations 1 to 3. Halves go to the even integer, so that |w| = (γ + ε) / 2 becomes 0. The mean is
    formed in float64, everything else in the dtype of `w`.

    Examples
    --------
    >>> absmean_ternary(np.array([[1.0, -0.25], [0.5, 0.25]], np.float32))
    (array([[1, 0],
           [1, 0]], dtype=int8), np.float32(0.5))
    """
    w = _checked("w", w, eps)
    gamma = _absmean(w)
    return _round_clip(w / (gamma + w.dtype.type(eps)), -1, 1), gamma


def absmean_ternary_released(w, eps=EPS):
    """q = clip(round(w · s), −1, 1), s = 1 / max(mean |w|, ε): the released form; w_hat = q / s.

    Parameters
    ----------
    w : float32 or float64 array, finite, not empty
    eps : float
        ε, positive.

    Returns
    -------
    q : int8 array, shape of `w`
    scale : scalar in the dtype of `w`
        s, by which q is divided.

    Notes
    -----
    ``weight_quant`` of the released code. It differs from the paper where ε matters (|w| just above
    γ / 2, or γ below ε) and by the rounding of the reciprocal.

    Examples
    --------
    >>> w = np.array([1.0, -0.2500025, 0.5, 0.2499975])  # γ = 0.5, half of it 0.25
    >>> absmean_ternary(w)[0], *absmean_ternary_released(w)
    (array([1, 0, 1, 0], dtype=int8), array([ 1, -1,  1,  0], dtype=int8), np.float64(2.0))
    """
    w = _checked("w", w, eps)
    scale = 1 / np.maximum(_absmean(w), w.dtype.type(eps))
    return _round_clip(w * scale, -1, 1), scale


def absmax_activation(x, n_bits=8, eps=EPS):
    """q = clip(round(x · s), −2^(b−1), 2^(b−1) − 1), s = (2^(b−1) − 1) / max(max |x|, ε) for each token.

    Parameters
    ----------
    x : float32 or float64 array, finite, shape (..., C)
        One token in each row of the last axis.
    n_bits : int
        b, from 2 to 8.
    eps : float
        ε, positive.

    Returns
    -------
    q : int8 array, shape of `x`
    scale : array in the dtype of `x`, shape (..., 1)
        s; x_hat = q / s.

    Notes
    -----
    ``activation_quant`` of the released code, which is for 8 bits. Halves go to the even integer.

    Examples
    --------
    >>> absmax_activation(np.array([[127.0, -63.5, 0.2], [0.0, 0.0, 0.0]]))[0]
    array([[127, -64,   0],
           [  0,   0,   0]], dtype=int8)
    """
    x = _checked("x", x, eps)
    if x.ndim == 0 or not 2 <= n_bits <= 8:
        raise ValueError(f"x must have tokens and n_bits lie in 2..8, got shape {x.shape} and {n_bits}")
    largest = 2 ** (n_bits - 1) - 1
    scale = largest / np.maximum(np.abs(x).max(axis=-1, keepdims=True), x.dtype.type(eps))
    return _round_clip(x * scale, -largest - 1, largest), scale


def _checked(name, values, eps):
    values = as_float(name, values)
    check_not_empty(values)
    check_finite(name, values)
    if not eps > 0:
        raise ValueError(f"eps must be positive, got {eps}")
    return values


def _absmean(w):
    return w.dtype.type(np.abs(w).mean(dtype=np.float64))


def _round_clip(x, lowest, highest):
    return np.clip(np.rint(x), lowest, highest).astype(np.int8)
