"""An ndarray that remembers how it was made, so that gradients can flow back to where it came from.

An operation computes its result and, standing right beside it, the rule that carries the gradient of the
result (`upstream`) back to its operands; :meth:`Tensor.from_op` ties the two together::

    def exp(x):
        y = np.exp(x.data)
        return Tensor.from_op(y, (x,), lambda upstream: (upstream * y,))

:meth:`Tensor.backward` then walks from results to operands and applies each rule once. The layout follows
A. Karpathy's micrograd (github.com/karpathy/micrograd), with arrays in place of scalars.
"""

import numpy as np

from qbref.autograd.grad_mode import is_grad_enabled

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Tensor:
    """A float32 or float64 array with a gradient.

    Parameters
    ----------
    data : ndarray, number or nested list
        An ndarray is shared, not copied, and must be float32 or float64. Numbers and lists become float32.
    requires_grad : bool
        Whether :meth:`backward` shall leave a gradient in `grad`.
    dtype : numpy.float32, numpy.float64 or None
        Converts `data`, whatever real numbers it holds.

    Attributes
    ----------
    data : ndarray
        The values. Replacing or changing them between forward and backward falsifies the gradient.
    grad : ndarray or None
        Gradient, of `data`'s shape and dtype. :meth:`backward` fills it in leaves: tensors no operation made.
    requires_grad : bool

    Raises
    ------
    TypeError
        If `data` is an ndarray of another dtype, or `dtype` is neither float32 nor float64.

    Examples
    --------
    >>> from qbref.autograd import Tensor
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __array_ufunc__ = None  # ndarray + Tensor shall call Tensor.__radd__ instead of looping over elements

    def __init__(self, data, requires_grad=False, dtype=None):
        self.data = _float_array(data, dtype)
        self.grad = None
        self.requires_grad = bool(requires_grad)
        self._parents = ()
        self._backward = None

    @classmethod
    def from_op(cls, data, parents, backward):
        """Return the result of an operation, tied to its operands by its gradient rule.

        Parameters
        ----------
        data : ndarray, float32 or float64
            The result.
        parents : sequence of Tensor
            The operands.
        backward : callable
            ``backward(upstream)`` takes the gradient of the result (an ndarray of its shape and dtype, not
            to be written to) and returns a tuple with one entry per parent: an ndarray of the parent's
            shape, or None for no gradient.

        Returns
        -------
        Tensor
            Without a graph if gradients are off (:func:`no_grad`) or no parent requires one.

        Examples
        --------
        A straight-through rounding:

        >>> from qbref.autograd import Tensor
        >>> x = Tensor([0.4, 1.6], requires_grad=True)
        >>> y = Tensor.from_op(np.round(x.data), (x,), lambda upstream: (upstream,))
        >>> y.sum().backward()
        >>> y.data, x.grad
        (array([0., 2.], dtype=float32), array([1., 1.], dtype=float32))
        """
        result = Tensor(data)
        if is_grad_enabled() and any(parent.requires_grad for parent in parents):
            result.requires_grad = True
            result._parents = tuple(parents)
            result._backward = backward
        return result

    def backward(self, upstream=None, retain_graph=False):
        """Add d(self)/d(leaf) · upstream to the `grad` of every leaf this tensor was computed from.

        Parameters
        ----------
        upstream : ndarray of this tensor's shape and dtype, or None
            Gradient of the final quantity by this tensor. None means 1 and is allowed for one element only.
        retain_graph : bool
            Keep the graph for another call; otherwise every array the operations saved is released on the
            way.

        Raises
        ------
        ValueError
            If `upstream` is missing or has the wrong shape.
        TypeError
            If `upstream` has the wrong dtype.
        RuntimeError
            If nothing here requires a gradient, or the graph was released by an earlier call.

        Notes
        -----
        Gradients add up over calls until :meth:`zero_grad`. Only memory bounds the depth of a graph.
        """
        upstream = self._checked_upstream(upstream)
        order = _topological_order(self)
        gradients = {id(self): upstream}
        while order:
            node = order.pop()
            gradient = gradients.pop(id(node), None)
            if gradient is not None:
                node._pass_on(gradient, gradients)
            if node._parents and not retain_graph:
                node._parents, node._backward = (), _released

    def _pass_on(self, gradient, gradients):
        """Give `gradient` to the parents through the rule of this operation, or keep it, in a leaf."""
        if self._backward is None:
            # A new array, because a rule may hand on its upstream, and the same array to several parents.
            self.grad = np.array(gradient if self.grad is None else self.grad + gradient, order="C")
            return
        for parent, part in zip(self._parents, self._backward(gradient), strict=True):
            if part is None or not parent.requires_grad:
                continue
            part = np.asarray(part, dtype=parent.data.dtype)
            if part.shape != parent.data.shape:
                raise ValueError(f"backward must return a gradient of shape {parent.shape}, got {part.shape}")
            known = gradients.get(id(parent))
            gradients[id(parent)] = part if known is None else np.asarray(known + part)

    def _checked_upstream(self, upstream):
        if not self.requires_grad:
            raise RuntimeError(
                "backward must start from a tensor with requires_grad=True, got requires_grad=False"
            )
        if upstream is None:
            if self.size != 1:
                raise ValueError(
                    f"upstream must be given unless there is one element, got shape {self.shape}"
                )
            return np.ones_like(self.data)
        if isinstance(upstream, Tensor):
            upstream = upstream.data
        elif not isinstance(upstream, (np.ndarray, np.generic)):
            upstream = np.asarray(upstream, dtype=self.dtype)
        if upstream.dtype != self.dtype:
            raise TypeError(f"upstream must be {self.dtype} as the tensor is, got {upstream.dtype}")
        if upstream.shape != self.shape:
            raise ValueError(f"upstream must have the tensor's shape {self.shape}, got {upstream.shape}")
        return upstream

    def zero_grad(self):
        """Forget the gradient: `grad` becomes None."""
        self.grad = None

    def detach(self):
        """Return a tensor that shares `data` and has no history."""
        return Tensor(self.data)

    def numpy(self):
        """Return `data`, shared."""
        return self.data

    def item(self):
        """Return the only element as a Python float."""
        if self.size != 1:
            raise ValueError(f"item must be called on one element, got shape {self.shape}")
        return self.data.item()

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    dtype = property(lambda self: self.data.dtype)

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __float__(self):
        return self.item()

    def __bool__(self):
        return bool(self.item())

    def __array__(self, dtype=None, copy=None):
        raise TypeError("a Tensor must be converted by .data or .numpy(), got an implicit conversion")

    def __repr__(self):
        values = np.array2string(self.data, separator=", ", prefix="Tensor(")
        dtype = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        return f"Tensor({values}{dtype}{', requires_grad=True' if self.requires_grad else ''})"

    def __reduce_ex__(self, protocol):
        if self._backward is not None:  # a copied rule would still point at the original's operands
            raise RuntimeError(
                "a copied Tensor must be a leaf, got the result of an operation: detach() it first"
            )
        return super().__reduce_ex__(protocol)


def as_tensor(value, dtype=None):
    """Return `value` as a Tensor: itself, or a constant. A bare number takes `dtype` (None: float32).

    Examples
    --------
    >>> as_tensor(2)
    Tensor(2.)
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (int, float, np.generic)):
        return Tensor(value, dtype=dtype or np.float32)
    return Tensor(value)


def _float_array(data, dtype):
    if dtype is not None and np.dtype(dtype) not in FLOATS:
        raise TypeError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
    if isinstance(data, Tensor):
        raise TypeError("data must be an ndarray, a number or a list, got a Tensor (its array is .data)")
    array = np.asarray(data)
    if dtype is None:
        if array.dtype in FLOATS and isinstance(data, (np.ndarray, np.generic)):
            return array
        if isinstance(data, (np.ndarray, np.generic)):
            raise TypeError(f"data must be float32 or float64, got {array.dtype}")
    if array.dtype.kind not in "biuf":
        raise TypeError(f"data must hold real numbers, got {array.dtype}")
    return array.astype(dtype or np.float32, copy=False)


def _topological_order(root):
    """Every tensor `root` depends on that requires a gradient, operands before results."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif id(node) not in seen:
            if node._backward is _released:
                raise RuntimeError(
                    "the graph must still be there, got one released by an earlier backward call: "
                    "pass retain_graph=True to that call"
                )
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((parent, False) for parent in node._parents if parent.requires_grad)
    return order


def _released(upstream):
    """The rule of a tensor whose graph is gone."""
