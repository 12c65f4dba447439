"""Stochastic gradient descent."""

from qbref.optim.optimizer import Optimizer, fraction, not_negative


class SGD(Optimizer):
    """v = momentum v + (1 - dampening) g;  w = w - lr v,  with g = grad + weight_decay w.

    Parameters
    ----------
    params : iterable of Tensor
    lr : float
    momentum : float in [0, 1)
        0: v is g.
    dampening : float in [0, 1)
        The first v is g, whatever the dampening.
    weight_decay : float
    nesterov : bool
        w = w - lr (g + momentum v) instead; needs momentum and no dampening.

    Notes
    -----
    As in PyTorch, the learning rate multiplies v when it is used, not when it is collected (Sutskever et
    al., ICML 2013, eq. 3, collects lr g); the two agree while lr is constant.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn
    >>> w = nn.Parameter([1.0])
    >>> w.grad = np.array([0.5], np.float32)
    >>> SGD([w], lr=0.5).step()
    >>> w.data
    array([0.75], dtype=float32)
    """

    def __init__(self, params, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        super().__init__(params, lr)
        self.momentum = fraction("momentum", momentum)
        self.dampening = fraction("dampening", dampening)
        self.weight_decay = not_negative("weight_decay", weight_decay)
        self.nesterov = bool(nesterov)
        if nesterov and (not momentum or dampening):
            raise ValueError(
                f"nesterov must have momentum above 0 and dampening 0, got {momentum} and {dampening}"
            )

    def update(self, parameter, state):
        """One step of one parameter; the state is {velocity}."""
        g = parameter.grad
        if self.weight_decay:
            g = g + self.weight_decay * parameter.data
        if self.momentum:
            if "velocity" in state:
                v = state["velocity"]
                v *= self.momentum
                v += (1 - self.dampening) * g
            else:
                v = state["velocity"] = g.copy()
            g = g + self.momentum * v if self.nesterov else v
        parameter.data -= self.lr * g
