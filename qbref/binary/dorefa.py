"""DoReFa-Net at one bit, and its quantizer of activations at any."""

import numpy as np

from qbref.binary.sign import sign
from qbref.quant.checks import as_float_array, as_n_bits, check_not_empty


def dorefa_activation(x, n_bits=1):
    """x_hat = round(n · clip(x, 0, 1)) / n, n = 2^n_bits − 1.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    n_bits : int
        From 1 (values 0 and 1) to 16.

    Returns
    -------
    array in the dtype and shape of `x`
        NaN where `x` is NaN.

    Notes
    -----
    Zhou et al., "DoReFa-Net", arXiv 1606.06160, section 2; ``dorefa_quantizer`` in Larq. Ties
    go to the even level, as in TensorFlow, so that at one bit 0.5 becomes 0.

    Examples
    --------
    >>> dorefa_activation([-1.0, 0.5, 0.51, 3.0])
    array([0., 0., 1., 1.], dtype=float32)
    >>> dorefa_activation([0.5], n_bits=2)
    array([0.6666667], dtype=float32)
    """
    x = as_float_array(x)
    n = 2 ** as_n_bits(n_bits, 1, 16) - 1
    return np.rint(np.clip(x, 0, 1) * n) / x.dtype.type(n)


def dorefa_activation_gradient(x):
    """factor(x) = 1 where 0 ≤ x ≤ 1, else 0.

    Parameters
    ----------
    x : float32 or float64 array, or numbers

    Returns
    -------
    array of 0 and 1 in the dtype and shape of `x`
        1 at both ends and at −0.0, 0 where `x` is NaN.

    Examples
    --------
    >>> dorefa_activation_gradient([-0.1, 0.0, 0.5, 1.0, 1.1])
    array([0., 1., 1., 1., 0.], dtype=float32)
    """
    x = as_float_array(x)
    return ((x >= 0) & (x <= 1)).astype(x.dtype)


def dorefa_sign(w):
    """w_hat = E|w| · sign(w), one scale for the whole layer; backward, dw = upstream.

    Parameters
    ----------
    w : float32 or float64 array, not empty

    Returns
    -------
    array of ±E|w| in the dtype and shape of `w`

    Notes
    -----
    DoReFa-Net, section 2.3. Unlike :func:`qbref.binary.magnitude_aware_sign` the scale is not per
    channel and the gradient has no window (:func:`qbref.binary.identity_gradient`). The mean is formed
    in float64.

    Examples
    --------
    >>> dorefa_sign(np.array([[1.0, -3.0], [0.5, 0.5]], np.float32))
    array([[ 1.25, -1.25],
           [ 1.25,  1.25]], dtype=float32)
    """
    w = as_float_array(w)
    check_not_empty(w)
    return w.dtype.type(np.abs(w).mean(dtype=np.float64)) * sign(w)
