"""Schedules: how the learning rate changes from step to step.

A schedule sets ``optimizer.lr`` when it is made and at every ``step()``, called after ``optimizer.step()``.
Whether a step is a batch or an epoch is up to the caller. ``lr_at(t)`` is the rate of step t = 0, 1, ...
"""

import math

from qbref.optim.optimizer import Optimizer, not_negative


class Schedule:
    """Base class; subclasses define :meth:`lr_at`.

    Parameters
    ----------
    optimizer : Optimizer
        Its current rate is the schedule's `base_lr`.
    """

    def __init__(self, optimizer):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be an Optimizer, got {type(optimizer).__name__}")
        self.optimizer, self.base_lr, self.t = optimizer, optimizer.lr, 0
        optimizer.lr = self.lr_at(0)

    def lr_at(self, t):
        """The learning rate of step t."""
        raise NotImplementedError(f"{type(self).__name__} must define lr_at")

    def step(self):
        """Go on to the next step."""
        self.t += 1
        self.optimizer.lr = self.lr_at(self.t)


class StepLR(Schedule):
    """lr = base_lr gamma^floor(t / step_size).

    Parameters
    ----------
    optimizer : Optimizer
    step_size : int
        Steps between two changes.
    gamma : float
        Factor of each change.

    Examples
    --------
    >>> from qbref import nn, optim
    >>> schedule = StepLR(optim.SGD([nn.Parameter([0.0])], lr=1.0), step_size=2, gamma=0.5)
    >>> [schedule.lr_at(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer, step_size, gamma=0.1):
        self.step_size, self.gamma = _steps("step_size", step_size, 1), not_negative("gamma", gamma)
        super().__init__(optimizer)

    def lr_at(self, t):
        """The learning rate of step t."""
        return self.base_lr * self.gamma ** (t // self.step_size)


class WarmupCosineLR(Schedule):
    """A linear rise over W = warmup_steps, then half a cosine down to min_lr at t = T = total_steps.

    ::

        t < W:       lr = base_lr (t + 1) / (W + 1)
        W <= t < T:  lr = min_lr + (base_lr - min_lr) (1 + cos(pi (t - W) / (T - W))) / 2
        t >= T:      lr = min_lr

    Parameters
    ----------
    optimizer : Optimizer
    total_steps : int
    warmup_steps : int
        Less than `total_steps`; 0 for none.
    min_lr : float

    Notes
    -----
    The rate is never 0 in a warm-up, so no step is wasted, and reaches base_lr at t = W. Without warm-up
    this is PyTorch's CosineAnnealingLR up to t = T. Loshchilov and Hutter, arXiv:1608.03983, eq. 5.

    Examples
    --------
    >>> from qbref import nn, optim
    >>> schedule = WarmupCosineLR(optim.SGD([nn.Parameter([0.0])], lr=1.0), total_steps=5, warmup_steps=1)
    >>> [round(schedule.lr_at(t), 4) for t in range(6)]
    [0.5, 1.0, 0.8536, 0.5, 0.1464, 0.0]
    """

    def __init__(self, optimizer, total_steps, warmup_steps=0, min_lr=0.0):
        self.total_steps = _steps("total_steps", total_steps, 1)
        self.warmup_steps = _steps("warmup_steps", warmup_steps, 0)
        if warmup_steps >= total_steps:
            raise ValueError(f"warmup_steps must be below total_steps ({total_steps}), got {warmup_steps}")
        self.min_lr = not_negative("min_lr", min_lr)
        super().__init__(optimizer)

    def lr_at(self, t):
        """The learning rate of step t."""
        W, T = self.warmup_steps, self.total_steps
        if t < W:
            return self.base_lr * (t + 1) / (W + 1)
        if t >= T:
            return self.min_lr
        return self.min_lr + (self.base_lr - self.min_lr) * (1 + math.cos(math.pi * (t - W) / (T - W))) / 2


def _steps(name, value, minimum):
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}")
    return value
