"""Rows looked up in a table."""

import numpy as np

from qbref.autograd.tensor import Tensor, as_tensor


def embedding(indices, weight, padding_idx=None):
    """weight[indices]; a row's gradient is the sum of the upstream over all places that used it.

    Parameters
    ----------
    indices : integer ndarray, any shape
    weight : Tensor, shape (rows, width)
    padding_idx : int or None
        A row that gets no gradient; negative counts from the end.

    Returns
    -------
    Tensor, shape indices.shape + (width,)

    Raises
    ------
    TypeError
        If `indices` are not integers.
    ValueError
        If an index or `padding_idx` is not a row.

    Examples
    --------
    >>> from qbref.autograd import Tensor, embedding
    >>> weight = Tensor([[1.0], [2.0]], requires_grad=True)
    >>> embedding([1, 1, 0], weight, padding_idx=0).sum().backward()
    >>> weight.grad
    array([[0.],
           [2.]], dtype=float32)
    """
    indices, weight = np.asarray(indices), as_tensor(weight)
    if weight.ndim != 2:
        raise ValueError(f"weight must have shape (rows, width), got {weight.shape}")
    rows = weight.shape[0]
    if indices.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, got {indices.dtype}")
    if indices.size and not 0 <= indices.min() <= indices.max() < rows:
        raise ValueError(f"indices must be in [0, {rows - 1}], got {indices.min()} to {indices.max()}")
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"padding_idx must be in [{-rows}, {rows - 1}], got {padding_idx}")

    def backward(upstream):
        grad = np.zeros_like(weight.data)
        np.add.at(grad, indices, upstream)
        if padding_idx is not None:
            grad[padding_idx] = 0
        return (grad,)

    return Tensor.from_op(weight.data[indices], (weight,), backward)
