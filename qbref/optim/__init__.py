"""Optimizers, learning-rate schedules and gradient clipping."""

from qbref.optim.adam import Adam, AdamW
from qbref.optim.bop import Bop
from qbref.optim.clipping import clip_grad_norm_, clip_grad_value_
from qbref.optim.optimizer import Optimizer
from qbref.optim.schedules import Schedule, StepLR, WarmupCosineLR
from qbref.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Bop",
    "Optimizer",
    "Schedule",
    "StepLR",
    "WarmupCosineLR",
    "clip_grad_norm_",
    "clip_grad_value_",
]
