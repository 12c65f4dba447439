"""Whether operations remember how to go back."""

import threading
from contextlib import contextmanager


class _Mode(threading.local):
    enabled = True


_mode = _Mode()


def is_grad_enabled():
    """Return whether operations of this thread build a graph."""
    return _mode.enabled


@contextmanager
def no_grad():
    """Operations inside build no graph: results do not require a gradient and keep nothing alive.

    Works as ``with no_grad():`` and as the decorator ``@no_grad()``, may be nested, and leaves other
    threads alone.

    Examples
    --------
    >>> from qbref.autograd import Tensor, no_grad
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     y = w * 3
    >>> y.requires_grad
    False
    """
    before = _mode.enabled
    _mode.enabled = False
    try:
        yield
    finally:
        _mode.enabled = before
