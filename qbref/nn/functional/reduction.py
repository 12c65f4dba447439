"""How a loss of many elements becomes one number."""

from qbref.nn.checks import choice

REDUCTIONS = ("mean", "sum", "none")


def check_reduction(reduction, size):
    """Reject unknown names, and the mean of nothing."""
    choice("reduction", reduction, REDUCTIONS)
    if reduction == "mean" and size == 0:
        raise ValueError("input must not be empty when its mean is taken, got 0 elements")


def reduce_loss(loss, reduction):
    """The mean or the sum of all elements, or the elements themselves."""
    return {"mean": loss.mean, "sum": loss.sum, "none": lambda: loss}[reduction]()
