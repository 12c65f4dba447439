"""What all optimizers share: a list of parameters, a learning rate, and some memory for each parameter."""

import math

import numpy as np

from qbref.autograd import Tensor


class Optimizer:
    """Changes parameters in place, step by step; subclasses define :meth:`update`.

    Parameters
    ----------
    params : iterable of Tensor
        Trainable leaves, each once, e.g. ``model.parameters()``.
    lr : float
        Learning rate, not negative. ``optimizer.lr`` may be changed between steps; schedules do.

    Attributes
    ----------
    params : list of Tensor
    lr : float
    state : list of dict
        What the optimizer remembers about each parameter, in the order of `params`.

    Examples
    --------
    A rule of one's own:

    >>> from qbref import nn
    >>> class SignSGD(Optimizer):
    ...     def update(self, parameter, state):
    ...         parameter.data -= self.lr * np.sign(parameter.grad)
    >>> w = nn.Parameter([1.0, 2.0])
    >>> w.grad = np.array([5.0, -5.0], np.float32)
    >>> SignSGD([w], lr=0.5).step()
    >>> w.data
    array([0.5, 2.5], dtype=float32)
    """

    def __init__(self, params, lr):
        if isinstance(params, Tensor):
            raise TypeError("params must be an iterable of Tensors, got a single one (put it in a list)")
        self.params = list(params)
        if not self.params:
            raise ValueError("params must hold at least one parameter, got none")
        for i, parameter in enumerate(self.params):
            if not isinstance(parameter, Tensor):
                raise TypeError(f"params must be Tensors, got {type(parameter).__name__} at position {i}")
        if len({id(parameter) for parameter in self.params}) < len(self.params):
            raise ValueError("params must hold every parameter once, got one of them twice")
        self.state = [{} for _ in self.params]
        self.lr = lr

    @property
    def lr(self):
        """The learning rate."""
        return self._lr

    @lr.setter
    def lr(self, value):
        # A Python float, because a NumPy float64 would turn float32 updates into float64 ones.
        self._lr = not_negative("lr", value)

    def zero_grad(self):
        """Forget all gradients: ``grad`` becomes None."""
        for parameter in self.params:
            parameter.grad = None

    def step(self):
        """Update every parameter that has a gradient; the others are left alone."""
        # Once training has diverged, infinities belong to the result and are not worth a warning each.
        with np.errstate(over="ignore", invalid="ignore"):
            for parameter, state in zip(self.params, self.state, strict=True):
                if parameter.grad is not None:
                    self.update(parameter, state)

    def update(self, parameter, state):
        """Change ``parameter.data`` in place, given ``parameter.grad`` and its `state`, at first empty."""
        raise NotImplementedError(f"{type(self).__name__} must define update")


def not_negative(name, value):
    """A finite float, 0 or above."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must not be negative or infinite, got {value!r}")
    return float(value)


def fraction(name, value):
    """A float in [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")
    return float(value)
