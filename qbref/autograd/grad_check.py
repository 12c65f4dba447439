"""Is a gradient right? Compare it with difference quotients, element by element."""

import numpy as np

from qbref.autograd.grad_mode import no_grad
from qbref.autograd.tensor import Tensor
from qbref.random import default_rng


def grad_check(fn, inputs, eps=1e-6, rtol=1e-5, atol=1e-7, rng=None):
    """Compare every element of every gradient of `fn` with Σ cotangent · (fn(x + eps) − fn(x − eps)) / 2 eps.

    Parameters
    ----------
    fn : callable
        ``fn(*tensors)`` returns a Tensor of any shape. It must be smooth within `eps` of the inputs and
        return the same value every time.
    inputs : sequence of ndarray or Tensor, or a single one
        Copied to float64 leaves.
    eps : float
        Step of the central difference.
    rtol, atol : float
        The two numbers may differ by atol + rtol · max(|analytic|, |numeric|).
    rng : numpy.random.Generator or None
        Draws the cotangent (the upstream of the analytic gradient), of magnitude 0.5 to 1.5 and random sign:
        a plain sum would not notice errors that cancel.

    Returns
    -------
    True

    Raises
    ------
    AssertionError
        Names the function, the input, the element that is most wrong, and both numbers.
    TypeError
        If `fn` does not return a float64 Tensor.
    ValueError
        If `fn` returns different values for the same inputs.

    Notes
    -----
    The same check as HIPS autograd's ``check_grads`` and PyTorch's ``gradcheck``.

    Examples
    --------
    >>> from qbref.autograd import grad_check
    >>> grad_check(lambda a, b: a * b.tanh(), [[1.0, 2.0], [0.5, -0.5]])
    True
    """
    rng = default_rng(rng)
    if isinstance(inputs, (np.ndarray, Tensor)):
        inputs = [inputs]
    leaves = [_float64_leaf(value) for value in inputs]
    output = fn(*leaves)
    if not isinstance(output, Tensor) or output.dtype != np.float64:
        found = output.dtype if isinstance(output, Tensor) else type(output).__name__
        raise TypeError(f"fn must return a float64 Tensor, got {found}")
    if not np.array_equal(_value(fn, leaves), output.data, equal_nan=True):
        raise ValueError("fn must return the same value for the same inputs, got two different ones")
    cotangent = rng.uniform(0.5, 1.5, output.shape) * rng.choice([-1.0, 1.0], output.shape)
    if output.requires_grad:
        output.backward(cotangent)
    for position, leaf in enumerate(leaves):
        analytic = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad
        numeric = _difference_quotients(fn, leaves, leaf, cotangent, eps)
        _compare(fn, position, analytic, numeric, rtol, atol)
    return True


def _float64_leaf(value):
    array = value.data if isinstance(value, Tensor) else np.asarray(value)
    return Tensor(np.array(array, dtype=np.float64), requires_grad=True)


@no_grad()
def _value(fn, leaves):
    return fn(*leaves).data.copy()


def _difference_quotients(fn, leaves, leaf, cotangent, eps):
    numeric = np.empty(leaf.shape)
    for index in np.ndindex(leaf.shape):
        middle = leaf.data[index]
        leaf.data[index] = middle + eps
        above = _value(fn, leaves)
        leaf.data[index] = middle - eps
        below = _value(fn, leaves)
        leaf.data[index] = middle
        numeric[index] = np.sum(cotangent * (above - below)) / (2 * eps)
    return numeric


def _compare(fn, position, analytic, numeric, rtol, atol):
    allowed = atol + rtol * np.maximum(np.abs(analytic), np.abs(numeric))
    excess = np.abs(analytic - numeric) / allowed
    wrong = ~(excess <= 1)  # also where either is NaN
    if not wrong.any():
        return
    index = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), excess.shape)
    index = tuple(int(i) for i in index)
    name = getattr(fn, "__name__", repr(fn))
    raise AssertionError(
        f"gradient of {name} by input {position} must match the difference quotient at element {index}, "
        f"got analytic {analytic[index]:.10g}, numeric {numeric[index]:.10g} "
        f"({wrong.sum()} of {wrong.size} elements differ)"
    )
