"""Larq's quantizers: forward as TensorFlow computes them, backward as a factor for the upstream gradient.

They are those of :mod:`qbref.binary`, with what TensorFlow adds: NaN passes through sign, numbers below
the smallest normal one count as 0, and output channels are the last axis.

Verified against larq 0.14.0 on TensorFlow 2.21.0 unless a note says otherwise. Source: ``larq/math.py`` and
``larq/quantizers.py``.
"""

from typing import NamedTuple

import numpy as np

from qbref import binary
from qbref.binary.checks import check_choice
from qbref.quant.checks import as_float_array, as_n_bits, check_not_empty

MODES = ("activations", "weights")


def ste_sign(x):
    """sign(sign(x) + 0.1): −1 where x < 0, +1 elsewhere.

    Parameters
    ----------
    x : float32 or float64 array, or numbers

    Returns
    -------
    array of ±1 in the dtype and shape of `x`
        NaN stays NaN. −0.0 gives +1, and so do negative numbers that TensorFlow flushes to zero.

    Examples
    --------
    >>> ste_sign([-2.0, -1e-45, -0.0, 0.5, np.nan])
    array([-1.,  1.,  1.,  1., nan], dtype=float32)
    """
    x = as_float_array(x)
    return np.where(np.isnan(x), x, binary.sign(_flushed(x)))


def ste_sign_gradient(x, clip_value=1.0):
    """factor(x) = 1 where |x| ≤ clip_value, else 0; 1 everywhere with ``clip_value=None``.

    Examples
    --------
    >>> ste_sign_gradient([-1.5, -1.0, 0.0, np.nan])
    array([0., 1., 1., 0.], dtype=float32)
    """
    if clip_value is None:
        return binary.identity_gradient(x)
    return binary.ste_sign_gradient(x, clip_value, boundary="inclusive")


def approx_sign_gradient(x):
    """factor(x) = (1 − |x|) · 2 where |x| ≤ 1, else 0.

    Examples
    --------
    >>> approx_sign_gradient([-1.5, -0.5, 0.0, 1.0])
    array([0., 1., 2., 0.], dtype=float32)
    """
    return binary.approx_sign_gradient(x)


def swish_sign_gradient(x, beta=5.0):
    """factor(x) = β (2 − βx tanh(βx / 2)) / (1 + cosh βx).

    Notes
    -----
    TensorFlow evaluates this in float32, where cosh overflows beyond βx ≈ 89 and the factor becomes −0; here
    it is evaluated in float64. The last places differ: compare with a tolerance.

    Examples
    --------
    >>> swish_sign_gradient([0.0, 0.5]).round(4)
    array([ 5.    , -0.0846], dtype=float32)
    """
    return binary.swish_sign_gradient(x, beta)


def magnitude_aware_sign(w):
    """w_hat[..., c] = alpha[c] · sign(w[..., c]), alpha[c] = mean |w[..., c]|.

    Parameters
    ----------
    w : float32 or float64 array, shape (..., O)
        Height, width, input channels, output channels, as Keras stores filters.

    Returns
    -------
    array in the dtype and shape of `w`

    Notes
    -----
    The mean is formed in float64, TensorFlow's in float32 in an order of its own: the last place of alpha
    may differ, and its sum can overflow.

    Examples
    --------
    >>> magnitude_aware_sign(np.array([[1.0, 0.5], [-3.0, 0.5]], np.float32))
    array([[ 2. ,  0.5],
           [-2. ,  0.5]], dtype=float32)
    """
    w = as_float_array(w)
    return _last_axis_alpha(w) * ste_sign(w)


def magnitude_aware_sign_gradient(w, clip_value=1.0):
    """factor(w[..., c]) = alpha[c] where |w| ≤ clip_value, else 0: alpha is taken for a constant.

    Examples
    --------
    >>> magnitude_aware_sign_gradient(np.array([[1.0, 0.5], [-3.0, 0.5]], np.float32))
    array([[2. , 0.5],
           [0. , 0.5]], dtype=float32)
    """
    w = as_float_array(w)
    inside = ste_sign_gradient(w, clip_value) != 0
    return np.where(inside, _last_axis_alpha(w), w.dtype.type(0))


