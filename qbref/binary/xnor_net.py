"""XNOR-Net: what is done to latent weights, the scale of activations, and four weight gradients.

    W_hat = alpha · sign(W),    alpha = (1/n) Σ_i |W_i|,    n weights in each filter

How the loss changes with W_i depends on what one lets vary. With g = ∂C/∂W_hat, from the paper, the
released code, the product rule, and with alpha held fixed::

    paper         g_i · (1/n + alpha · [|W_i| ≤ 1])
    released      g_i · (1/n + alpha · [|W_i| < 1]) · (1 − 1/I)          (· n for SGD)
    product rule  (1/n) · sign(W_i) · Σ_j g_j sign(W_j) + alpha · [|W_i| ≤ 1] · g_i
    ste           alpha · [|W_i| ≤ 1] · g_i

The paper's 1/n stands where the product rule has a sum over the filter: it is the term j = i alone.

Rastegari et al., "XNOR-Net", arXiv 1603.05279; ``util.lua`` of the released code.
"""

import numpy as np

from qbref.binary.checks import as_float, as_upstream, as_weights, check_choice, check_finite
from qbref.binary.scaling import magnitude_aware_sign_gradient
from qbref.binary.sign import sign


def center_and_clamp(w):
    """w ← clip(w − mean of w over input channels, −1, 1): done before every forward pass.

    Parameters
    ----------
    w : float32 or float64 array, finite, shape (O, I, ...)

    Returns
    -------
    array in the dtype and shape of `w`

    Notes
    -----
    ``meancenterConvParms`` and ``clampConvParms`` in ``util.lua``; neither is in
    the paper's algorithm 1. The mean is formed in float64.

    Examples
    --------
    >>> center_and_clamp(np.array([[3.0, 0.0], [0.5, 0.25]]))
    array([[ 1.   , -1.   ],
           [ 0.125, -0.125]])
    """
    w = as_weights(w)
    check_finite("w", w)
    mean = w.mean(axis=1, keepdims=True, dtype=np.float64).astype(w.dtype)
    return np.clip(w - mean, -1, 1)


