"""Gradient clipping, between ``backward()`` and ``optimizer.step()``."""

import math

import numpy as np

from qbref.autograd import Tensor


def clip_grad_norm_(parameters, max_norm):
    """Scale all gradients by min(1, max_norm / (norm + 1e-6)), norm being that of all of them together.

    Parameters
    ----------
    parameters : iterable of Tensor
        Those without a gradient are skipped.
    max_norm : float

    Returns
    -------
    float
        The L2 norm before clipping.

    Raises
    ------
    ValueError
        If the norm is infinite or NaN; the gradients are unchanged then.

    Notes
    -----
    Pascanu et al., arXiv:1211.5063, algorithm 1. The 1e-6 is PyTorch's. The norm is summed in float64.

    Examples
    --------
    >>> from qbref import nn
    >>> w = nn.Parameter([0.0, 0.0])
    >>> w.grad = np.array([3.0, 4.0], np.float32)
    >>> clip_grad_norm_([w], max_norm=1.0)
    5.0
    >>> w.grad.round(3)
    array([0.6, 0.8], dtype=float32)
    """
    _check_limit("max_norm", max_norm)
    gradients = _gradients(parameters)
    with np.errstate(over="ignore"):  # squares of float64 gradients; the error below says so
        norm = math.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients))
    if not math.isfinite(norm):
        raise ValueError(f"gradients must have a finite norm, got {norm}")
    factor = min(1.0, float(max_norm) / (norm + 1e-6))
    if factor < 1:
        for g in gradients:
            g *= factor
    return norm


def clip_grad_value_(parameters, clip_value):
    """Limit every element of every gradient to [-clip_value, clip_value].

    Parameters
    ----------
    parameters : iterable of Tensor
        Those without a gradient are skipped.
    clip_value : float

    Examples
    --------
    >>> from qbref import nn
    >>> w = nn.Parameter([0.0, 0.0])
    >>> w.grad = np.array([3.0, -0.5], np.float32)
    >>> clip_grad_value_([w], 1.0)
    >>> w.grad
    array([ 1. , -0.5], dtype=float32)
    """
    _check_limit("clip_value", clip_value)
    for g in _gradients(parameters):
        np.clip(g, -float(clip_value), float(clip_value), out=g)


def _check_limit(name, value):
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")


def _gradients(parameters):
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [parameter.grad for parameter in parameters if parameter.grad is not None]
