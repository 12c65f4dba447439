"""Matrix products."""

import math

from qbref.autograd.ops_shape import reshape
from qbref.autograd.shapes import unbroadcast
from qbref.autograd.tensor import Tensor, as_tensor


def matmul(a, b):
    """a @ b; gradients upstream @ bᵀ and aᵀ @ upstream.

    Parameters
    ----------
    a : Tensor, shape (..., M, K) or (K,)
    b : Tensor, shape (..., K, N) or (K,)

    Returns
    -------
    Tensor, shape (..., M, N)
        Leading axes broadcast. A vector operand loses its axis again, as in NumPy.

    Raises
    ------
    ValueError
        If an operand is a scalar or the lengths K differ.

    Examples
    --------
    >>> from qbref.autograd import Tensor, matmul
    >>> matmul(Tensor([[1.0, 2.0]]), Tensor([3.0, 4.0]))
    Tensor([11.])
    """
    a, b = as_tensor(a), as_tensor(b)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"a and b must have at least one axis, got shapes {a.shape} and {b.shape}")
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"a and b must agree in the summed length, got shapes {a.shape} and {b.shape}")
    if a.ndim > 2 and b.ndim == 2:  # one tall product is faster than many small ones
        rows = reshape(a, math.prod(a.shape[:-1]), a.shape[-1])
        return reshape(matmul(rows, b), *a.shape[:-1], b.shape[1])
    a_data = a.data[None, :] if a.ndim == 1 else a.data
    b_data = b.data[:, None] if b.ndim == 1 else b.data
    y = a_data @ b_data
    vector_axes = ((-2,) if a.ndim == 1 else ()) + ((-1,) if b.ndim == 1 else ())

    def backward(upstream):
        upstream = upstream.reshape(y_shape)
        grad_a = grad_b = None
        if a.requires_grad:
            grad_a = unbroadcast(upstream @ b_data.swapaxes(-1, -2), a_data.shape).reshape(a.shape)
        if b.requires_grad:
            grad_b = unbroadcast(a_data.swapaxes(-1, -2) @ upstream, b_data.shape).reshape(b.shape)
        return grad_a, grad_b

    y_shape = y.shape
    return Tensor.from_op(y.squeeze(vector_axes), (a, b), backward)
