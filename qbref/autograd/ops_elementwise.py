"""Arithmetic element by element: each result beside its gradient rule. Operands broadcast as in NumPy."""

import numpy as np

from qbref.autograd.shapes import unbroadcast
from qbref.autograd.tensor import Tensor, as_tensor


def _operands(a, b):
    """Both as Tensors; a bare number takes the other's dtype, so that it cannot upcast a float32 graph."""
    if not isinstance(a, Tensor) and np.ndim(a) == 0 and not isinstance(a, np.ndarray):
        b = as_tensor(b)
        return as_tensor(a, b.dtype), b
    a = as_tensor(a)
    return a, as_tensor(b, a.dtype)


def add(a, b):
    """a + b; both gradients are the upstream."""
    a, b = _operands(a, b)

    def backward(upstream):
        return unbroadcast(upstream, a.shape), unbroadcast(upstream, b.shape)

    return Tensor.from_op(a.data + b.data, (a, b), backward)


def subtract(a, b):
    """a − b; gradients upstream and −upstream."""
    a, b = _operands(a, b)

    def backward(upstream):
        grad_b = unbroadcast(-upstream, b.shape) if b.requires_grad else None
        return unbroadcast(upstream, a.shape), grad_b

    return Tensor.from_op(a.data - b.data, (a, b), backward)


def multiply(a, b):
    """a · b; gradients b · upstream and a · upstream."""
    a, b = _operands(a, b)
    a_data, b_data = a.data, b.data

    def backward(upstream):
        grad_a = unbroadcast(upstream * b_data, a.shape) if a.requires_grad else None
        grad_b = unbroadcast(upstream * a_data, b.shape) if b.requires_grad else None
        return grad_a, grad_b

    return Tensor.from_op(a_data * b_data, (a, b), backward)


def divide(a, b):
    """a / b; gradients upstream / b and −upstream · a / b²."""
    a, b = _operands(a, b)
    b_data = b.data
    y = a.data / b_data

    def backward(upstream):
        grad = upstream / b_data
        grad_b = unbroadcast(-grad * y, b.shape) if b.requires_grad else None
        return unbroadcast(grad, a.shape), grad_b

    return Tensor.from_op(y, (a, b), backward)


def negative(x):
    """−x; gradient −upstream."""
    x = as_tensor(x)
    return Tensor.from_op(-x.data, (x,), lambda upstream: (-upstream,))


def power(base, exponent):
    """base ** exponent; gradients exponent · base ** (exponent − 1) and base ** exponent · log(base).

    Notes
    -----
    As in PyTorch, an exponent of 0 gives no gradient to any base, a base of 0 none to an exponent ≥ 0, and
    where the slope is infinite (0 ** 0.5) the gradient is inf.
    """
    base, exponent = _operands(base, exponent)
    x, p = base.data, exponent.data
    y = _power(x, p)

    def backward(upstream):
        grad_x = grad_p = None
        with np.errstate(divide="ignore", invalid="ignore"):
            if base.requires_grad:
                slope = np.where(p == 0, 0, p * _power(x, p - 1))
                grad_x = unbroadcast(upstream * slope, base.shape)
            if exponent.requires_grad:
                slope = np.where((x == 0) & (p >= 0), 0, y * np.log(x))
                grad_p = unbroadcast(upstream * slope, exponent.shape)
        return grad_x, grad_p

    return Tensor.from_op(y, (base, exponent), backward)


def _power(x, p):
    """NumPy squares, inverts and takes roots much faster when the exponent is a Python number."""
    return x ** (float(p) if p.ndim == 0 else p)


def exp(x):
    """e ** x; gradient exp(x) · upstream."""
    x = as_tensor(x)
    y = np.exp(x.data)
    return Tensor.from_op(y, (x,), lambda upstream: (upstream * y,))


