"""Three levels: −1, 0 and +1, apart by a threshold."""

import numpy as np

from qbref.binary.checks import BOUNDARIES, check_choice
from qbref.quant.checks import as_float_array, check_not_empty


def ternarize(x, threshold, boundary="exclusive"):
    """+1 where x > threshold, −1 where x < −threshold, else 0.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    threshold : float or array that broadcasts against `x`
        Δ, not negative; compared in the dtype of `x`.
    boundary : {"exclusive", "inclusive"}
        What |x| = Δ becomes: 0, as the papers (TWN, TTQ) write, or ±1, as Larq's code has it. 0 stays 0.

    Returns
    -------
    array of −1, 0 and 1 in the dtype and shape of `x`
        0 where `x` is NaN.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a float array, `threshold` is negative or NaN, or `boundary` is unknown.

    Examples
    --------
    >>> ternarize([-2.0, -0.5, 0.25, 0.5, 0.75], 0.5)
    array([-1.,  0.,  0.,  0.,  1.], dtype=float32)
    >>> ternarize([-2.0, -0.5, 0.25, 0.5, 0.75], 0.5, boundary="inclusive")
    array([-1., -1.,  0.,  1.,  1.], dtype=float32)
    """
    x = as_float_array(x)
    check_choice("boundary", boundary, BOUNDARIES)
    threshold = np.asarray(threshold, x.dtype)
    if not (threshold >= 0).all():
        raise ValueError(f"threshold must not be negative, got {threshold.min()}")
    magnitude = np.abs(x)
    outside = magnitude > threshold if boundary == "exclusive" else magnitude >= threshold
    return np.where(outside, np.sign(x), x.dtype.type(0))


def ste_tern(x, threshold_value=0.05, ternary_weight_networks=False):
    """±1 where |x| ≥ Δ, else 0, with Δ = threshold_value or Δ = 0.7 · mean |x|: Larq's ternary.

    Parameters
    ----------
    x : float32 or float64 array, or numbers, not empty
    threshold_value : float
        Δ, unless the next argument is set.
    ternary_weight_networks : bool
        Take Δ from `x`. This is not quite :func:`qbref.binary.twn`: the mean runs over the whole array, and
        no alpha is multiplied.

    Returns
    -------
    array of −1, 0 and 1 in the dtype and shape of `x`

    Notes
    -----
    larq 0.14.0, ``larq/quantizers.py``, whose documentation leaves |x| = Δ open and whose code makes it ±1.
    The gradient is :func:`qbref.binary.ste_sign_gradient`.

    Examples
    --------
    >>> ste_tern([-0.5, -0.05, 0.02, 0.06])
    array([-1., -1.,  0.,  1.], dtype=float32)
    >>> ste_tern([-2.0, -0.5, 0.25, 0.75], ternary_weight_networks=True)  # Δ = 0.7 · 3.5 / 4 = 0.6125
    array([-1.,  0.,  0.,  1.], dtype=float32)
    """
    x = as_float_array(x)
    check_not_empty(x)
    if ternary_weight_networks:
        threshold_value = 0.7 * np.abs(x).mean(dtype=np.float64)
    return ternarize(x, threshold_value, boundary="inclusive")
