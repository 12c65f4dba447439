"""TensorRT's explicit quantization, from its documentation only: not verified against the runtime.

    scale = amax / 127                              symmetric, no zero point
    q     = clip(rint(x / scale), −128, 127)        activations per tensor, weights per output channel
    x_hat = q · scale

The documentation gives ties to even and int8's full range [−128, 127]. Whether the
runtime divides or multiplies by a reciprocal, and what NaN becomes, it does not say; here the first is a
float32 division, the second an error.

Source: NVIDIA TensorRT Developer Guide, "Working with Quantized Types"; S. Migacz, "8-bit inference with
TensorRT", GPU Technology Conference 2017.
"""

import numpy as np

from qbref import calibration, quant
from qbref.quant.checks import as_float_array, check_finite, check_not_empty


def params_from_amax(amax, axis=None):
    """scale = amax / 127, zero point 0, range [−128, 127].

    Parameters
    ----------
    amax : float, or float array of shape (C,) with `axis`
        Largest magnitude to represent, finite and not negative. 0 gives scale 1.
    axis : int, optional

    Returns
    -------
    QuantParams

    Raises
    ------
    ValueError
        If `amax` is negative, NaN or infinite.

    Examples
    --------
    >>> params_from_amax(12.7)
    QuantParams(scale=0.1, zero_point=0, [-128, 127])
    """
    amax = np.asarray(amax, np.float64)
    if not (amax >= 0).all():
        raise ValueError(f"amax must not be negative or NaN, got {amax[~(amax >= 0)].flat[0]}")
    return quant.params_from_range(-amax, amax, symmetric=True, axis=axis)


def weight_params(w, axis=0):
    """One scale for each output channel, max |w[c]| / 127.

    Parameters
    ----------
    w : float32 or float64 array, finite and not empty
    axis : int
        Output channels: 0 for a convolution (K, C, R, S), 1 for a transposed one.

    Returns
    -------
    QuantParams

    Examples
    --------
    >>> weight_params(np.array([[1.27, 0.0], [0.0, -2.54]], np.float32))
    QuantParams(scale=[0.01..0.02] x 2, zero_point=0, [-128, 127], axis=0)
    """
    w = as_float_array(w)
    check_not_empty(w)
    check_finite(w)
    lo, hi = quant.range_of(w, axis)
    return params_from_amax(np.maximum(-lo.astype(np.float64), hi), axis)


def entropy_params(batches, n_bins=4096):
    """scale = T / 127, T the threshold of :class:`qbref.calibration.Entropy` over all batches.

    Parameters
    ----------
    batches : iterable of float arrays, finite and not empty
    n_bins : int
        Of the histogram of |x|, of which more than half are in use; the talk has 2048.

    Returns
    -------
    QuantParams

    Raises
    ------
    ValueError
        If there is no batch.

    Examples
    --------
    >>> x = np.append(np.random.default_rng(0).normal(size=100_000), 40.0)
    >>> 3 < 127 * float(entropy_params([x]).scale) < 6
    True
    """
    observer = calibration.Entropy(n_bins=n_bins)
    for x in batches:
        observer.observe(x)
    lo, hi = observer.range(symmetric=True)
    return params_from_amax(max(-lo, hi))


def quantize(x, params):
    """q = clip(rint(x / scale), −128, 127): the QuantizeLinear layer; `x` is float32, NaN is an error.

    Examples
    --------
    >>> quantize([0.25, 0.75, -99.0], params_from_amax(63.5))  # scale 1/2: two ties
    array([   0,    2, -128], dtype=int8)
    """
    return quant.quantize(x, params)


def dequantize(q, params):
    """x_hat = q · scale: the DequantizeLinear layer.

    Examples
    --------
    >>> dequantize(np.array([2, -128], np.int8), params_from_amax(63.5))
    array([  1., -64.], dtype=float32)
    """
    return quant.dequantize(q, params)