def activation_scale(x, kernel_size, stride=1, padding=0):
    """K = A ⊛ k: the mean over each window of A = mean over channels of |x|.

    Parameters
    ----------
    x : float32 or float64 array, shape (N, C, H, W)
    kernel_size : (int, int)
        (KH, KW) of the convolution that K belongs to.
    stride, padding : int
        Of that convolution; A is padded with 0.

    Returns
    -------
    array in the dtype of `x`, shape (N, 1, OH, OW)

    Raises
    ------
    TypeError, ValueError
        If `x` is not a 4-d float array with channels, or a window does not fit.

    Notes
    -----
    Paper, section 3.2: conv(x, W) ≈ conv(sign x, sign W) · K · alpha. The released code leaves K out.
    Means are formed in float64.

    Examples
    --------
    >>> x = np.array([[[[1.0, -2.0, 3.0]], [[3.0, 0.0, -1.0]]]])  # two channels; A = [2, 1, 2]
    >>> activation_scale(x, kernel_size=(1, 2))
    array([[[[1.5, 1.5]]]])
    """
    x = as_float("x", x)
    if x.ndim != 4 or x.shape[1] == 0:
        raise ValueError(f"x must be (N, C, H, W) with channels, got shape {x.shape}")
    if min(*kernel_size, stride) < 1 or padding < 0:
        got = f"{kernel_size}, {stride}, {padding}"
        raise ValueError(f"kernel_size and stride must be at least 1 and padding at least 0, got {got}")
    a = np.abs(x).mean(axis=1, keepdims=True, dtype=np.float64)
    a = np.pad(a, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    if a.shape[2] < kernel_size[0] or a.shape[3] < kernel_size[1]:
        raise ValueError(f"kernel_size must fit into the padded {a.shape[2:]}, got {kernel_size}")
    windows = np.lib.stride_tricks.sliding_window_view(a, kernel_size, axis=(2, 3))
    return windows[:, :, ::stride, ::stride].mean(axis=(-2, -1)).astype(x.dtype)


def xnor_backward_paper(upstream, w, boundary="inclusive"):
    """dw = upstream · (1/n + alpha · [|w| ≤ 1]), as printed in section 3.1 of the paper.

    Parameters
    ----------
    upstream : float array, shape of `w`
        Gradient of the loss with respect to w_hat = alpha · sign(w).
    w : float32 or float64 array, shape (O, ...)
        Latent weights.
    boundary : {"inclusive", "exclusive"}

    Returns
    -------
    array in the dtype and shape of `w`

    Examples
    --------
    >>> xnor_backward_paper([[1.0, 1.0]], [[0.5, -1.5]])  # n = 2, alpha = 1
    array([[1.5, 0.5]], dtype=float32)
    """
    w = as_weights(w)
    upstream = as_upstream(upstream, w)
    factor = 1 / _filter_size(w) + magnitude_aware_sign_gradient(w, boundary=boundary)
    return (upstream * factor).astype(w.dtype, copy=False)


def xnor_backward_released(upstream, w, optimizer="adam"):
    """dw = upstream · (1/n + alpha · [|w| < 1]) · (1 − 1/I), and times n for SGD.

    Parameters
    ----------
    upstream : float array, shape of `w`
    w : float32 or float64 array, shape (O, I, ...)
        Latent weights, after :func:`center_and_clamp`.
    optimizer : {"adam", "sgd"}

    Returns
    -------
    array in the dtype and shape of `w`

    Notes
    -----
    ``updateBinaryGradWeight`` in ``util.lua``. Clamped weights, at exactly ±1, are outside. With one
    input channel 1 − 1/I = 0, and nothing is learned.

    Examples
    --------
    >>> xnor_backward_released([[1.0, 1.0]], [[0.5, -1.5]])  # n = I = 2, alpha = 1
    array([[0.75, 0.25]], dtype=float32)
    """
    w = as_weights(w)
    check_choice("optimizer", optimizer, ("adam", "sgd"))
    n, input_channels = _filter_size(w), w.shape[1]
    factor = (1 - 1 / input_channels) * (n if optimizer == "sgd" else 1)
    return xnor_backward_paper(upstream, w, "exclusive") * w.dtype.type(factor)


def xnor_backward_product_rule(upstream, w, boundary="inclusive"):
    """dw_i = (1/n) · sign(w_i) · Σ_j upstream_j sign(w_j) + alpha · [|w_i| ≤ 1] · upstream_i.

    Parameters
    ----------
    upstream : float array, shape of `w`
    w : float32 or float64 array, shape (O, ...)
    boundary : {"inclusive", "exclusive"}

    Returns
    -------
    array in the dtype and shape of `w`

    Notes
    -----
    The exact derivative of alpha · s(w) once s, a surrogate of sign with the slope [|w| ≤ 1], is
    accepted. The sum runs over one filter, in float64.

    Examples
    --------
    >>> xnor_backward_product_rule([[1.0, 3.0]], [[0.5, -1.5]])  # Σ = 1 − 3 = −2
    array([[0., 1.]], dtype=float32)
    """
    w = as_weights(w)
    upstream = as_upstream(upstream, w)
    filters = tuple(range(1, w.ndim))
    through_alpha = (upstream * sign(w)).sum(axis=filters, keepdims=True, dtype=np.float64) / _filter_size(w)
    through_sign = magnitude_aware_sign_gradient(w, boundary=boundary) * upstream
    return (sign(w) * through_alpha + through_sign).astype(w.dtype)


def xnor_backward_ste(upstream, w, boundary="inclusive"):
    """dw = alpha · [|w| ≤ 1] · upstream: alpha held constant.

    Parameters
    ----------
    upstream : float array, shape of `w`
    w : float32 or float64 array, shape (O, ...)
    boundary : {"inclusive", "exclusive"}

    Returns
    -------
    array in the dtype and shape of `w`

    Examples
    --------
    >>> xnor_backward_ste([[1.0, 3.0]], [[0.5, -1.5]])
    array([[1., 0.]], dtype=float32)
    """
    w = as_weights(w)
    upstream = as_upstream(upstream, w)
    return (upstream * magnitude_aware_sign_gradient(w, boundary=boundary)).astype(w.dtype, copy=False)


def _filter_size(w):
    return w[0].size
