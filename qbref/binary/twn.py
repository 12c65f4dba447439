"""Ternary Weight Networks: w ≈ alpha · q with q in {−1, 0, 1}, by rule of thumb and exactly.

For any threshold Δ the best factor is alpha = mean of |w_i| over |w_i| > Δ, and what remains is to
choose Δ so that (Σ |w_i|)² / count, both over |w_i| > Δ, is largest. The paper sets Δ = 0.7 · mean |w|,
nearly right for normal and for uniform weights; sorting finds the exact optimum.

Li, Zhang and Liu, "Ternary Weight Networks", arXiv 1605.04711.
"""

import numpy as np

from qbref.binary.checks import along_axis, as_weights, check_choice, check_finite, other_axes
from qbref.binary.ternary import ternarize


def twn(w, axis=0):
    """q = ternarize(w, Δ), Δ = 0.7 · mean |w|, alpha = mean of |w| over |w| > Δ.

    Parameters
    ----------
    w : float32 or float64 array, finite, shape (O, ...)
    axis : {0, None}
        One Δ and one alpha for each filter as in the paper, or one for the layer as in the released code.

    Returns
    -------
    q : int8 array, shape of `w`
        −1, 0 and 1; |w| = Δ becomes 0.
    alpha, delta : arrays in the dtype of `w`, shape (O,), or () for the layer
        w_hat = alpha · q. Weights that are all 0 have alpha 0.

    Raises
    ------
    TypeError, ValueError
        If `w` is not a finite float array with output channels, or `axis` is neither 0 nor None.

    Notes
    -----
    The released code is caffe-twns, ``src/caffe/blob.cpp``, ``ternarize_data``. Backward, the gradient
    passes to w unchanged (:func:`qbref.binary.identity_gradient`). Means are formed in float64.

    Examples
    --------
    >>> twn(np.array([[1.0, -2.0, 0.5, 0.1]]))  # mean |w| = 0.9
    (array([[ 1, -1,  0,  0]], dtype=int8), array([1.5]), array([0.63]))
    """
    w = _checked(w, axis)
    delta = 0.7 * np.abs(w).mean(axis=other_axes(w.ndim, axis), dtype=np.float64)
    return _with_threshold(w, delta.astype(w.dtype), axis)


def twn_optimum(w, axis=0):
    """The q in {−1, 0, 1} and alpha ≥ 0 with the least Σ (w − alpha · q)², found by sorting.

    Parameters
    ----------
    w : float32 or float64 array, shape (O, ...)
    axis : {0, None}

    Returns
    -------
    q, alpha, delta
        As :func:`twn` returns them; delta is the largest magnitude that becomes 0, or 0 if none does.

    Raises
    ------
    TypeError, ValueError
        As :func:`twn`.

    Notes
    -----
    If the k largest magnitudes are kept, with sum S_k, the best alpha is S_k / k and the error
    Σ w² − S_k² / k: sort, and take the k with the largest S_k² / k. Any number between the last kept and
    the first dropped magnitude would do as threshold, and alpha / 2 is always one of them.

    Examples
    --------
    >>> twn_optimum(np.array([[1.0, -2.0, 0.75, 0.1]]))  # 4, 9/2, 4.69, 3.71
    (array([[ 1, -1,  1,  0]], dtype=int8), array([1.25]), array([0.1]))
    """
    w = _checked(w, axis)
    rows = np.abs(w).reshape(1 if axis is None else len(w), -1)
    descending = np.sort(rows, axis=1)[:, ::-1]
    k = np.arange(1, rows.shape[1] + 1)
    best = (np.cumsum(descending, axis=1, dtype=np.float64) ** 2 / k).argmax(axis=1)
    first_dropped = np.pad(descending, [(0, 0), (0, 1)])[np.arange(len(rows)), best + 1]
    return _with_threshold(w, first_dropped if axis == 0 else first_dropped[0], axis)


def _checked(w, axis):
    w = as_weights(w)
    check_finite("w", w)
    check_choice("axis", axis, (0, None))
    return w


def _with_threshold(w, delta, axis):
    q = ternarize(w, delta if axis is None else along_axis(delta, w.ndim))
    axes = other_axes(w.ndim, axis)
    kept = np.abs(w * q).sum(axis=axes, dtype=np.float64)
    alpha = kept / np.maximum(np.count_nonzero(q, axis=axes), 1)
    return q.astype(np.int8), alpha.astype(w.dtype), np.asarray(delta, w.dtype)
