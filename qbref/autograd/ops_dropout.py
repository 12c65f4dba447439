"""Dropout."""

import numpy as np

from qbref.autograd.tensor import Tensor, as_tensor
from qbref.random import default_rng


def dropout(x, p, training, rng=None):
    """x · mask / (1 − p), where the mask is 0 with probability p and else 1; in evaluation x itself.

    The upstream is multiplied by the same factor.

    Parameters
    ----------
    x : Tensor
    p : float in [0, 1]
    training : bool
    rng : numpy.random.Generator or None
        Draws the mask; None for the shared generator.

    Raises
    ------
    ValueError
        If `p` is outside [0, 1].

    Notes
    -----
    N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15 (2014),
    section 4, with the scaling moved from evaluation to training.

    Examples
    --------
    >>> from qbref.autograd import Tensor, dropout
    >>> dropout(Tensor([1.0, 2.0]), p=0.5, training=False)
    Tensor([1., 2.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in [0, 1], got {p}")
    x = as_tensor(x)
    if not training or p == 0:
        return x
    kept = default_rng(rng).random(x.shape, dtype=np.float32) >= p
    factor = kept * x.dtype.type(1 if p == 1 else 1 / (1 - p))
    return Tensor.from_op(x.data * factor, (x,), lambda upstream: (upstream * factor,))
