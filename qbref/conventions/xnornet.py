"""XNOR-Net: what the paper says, and what its released code does instead.

==================  ==================================  =============================================
step                paper                               released code
==================  ==================================  =============================================
sign(0)             +1 or −1, left open                 0, Torch7's sign
activations back    upstream · [|x| ≤ 1]                upstream · [|x| < 1]
before binarizing   nothing                             w ← clip(w − mean over input channels, −1, 1)
weight gradient     g · (1/n + alpha · [|w| ≤ 1])       g · (1/n + alpha · [|w| < 1]) · (1 − 1/I), · n for SGD
scale of inputs     K = mean |x| ⊛ k                    left out
==================  ==================================  =============================================

Both have w_hat = alpha · sign(w), alpha = mean |w| of each filter, and keep the first and the last layer
real. Read in the paper and in the source (``util.lua``, ``newLayers/BinActiveZ.lua``, allenai/XNOR-Net
4006d59), not run. Rastegari et al., "XNOR-Net", arXiv 1603.05279.
"""

from qbref import binary
from qbref.binary.checks import along_axis, as_weights, check_choice

FORMS = ("paper", "released")


def binarize_activations(x, form="paper"):
    """sign(x); 0 becomes +1 in the paper's form, as a bit must be something, and 0 in the released one.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    form : {"paper", "released"}

    Returns
    -------
    array in the dtype and shape of `x`
        NaN as 0.

    Examples
    --------
    >>> binarize_activations([-0.5, 0.0, 2.0]), binarize_activations([-0.5, 0.0, 2.0], form="released")
    (array([-1.,  1.,  1.], dtype=float32), array([-1.,  0.,  1.], dtype=float32))
    """
    check_choice("form", form, FORMS)
    return binary.sign(x, at_zero=1 if form == "paper" else 0)


def binarize_activations_gradient(x, form="paper"):
    """factor(x) = 1 where |x| ≤ 1, in the released form |x| < 1, else 0.

    Examples
    --------
    >>> binarize_activations_gradient([-1.0, 0.5], form="released")
    array([0., 1.], dtype=float32)
    """
    check_choice("form", form, FORMS)
    return binary.ste_sign_gradient(x, boundary="inclusive" if form == "paper" else "exclusive")


def binarize_weights(w, form="paper"):
    """w_hat[c] = alpha[c] · sign(w[c]), alpha[c] = mean |w[c]|; the released form centers and clamps w first.

    Parameters
    ----------
    w : float32 or float64 array, shape (O, I, ...)
    form : {"paper", "released"}

    Returns
    -------
    array in the dtype and shape of `w`

    Notes
    -----
    The released code overwrites the latent weights with the centered and clamped ones, so that the
    next gradient is taken there: :func:`qbref.binary.center_and_clamp`.

    Examples
    --------
    >>> import numpy as np
    >>> w = np.array([[0.5, 0.25]])
    >>> binarize_weights(w), binarize_weights(w, form="released")
    (array([[0.375, 0.375]]), array([[ 0.125, -0.125]]))
    """
    check_choice("form", form, FORMS)
    if form == "paper":
        return binary.magnitude_aware_sign(w)
    w = binary.center_and_clamp(as_weights(w))
    return along_axis(binary.channel_scale(w), w.ndim) * binary.sign(w, at_zero=0)


def binarize_weights_backward(upstream, w, form="paper", optimizer="adam"):
    """dw = upstream · (1/n + alpha · [|w| ≤ 1]); the released form has < and a factor, see the module.

    Parameters
    ----------
    upstream : float array, shape of `w`
        Gradient of the loss with respect to w_hat.
    w : float32 or float64 array, shape (O, I, ...)
        Latent weights; in the released form, centered and clamped.
    form : {"paper", "released"}
    optimizer : {"adam", "sgd"}
        Of the released form.

    Returns
    -------
    array in the dtype and shape of `w`

    Examples
    --------
    >>> binarize_weights_backward([[1.0, 1.0]], [[0.5, -1.0]])  # n = 2, alpha = 0.75
    array([[1.25, 1.25]], dtype=float32)
    >>> binarize_weights_backward([[1.0, 1.0]], [[0.5, -1.0]], form="released")  # times 1 - 1/2
    array([[0.625, 0.25 ]], dtype=float32)
    """
    check_choice("form", form, FORMS)
    if form == "paper":
        return binary.xnor_backward_paper(upstream, w)
    return binary.xnor_backward_released(upstream, w, optimizer)


def input_scale(x, kernel_size, stride=1, padding=0):
    """K = A ⊛ k, A = mean |x| over channels: the paper's scale of activations.

    Examples
    --------
    >>> import numpy as np
    >>> input_scale(np.array([[[[1.0, -3.0]]]]), kernel_size=(1, 2))
    array([[[[2.]]]])
    """
    return binary.activation_scale(x, kernel_size, stride, padding)
