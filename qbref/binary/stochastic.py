"""Signs drawn at random, so that their mean is the number they replace."""

import numpy as np

from qbref.quant.checks import as_float_array, check_no_nan
from qbref.random import default_rng


def hard_sigmoid(x):
    """σ(x) = clip((x + 1) / 2, 0, 1).

    Parameters
    ----------
    x : float32 or float64 array, or numbers

    Returns
    -------
    array in the dtype and shape of `x`

    Notes
    -----
    Courbariaux et al., "BinaryConnect", arXiv 1511.00363, equation 3.

    Examples
    --------
    >>> hard_sigmoid([-2.0, -1.0, 0.0, 0.5, 1.0])
    array([0.  , 0.  , 0.5 , 0.75, 1.  ], dtype=float32)
    """
    return np.clip((as_float_array(x) + 1) / 2, 0, 1)


def stochastic_sign(x, rng=None):
    """+1 with probability p = σ(x), else −1, σ the :func:`hard_sigmoid`.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    rng : numpy.random.Generator or None
        One number in [0, 1) is drawn per element, in C order, and +1 taken where it is below p.

    Returns
    -------
    array of ±1 in the dtype and shape of `x`
        The mean over many draws is clip(x, −1, 1); from ±1 outward nothing is left to chance.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a float array, or contains NaN.

    Notes
    -----
    BinaryConnect, equation 2, where it is applied to weights; "Binarized Neural Networks", arXiv
    1602.02830, equation 2, to activations. The backward pass is that of the mean,
    :func:`qbref.binary.ste_sign_gradient`.

    Examples
    --------
    >>> stochastic_sign([-1.0, 0.0, 0.0, 0.0, 1.0], np.random.default_rng(0))
    array([-1.,  1.,  1.,  1.,  1.], dtype=float32)
    """
    x = as_float_array(x)
    check_no_nan(x)
    is_plus = default_rng(rng).random(x.shape) < hard_sigmoid(x)
    return np.where(is_plus, x.dtype.type(1), x.dtype.type(-1))


def binary_tanh_unit(x):
    """2 · round(σ(x)) − 1, halves rounded up: the deterministic sign as BinaryNet's code has it.

    Parameters
    ----------
    x : float32 or float64 array, or numbers

    Returns
    -------
    array of ±1 in the dtype and shape of `x`

    Notes
    -----
    ``Train-time/binary_net.py``. In exact arithmetic it is :func:`qbref.binary.sign`; in float32 x + 1
    rounds to 1 for −2⁻²⁵ ≤ x < 0, and such an x becomes +1. NaN gives −1 here.

    Examples
    --------
    >>> binary_tanh_unit([-0.5, -1e-9, 0.0, 0.5])
    array([-1.,  1.,  1.,  1.], dtype=float32)
    """
    x = as_float_array(x)
    return np.where(hard_sigmoid(x) >= 0.5, x.dtype.type(1), x.dtype.type(-1))
