"""Adam, and Adam with decoupled weight decay."""

import math

import numpy as np

from qbref.optim.optimizer import Optimizer, fraction, not_negative


class Adam(Optimizer):
    """w = w - lr m_hat / (sqrt(v_hat) + eps).

    With g = grad + weight_decay w, at step t = 1, 2, ...::

        m = beta1 m + (1 - beta1) g          m_hat = m / (1 - beta1^t)
        v = beta2 v + (1 - beta2) g^2        v_hat = v / (1 - beta2^t)

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
    betas : (float, float)
        beta1 and beta2, each in [0, 1).
    eps : float
    weight_decay : float
        Added to the gradient, and so divided by sqrt(v_hat) with it; see :class:`AdamW`.

    Notes
    -----
    Kingma and Ba, arXiv:1412.6980, algorithm 1. A parameter's t counts the steps in which it had a gradient.

    Examples
    --------
    The first step has the length lr, whatever the gradient's:

    >>> from qbref import nn
    >>> w = nn.Parameter([1.0, 1.0])
    >>> w.grad = np.array([1e-3, 1e3], np.float32)
    >>> Adam([w], lr=0.5).step()
    >>> w.data.round(4)
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, lr)
        beta1, beta2 = betas
        self.betas = fraction("beta1", beta1), fraction("beta2", beta2)
        self.eps = not_negative("eps", eps)
        self.weight_decay = not_negative("weight_decay", weight_decay)

    def update(self, parameter, state):
        """One step of one parameter; the state is {t, m, v}."""
        g = parameter.grad
        if self.weight_decay:
            g = g + self.weight_decay * parameter.data
        self._move(parameter, g, state)

    def _move(self, parameter, g, state):
        if not state:
            state.update(t=0, m=np.zeros_like(g), v=np.zeros_like(g))
        state["t"] += 1
        t, m, v = state["t"], state["m"], state["v"]
        beta1, beta2 = self.betas
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        step = np.asarray(np.sqrt(v))  # an array also where the parameter is a single number
        step /= math.sqrt(1 - beta2**t)
        step += self.eps
        np.divide(m, step, out=step)
        step *= self.lr / (1 - beta1**t)
        parameter.data -= step


class AdamW(Adam):
    """w = w - lr weight_decay w - lr m_hat / (sqrt(v_hat) + eps), with g = grad.

    Parameters
    ----------
    params, lr, betas, eps
        As for :class:`Adam`.
    weight_decay : float
        Shrinks all weights by the same factor, 1 - lr weight_decay, whatever their gradients.

    Notes
    -----
    Loshchilov and Hutter, arXiv:1711.05101, algorithm 2.

    Examples
    --------
    >>> from qbref import nn
    >>> w = nn.Parameter([1.0])
    >>> w.grad = np.array([0.0], np.float32)
    >>> AdamW([w], lr=0.5, weight_decay=0.5).step()
    >>> w.data
    array([0.75], dtype=float32)
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, parameter, state):
        """One step of one parameter; the state is {t, m, v}."""
        parameter.data *= 1 - self.lr * self.weight_decay
        self._move(parameter, parameter.grad, state)
