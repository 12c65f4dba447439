"""Bop: an optimizer of binary weights, without latent ones."""

import numpy as np

from qbref.optim.optimizer import Optimizer, not_negative


class Bop(Optimizer):
    """m = (1 - gamma) m + gamma g;  w = -w where w m > threshold.

    Parameters
    ----------
    params : iterable of Tensor
        Weights of -1 and +1 only.
    lr : float in (0, 1]
        gamma, the adaptivity rate: how fast m forgets.
    threshold : float
        tau: how strong and steady a gradient must be to flip a weight.

    Raises
    ------
    ValueError
        At a step, if a weight is neither -1 nor +1.

    Notes
    -----
    Helwegen et al., "Latent Weights Do Not Exist: Rethinking Binarized Neural Network Optimization",
    arXiv:1906.02107, algorithm 1. w m > threshold: the gradient has the sign of the weight, so that the
    other sign would lower the loss. m starts at 0.

    Examples
    --------
    >>> from qbref import nn
    >>> w = nn.Parameter([1.0, 1.0, -1.0])
    >>> w.grad = np.array([0.5, -0.5, -0.5], np.float32)
    >>> Bop([w], lr=0.1, threshold=1e-3).step()
    >>> w.data
    array([-1.,  1.,  1.], dtype=float32)
    """

    def __init__(self, params, lr=1e-4, threshold=1e-8):
        if not 0 < lr <= 1:
            raise ValueError(f"lr must be in (0, 1], got {lr!r}")
        super().__init__(params, lr)
        self.threshold = not_negative("threshold", threshold)

    def update(self, parameter, state):
        """One step of one parameter; the state is {m}."""
        w, g = parameter.data, parameter.grad
        if not np.all(np.abs(w) == 1):
            raise ValueError(f"params must hold only -1 and +1, got {w[np.abs(w) != 1][0]}")
        m = state.setdefault("m", np.zeros_like(g))
        m *= 1 - self.lr
        m += self.lr * g
        np.negative(w, out=w, where=w * m > self.threshold)
