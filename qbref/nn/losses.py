"""Losses as modules; the formulas are in :mod:`qbref.nn.functional`."""

import numpy as np

from qbref.nn import functional as F
from qbref.nn.checks import choice, probability
from qbref.nn.functional.reduction import REDUCTIONS
from qbref.nn.module import Module


class _Loss(Module):
    """A loss with a way to reduce it; subclasses name the function."""

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = choice("reduction", reduction, REDUCTIONS)

    def forward(self, input, target):
        """The loss of `input` given `target`."""
        return self.function(input, target, reduction=self.reduction)

    def extra_repr(self):
        """The constructor's argument; the default is left out."""
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """:func:`qbref.nn.functional.cross_entropy` with its options fixed.

    Parameters
    ----------
    weight : float array, shape (C,), or None
    reduction : {"mean", "sum", "none"}
    label_smoothing : float in [0, 1)

    Examples
    --------
    >>> from qbref import nn
    >>> round(nn.CrossEntropyLoss()(np.zeros((4, 2), np.float32), np.array([0, 1, 1, 0])).item(), 4)  # log 2
    0.6931
    """

    def __init__(self, weight=None, reduction="mean", label_smoothing=0.0):
        super().__init__(reduction)
        self.label_smoothing = probability("label_smoothing", label_smoothing)
        if weight is None:
            self.weight = None
        else:
            self.register_buffer("weight", np.array(weight, np.float32))

    def forward(self, input, target):
        """The loss of logits (N, C) given classes (N,)."""
        return F.cross_entropy(input, target, self.weight, self.reduction, self.label_smoothing)


class BCEWithLogitsLoss(_Loss):
    """:func:`qbref.nn.functional.binary_cross_entropy_with_logits`."""

    function = staticmethod(F.binary_cross_entropy_with_logits)


class MSELoss(_Loss):
    """:func:`qbref.nn.functional.mse_loss`."""

    function = staticmethod(F.mse_loss)


class HingeLoss(_Loss):
    """:func:`qbref.nn.functional.hinge_loss`."""

    function = staticmethod(F.hinge_loss)


class SquaredHingeLoss(_Loss):
    """:func:`qbref.nn.functional.squared_hinge_loss`."""

    function = staticmethod(F.squared_hinge_loss)
