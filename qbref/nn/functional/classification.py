"""Losses of classifiers: negative log-likelihoods."""

import numpy as np

from qbref.autograd import Tensor, as_tensor, log_softmax
from qbref.nn.functional.reduction import check_reduction, reduce_loss


def cross_entropy(input, target, weight=None, reduction="mean", label_smoothing=0.0):
    """l = -sum_c q_c w_c log softmax(x)_c, with q = (1 - eps) onehot(target) + eps / C.

    Parameters
    ----------
    input : Tensor, shape (N, C)
        Logits.
    target : integer array, shape (N,)
        Classes, 0 to C - 1.
    weight : float array, shape (C,), or None
        w, the weight of each class; None: 1.
    reduction : {"mean", "sum", "none"}
        "mean" divides the sum by that of the targets' weights, sum_n w[target_n].
    label_smoothing : float in [0, 1)
        eps.

    Returns
    -------
    Tensor
        One number, or shape (N,) for "none".

    Notes
    -----
    Finite for all finite logits. Label smoothing: Szegedy et al., arXiv:1512.00567, section 7.

    Examples
    --------
    >>> round(cross_entropy(Tensor([[0.0, 0.0]]), np.array([1])).item(), 4)  # log 2
    0.6931
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing!r}")
    x = as_tensor(input)
    target, w = _checked(x, target, weight, reduction)
    log_p = log_softmax(x, axis=1)
    loss = _picked(log_p, target, w) * (1 - label_smoothing)
    if label_smoothing:
        loss = loss - (log_p * w).sum(axis=1) * (label_smoothing / x.shape[1])
    return _weighted(loss, w[target], reduction)


def nll_loss(input, target, weight=None, reduction="mean"):
    """l = -w[target] log_p[target]: the cross-entropy of log-probabilities.

    Parameters
    ----------
    input : Tensor, shape (N, C)
        Log-probabilities, as :func:`log_softmax` gives.
    target, weight, reduction
        As for :func:`cross_entropy`.
    """
    log_p = as_tensor(input)
    target, w = _checked(log_p, target, weight, reduction)
    return _weighted(_picked(log_p, target, w), w[target], reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, reduction="mean"):
    """l = -w (z log s + (1 - z) log(1 - s)), s = sigmoid(x); gradient w (s - z).

    Parameters
    ----------
    input : Tensor
        Logits x.
    target : float array of the same shape
        Probabilities z in [0, 1].
    weight : float array that broadcasts to that shape, or None
        w of each element.
    reduction : {"mean", "sum", "none"}

    Notes
    -----
    Computed as max(x, 0) - x z + log(1 + exp(-|x|)), which neither overflows nor loses small losses. The
    kinks of its first and last term at x = 0 cancel, so the gradient is written out.

    Examples
    --------
    >>> binary_cross_entropy_with_logits(Tensor([1e4, -1e4]), np.array([1.0, 1.0]), reduction="none").numpy()
    array([    0., 10000.], dtype=float32)
    """
    x = as_tensor(input)
    z = np.asarray(target.data if isinstance(target, Tensor) else target, dtype=x.dtype)
    if z.shape != x.shape:
        raise ValueError(f"target must have the input's shape {x.shape}, got {z.shape}")
    if not np.all((z >= 0) & (z <= 1)):
        raise ValueError(f"target must be in [0, 1], got {z.min()} to {z.max()}")
    check_reduction(reduction, x.size)
    w = np.broadcast_to(np.asarray(1 if weight is None else weight, dtype=x.dtype), x.shape)
    tail = np.exp(-np.abs(x.data))
    s = np.where(x.data >= 0, 1, tail) / (1 + tail)
    loss = w * (np.maximum(x.data, 0) - x.data * z + np.log1p(tail))
    loss = Tensor.from_op(loss, (x,), lambda upstream: (upstream * w * (s - z),))
    return reduce_loss(loss, reduction)


def _checked(x, target, weight, reduction):
    """The classes as an integer array, the class weights as an array of the input's dtype."""
    target = np.asarray(target)
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError(f"input must have shape (N, C), got {x.shape}")
    if target.dtype.kind not in "iu":
        raise TypeError(f"target must hold integer classes, got {target.dtype}")
    if target.shape != x.shape[:1]:
        raise ValueError(f"target must have shape {x.shape[:1]}, one class for each row, got {target.shape}")
    if target.size and not 0 <= target.min() <= target.max() < x.shape[1]:
        raise ValueError(f"target must be in [0, {x.shape[1]}), got {target.min()} to {target.max()}")
    w = np.ones(x.shape[1], x.dtype) if weight is None else np.asarray(weight, dtype=x.dtype)
    if w.shape != x.shape[1:] or not np.all(w >= 0):
        raise ValueError(f"weight must hold {x.shape[1]} numbers, none negative, got {weight}")
    check_reduction(reduction, target.size)
    if reduction == "mean" and not w[target].any():
        raise ValueError("weight must be positive for some target when the mean is taken, got only 0")
    return target, w


def _picked(log_p, target, w):
    """-w[target] log_p[target] of each row."""
    return log_p[np.arange(len(target)), target] * -w[target]


def _weighted(loss, target_weights, reduction):
    if reduction == "mean":
        return loss.sum() * (1 / float(target_weights.sum()))
    return reduce_loss(loss, reduction)