def log(x):
    """Natural logarithm; gradient upstream / x. log(0) is −inf, with gradient inf, as in PyTorch."""
    x = as_tensor(x)
    x_data = x.data

    def backward(upstream):
        with np.errstate(divide="ignore"):
            return (upstream / x_data,)

    with np.errstate(divide="ignore"):
        y = np.log(x_data)
    return Tensor.from_op(y, (x,), backward)


def sqrt(x):
    """√x; gradient upstream / (2 √x), which is inf at 0, as in PyTorch."""
    x = as_tensor(x)
    y = np.sqrt(x.data)

    def backward(upstream):
        with np.errstate(divide="ignore"):
            return (upstream / (2 * y),)

    return Tensor.from_op(y, (x,), backward)


def abs(x):
    """|x|; gradient sign(x) · upstream, 0 at 0."""
    x = as_tensor(x)
    x_data = x.data
    return Tensor.from_op(np.abs(x_data), (x,), lambda upstream: (upstream * np.sign(x_data),))


def clip(x, lo=None, hi=None):
    """min(max(x, lo), hi); the upstream passes where lo ≤ x ≤ hi, bounds included, as in PyTorch's clamp.

    Parameters
    ----------
    x : Tensor
    lo, hi : float or None
        Bounds; None for no bound on that side.

    Raises
    ------
    ValueError
        If both bounds are None, or lo > hi.

    Examples
    --------
    >>> from qbref.autograd import Tensor, clip
    >>> clip(Tensor([-2.0, 0.5, 3.0]), -1, 1)
    Tensor([-1. ,  0.5,  1. ])
    """
    if lo is None and hi is None:
        raise ValueError("lo and hi must not both be None, got None and None")
    if lo is not None and hi is not None and lo > hi:
        raise ValueError(f"lo must be at most hi, got {lo} and {hi}")
    x = as_tensor(x)
    x_data = x.data
    lo = -np.inf if lo is None else float(lo)
    hi = np.inf if hi is None else float(hi)

    def backward(upstream):
        return (upstream * ((x_data >= lo) & (x_data <= hi)),)

    return Tensor.from_op(np.clip(x_data, lo, hi), (x,), backward)


def maximum(a, b):
    """Larger of a and b, which gets the upstream; equal elements get half of it each, as in PyTorch."""
    return _larger(np.maximum, np.greater, a, b)


def minimum(a, b):
    """Smaller of a and b, which gets the upstream; equal elements get half of it each, as in PyTorch."""
    return _larger(np.minimum, np.less, a, b)


def _larger(choose, is_chosen, a, b):
    a, b = _operands(a, b)
    a_data, b_data = a.data, b.data

    def backward(upstream):
        half = 0.5 * (a_data == b_data)
        grad_a = upstream * (is_chosen(a_data, b_data) + half)
        grad_b = upstream * (is_chosen(b_data, a_data) + half)
        return unbroadcast(grad_a, a.shape), unbroadcast(grad_b, b.shape)

    return Tensor.from_op(choose(a_data, b_data), (a, b), backward)


def where(condition, a, b):
    """a where condition, else b; the upstream goes to the one taken.

    Parameters
    ----------
    condition : bool ndarray
        Broadcasts with `a` and `b`.
    a, b : Tensor, ndarray or number

    Examples
    --------
    >>> from qbref.autograd import Tensor, where
    >>> x = Tensor([-2.0, 3.0])
    >>> where(x.data > 0, x, 0.1 * x)
    Tensor([-0.2,  3. ])
    """
    condition = np.asarray(condition)
    if condition.dtype != bool:
        raise TypeError(f"condition must be bool, got {condition.dtype}")
    a, b = _operands(a, b)

    def backward(upstream):
        grad_a, grad_b = np.where(condition, upstream, 0), np.where(condition, 0, upstream)
        return unbroadcast(grad_a, a.shape), unbroadcast(grad_b, b.shape)

    return Tensor.from_op(np.where(condition, a.data, b.data), (a, b), backward)
