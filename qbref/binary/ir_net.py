"""IR-Net: balanced, standardized weights forward (Libra-PB), a tanh that sharpens backward (EDE).

Qin et al., "Forward and Backward Information Retention for Accurate Binary Neural Networks",
arXiv 1909.10788.
"""

import numpy as np

from qbref.binary.checks import along_axis, as_upstream, as_weights, check_finite
from qbref.binary.sign import sign
from qbref.quant.checks import as_float_array


def standardize(w, correction=1):
    """w_std = (w − mean w) / σ(w), for each output channel.

    Parameters
    ----------
    w : float32 or float64 array, shape (O, ...)
    correction : {1, 0}
        σ² = Σ (w − mean w)² / (n − correction): 1 as ``torch.std`` in the released code, 0 the population's.

    Returns
    -------
    array in the dtype and shape of `w`

    Raises
    ------
    TypeError, ValueError
        If `w` is not a finite float array with output channels, or the weights of a channel are all equal.

    Notes
    -----
    Mean and deviation are formed in float64. Centered weights have as many + as − signs, roughly, which
    is the most information a bit can hold.

    Examples
    --------
    >>> standardize(np.array([[1.0, 2.0, 3.0]]))
    array([[-1.,  0.,  1.]])
    """
    w = as_weights(w)
    return _standardized(w, correction)[0].astype(w.dtype)


def libra_pb(w, correction=1):
    """B = sign(w_std), s = round(log2 mean |w_std|) for each output channel; w_hat = B · 2^s.

    Parameters
    ----------
    w : float32 or float64 array, shape (O, ...)
    correction : {1, 0}
        See :func:`standardize`.

    Returns
    -------
    b : int8 array of ±1, shape of `w`
    s : int32 array, shape (O,)
        The shift that stands in for the real factor alpha.

    Raises
    ------
    TypeError, ValueError
        As :func:`standardize`.

    Notes
    -----
    Section 3.2. A weight at its channel's mean gives +1 (``torch.sign`` in the released code: 0). log2 is
    half an integer for no float, so rounding has no ties.

    Examples
    --------
    >>> libra_pb(np.array([[1.0, 2.0, 4.0], [-30.0, 1.0, 1.0]]))
    (array([[-1, -1,  1],
           [-1,  1,  1]], dtype=int8), array([0, 0], dtype=int32))
    """
    w_std, _ = _standardized(as_weights(w), correction)
    mean_magnitude = np.abs(w_std).mean(axis=tuple(range(1, w_std.ndim)))
    return sign(w_std).astype(np.int8), np.rint(np.log2(mean_magnitude)).astype(np.int32)


def libra_pb_backward(upstream, w, k, t, correction=1):
    """dw = (dz − mean dz − z · Σ dz z / (n − correction)) / σ, dz = upstream · 2^s · k t (1 − tanh² t z).

    Parameters
    ----------
    upstream : float array, shape of `w`
        Gradient of the loss with respect to w_hat.
    w : float32 or float64 array, shape (O, ...)
    k, t : float
        From :func:`ede_schedule`.
    correction : {1, 0}

    Returns
    -------
    array in the dtype and shape of `w`

    Notes
    -----
    z = w_std; the gradient goes through the standardization, but not through the shift s, as the
    released code has it. Formed in float64.

    Examples
    --------
    >>> libra_pb_backward([[1.0, 0.0, 0.0]], [[1.0, 2.0, 3.0]], k=1.0, t=1.0).round(4)
    array([[ 0.035, -0.07 ,  0.035]], dtype=float32)
    """
    w = as_weights(w)
    upstream = as_upstream(upstream, w)
    z, sigma = _standardized(w, correction)
    _, s = libra_pb(w, correction)
    dz = np.ldexp(upstream.astype(np.float64), along_axis(s, w.ndim)) * ede_gradient(z, k, t)
    filters = tuple(range(1, w.ndim))
    along_z = z * (dz * z).sum(axis=filters, keepdims=True) / (w[0].size - correction)
    return ((dz - dz.mean(axis=filters, keepdims=True) - along_z) / sigma).astype(w.dtype)


def ede_gradient(x, k, t):
    """factor(x) = k t (1 − tanh²(t x)): the slope of k tanh(t x), which replaces sign backward.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    k, t : float
        Positive; from :func:`ede_schedule`.

    Returns
    -------
    array in the dtype and shape of `x`
        NaN where `x` is NaN.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a float array, or `k` or `t` not positive.

    Notes
    -----
    Section 3.3. No window: with t small it is nearly 1 everywhere.

    Examples
    --------
    >>> ede_gradient([0.0, 1.0], k=1.0, t=10.0)
    array([10.,  0.], dtype=float32)
    """
    x = as_float_array(x)
    if not (k > 0 and t > 0):
        raise ValueError(f"k and t must be positive, got {k} and {t}")
    with np.errstate(over="ignore"):  # tanh of ±inf is ±1
        return k * t * (1 - np.tanh(t * x) ** 2)


def ede_schedule(epoch, epochs, t_min=1e-1, t_max=1e1):
    """t = t_min · (t_max / t_min)^(epoch / epochs), k = max(1 / t, 1).

    Parameters
    ----------
    epoch : int
        From 0.
    epochs : int
        Their number, positive.
    t_min, t_max : float
        Positive. The paper starts at 10⁻¹, ``trainer.py`` of the released code (CIFAR-10) at 10⁻³.

    Returns
    -------
    k, t : float
        While t < 1, k = 1 / t keeps the slope at 0 at 1, and only the window narrows; then it steepens.

    Raises
    ------
    ValueError
        If `epoch` is not in [0, epochs], or a bound is not positive.

    Examples
    --------
    >>> ede_schedule(0, 100)
    (10.0, 0.1)
    >>> ede_schedule(100, 100)
    (1.0, 10.0)
    """
    if not 0 <= epoch <= epochs or epochs < 1:
        raise ValueError(f"epoch must be in [0, epochs], epochs at least 1, got {epoch} of {epochs}")
    if not (t_min > 0 and t_max > 0):
        raise ValueError(f"t_min and t_max must be positive, got {t_min} and {t_max}")
    t = t_min * (t_max / t_min) ** (epoch / epochs)
    return max(1 / t, 1.0), t


def _standardized(w, correction):
    """(w_std, σ) in float64."""
    if correction not in (0, 1):
        raise ValueError(f"correction must be 0 or 1, got {correction}")
    check_finite("w", w)
    filters = tuple(range(1, w.ndim))
    constant = (w.max(axis=filters) == w.min(axis=filters)).nonzero()[0]
    if constant.size:
        raise ValueError(f"w must vary within each output channel, got equal weights in {constant[0]}")
    w = w.astype(np.float64)
    sigma = w.std(axis=filters, keepdims=True, ddof=correction)
    return (w - w.mean(axis=filters, keepdims=True)) / sigma, sigma