def ste_tern(x, threshold_value=0.05, ternary_weight_networks=False):
    """sign(sign(x + Δ) + sign(x − Δ)): ±1 where |x| ≥ Δ, else 0.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    threshold_value : float
        Δ.
    ternary_weight_networks : bool
        Take Δ = 0.7 · Σ|x| / size instead.

    Returns
    -------
    array of −1, 0 and 1 in the dtype and shape of `x`
        NaN stays NaN.

    Notes
    -----
    Larq's documentation leaves |x| = Δ open; its code makes it ±1, and with it every x so close to ±Δ that
    TensorFlow flushes the difference to zero. A negative Δ is as a positive one. Σ|x| is formed in float64,
    TensorFlow's in float32 in an order of its own.

    Examples
    --------
    >>> ste_tern([-0.5, -0.05, 0.02, 0.06])
    array([-1., -1.,  0.,  1.], dtype=float32)
    """
    x = _flushed(as_float_array(x))
    with np.errstate(over="ignore", invalid="ignore"):
        delta = np.asarray(threshold_value).astype(x.dtype)
        if ternary_weight_networks:
            check_not_empty(x)
            total = np.abs(x).sum(dtype=np.float64).astype(x.dtype)
            delta = x.dtype.type(0.7) * total / x.dtype.type(x.size)
        delta = _flushed(delta)
        return np.sign(np.sign(_flushed(x + delta)) + np.sign(_flushed(x - delta)))


def ste_heaviside(x):
    """sign(max(x, 0)): 1 where x > 0, else 0.

    Returns
    -------
    array of 0 and 1 in the dtype and shape of `x`
        NaN stays NaN.

    Examples
    --------
    >>> ste_heaviside([-2.0, 0.0, 1e-45, 0.5])
    array([0., 0., 0., 1.], dtype=float32)
    """
    x = as_float_array(x)
    return np.where(np.isnan(x), x, binary.heaviside(_flushed(x)))


def dorefa_quantizer(x, k_bit=2, mode="activations"):
    """x_hat = round(n · x) / n with n = 2^k_bit − 1, ties to even.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    k_bit : int
    mode : {"activations", "weights"}
        "activations": x is first clipped to [0, 1]. "weights": x becomes tanh(x) / (2 max |tanh x|) + 1/2,
        and the result 2 x_hat − 1.

    Returns
    -------
    array in the dtype and shape of `x`

    Notes
    -----
    n · x and the division by n are rounded, as TensorFlow rounds them. tanh is NumPy's.

    Examples
    --------
    >>> dorefa_quantizer([-1.0, 0.5, 3.0])  # 0.5 · 3 = 1.5, a tie
    array([0.       , 0.6666667, 1.       ], dtype=float32)
    >>> dorefa_quantizer([-2.0, 0.0, 2.0], k_bit=1, mode="weights")
    array([-1., -1.,  1.], dtype=float32)
    """
    x = as_float_array(x)
    k_bit = as_n_bits(k_bit, 1, 16)
    check_choice("mode", mode, MODES)
    if mode == "activations":
        return binary.dorefa_activation(x, k_bit)
    check_not_empty(x)
    limited = np.tanh(_flushed(x))
    largest = np.abs(limited).max()
    unit = limited / (2 * largest) if largest != 0 else limited
    return 2 * binary.dorefa_activation(unit + x.dtype.type(0.5), k_bit) - 1


def dorefa_gradient(x, mode="activations"):
    """factor(x) = [0 ≤ x ≤ 1] for activations; (1 − tanh² x) / max |tanh x| for weights.

    The maximum is taken for a constant.

    Examples
    --------
    >>> dorefa_gradient([-0.1, 0.0, 1.0])
    array([0., 1., 1.], dtype=float32)
    >>> dorefa_gradient([0.0, np.inf], mode="weights")
    array([1., 0.], dtype=float32)
    """
    check_choice("mode", mode, MODES)
    x = _flushed(as_float_array(x))
    if mode == "activations":
        return binary.dorefa_activation_gradient(x)
    check_not_empty(x)
    tanh = np.tanh(x)
    largest = np.abs(tanh).max()
    return (1 - tanh**2) / largest if largest != 0 else np.zeros_like(x)


class Quantizer(NamedTuple):
    """x_hat = forward(x), and backward dx = upstream · gradient(x)."""

    forward: object
    gradient: object


QUANTIZERS = {
    "ste_sign": Quantizer(ste_sign, ste_sign_gradient),
    "approx_sign": Quantizer(ste_sign, approx_sign_gradient),
    "swish_sign": Quantizer(ste_sign, swish_sign_gradient),
    "magnitude_aware_sign": Quantizer(magnitude_aware_sign, magnitude_aware_sign_gradient),
    "ste_heaviside": Quantizer(ste_heaviside, ste_sign_gradient),
    "ste_tern": Quantizer(ste_tern, ste_sign_gradient),
    "dorefa_quantizer": Quantizer(dorefa_quantizer, dorefa_gradient),
}


def _flushed(x):
    """`x` with subnormal numbers replaced by 0, as TensorFlow's arithmetic sees them."""
    return np.where(np.abs(x) < np.finfo(x.dtype).smallest_normal, x.dtype.type(0), x)


def _last_axis_alpha(w):
    if w.ndim < 2:
        raise ValueError(f"w must have weights and output channels, got shape {w.shape}")
    return binary.channel_scale(np.moveaxis(w, -1, 0))
