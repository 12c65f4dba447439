"""Losses of distances and margins."""

import numpy as np

from qbref.autograd import Tensor, as_tensor
from qbref.nn.functional.reduction import check_reduction, reduce_loss


def mse_loss(input, target, reduction="mean"):
    """l = (x - target)^2.

    Parameters
    ----------
    input, target : Tensor, of one shape
        Nothing is broadcast: (N, 1) against (N,) would compare everything with everything.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> mse_loss(Tensor([1.0, 2.0]), Tensor([1.0, 4.0])).item()
    2.0
    """
    x, target = as_tensor(input), as_tensor(target)
    if x.shape != target.shape:
        raise ValueError(f"target must have the input's shape {x.shape}, got {target.shape}")
    check_reduction(reduction, x.size)
    difference = x - target
    return reduce_loss(difference * difference, reduction)


def hinge_loss(input, target, reduction="mean"):
    """l = max(0, 1 - t x), for every class against all others.

    Parameters
    ----------
    input : Tensor, shape (..., C)
        Scores x.
    target : array
        Integer classes of shape (...): t = +1 for that class and -1 for the others. Or t itself, of the
        input's shape, -1 and +1.
    reduction : {"mean", "sum", "none"}
        "mean" is over all elements, classes included.

    Notes
    -----
    The gradient at the hinge, t x = 1, is 0.

    Examples
    --------
    >>> hinge_loss(Tensor([[0.5, -2.0]]), np.array([0]), reduction="none").numpy()
    array([[0.5, 0. ]], dtype=float32)
    """
    return reduce_loss(_margin(input, target, reduction), reduction)


def squared_hinge_loss(input, target, reduction="mean"):
    """l = max(0, 1 - t x)^2, for every class against all others.

    Parameters
    ----------
    input, target, reduction
        As for :func:`hinge_loss`.

    Notes
    -----
    The loss of the L2-SVM output layer (Tang, arXiv:1306.0239), with which BinaryNet was trained
    (Courbariaux et al., arXiv:1602.02830).

    Examples
    --------
    >>> squared_hinge_loss(Tensor([[0.5, -2.0]]), np.array([0]), reduction="none").numpy()
    array([[0.25, 0.  ]], dtype=float32)
    """
    margin = _margin(input, target, reduction)
    return reduce_loss(margin * margin, reduction)


def _margin(input, target, reduction):
    """max(0, 1 - t x), elementwise."""
    x = as_tensor(input)
    check_reduction(reduction, x.size)
    return (1 - x * _signs(x, target)).relu()


def _signs(x, target):
    """The targets t as -1 and +1, of the shape and dtype of `x`."""
    target = target.data if isinstance(target, Tensor) else np.asarray(target)
    if target.shape == x.shape:
        if not np.all(np.abs(target) == 1):
            wrong = target[np.abs(target) != 1][0]
            raise ValueError(f"target must be -1 or +1 where it has the input's shape, got {wrong}")
        return target.astype(x.dtype)
    if target.shape != x.shape[:-1]:
        raise ValueError(f"target must have shape {x.shape[:-1]} or {x.shape}, got {target.shape}")
    if target.dtype.kind not in "iu":
        raise TypeError(f"target must hold integer classes, got {target.dtype}")
    if target.size and not 0 <= target.min() <= target.max() < x.shape[-1]:
        raise ValueError(f"target must be in [0, {x.shape[-1]}), got {target.min()} to {target.max()}")
    return np.where(np.arange(x.shape[-1]) == target[..., None], 1, -1).astype(x.dtype)
