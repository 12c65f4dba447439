"""How BinaryConnect and BinaryNet update the latent weights behind binary ones."""

import math

import numpy as np

from qbref.binary.checks import as_float


def glorot_lr_scale(shape):
    """1 / √(1.5 / (fan_in + fan_out)): the factor on a binary layer's learning rate.

    Parameters
    ----------
    shape : tuple of int
        Of the weights, (out, in, *kernel).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `shape` has fewer than two axes, or one of length 0.

    Notes
    -----
    Weights of ±1 are this many times larger than Glorot and Bengio would have drawn them, and so must be
    the steps that flip them. ``W_LR_scale = "Glorot"`` in BinaryNet's ``Train-time/binary_net.py``; for
    a convolution both fans count the kernel. BinaryConnect, arXiv 1511.00363, section 2.5, takes this
    factor for Adam and its square for SGD.

    Examples
    --------
    >>> glorot_lr_scale((2, 4))
    2.0
    """
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"shape must be (out, in, *kernel), each at least 1, got {shape}")
    fan_out, fan_in, *kernel = shape
    return 1 / math.sqrt(1.5 / ((fan_in + fan_out) * math.prod(kernel)))


def clipped_update(w, proposed, lr_scale=1.0, clip_value=1.0):
    """w ← clip(w + lr_scale · (proposed − w), −clip_value, clip_value).

    Parameters
    ----------
    w, proposed : float32 or float64 array, one shape
        Latent weights before, and as the optimizer would have them after the step.
    lr_scale : float
        From :func:`glorot_lr_scale`.
    clip_value : float
        H, the magnitude of the binary weights, positive.

    Returns
    -------
    array in the dtype and shape of `w`

    Raises
    ------
    TypeError, ValueError
        If an array is not float, the shapes differ, or `clip_value` is not positive.

    Notes
    -----
    ``clipping_scaling`` in BinaryNet's ``Train-time/binary_net.py``. Without the clip, latent weights
    would grow where no gradient reaches them and no step turns their sign (BinaryConnect, section 2.4).

    Examples
    --------
    >>> clipped_update(np.array([0.5, 0.5]), np.array([0.25, 0.75]), lr_scale=4.0)
    array([-0.5,  1. ])
    """
    w, proposed = as_float("w", w), as_float("proposed", proposed)
    if proposed.shape != w.shape:
        raise ValueError(f"proposed must have shape {w.shape}, got shape {proposed.shape}")
    if not clip_value > 0:
        raise ValueError(f"clip_value must be positive, got {clip_value}")
    step = lr_scale * (proposed - w)
    return np.clip(w + step, -clip_value, clip_value).astype(w.dtype, copy=False)
