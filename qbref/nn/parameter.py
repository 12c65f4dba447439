"""Tensors that are trained."""

from qbref.autograd import Tensor


class Parameter(Tensor):
    """A tensor that is trained: requires_grad is True, and assigning it to a module registers it.

    Parameters
    ----------
    data : float ndarray, Tensor, float or list of floats
        Copied, so that training never writes into the caller's array.

    Examples
    --------
    >>> Parameter([1.0, 2.0]).requires_grad
    True
    """

    def __init__(self, data):
        tensor = data if isinstance(data, Tensor) else Tensor(data)
        super().__init__(tensor.data.copy(), requires_grad=True)
