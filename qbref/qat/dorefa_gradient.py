"""Gradients of few bits, with noise that makes their rounding fair (DoReFa-Net, arXiv:1606.06160, 2.5)."""

import numpy as np

from qbref.autograd import Tensor
from qbref.quant.checks import as_float_array, as_n_bits
from qbref.random import default_rng


def quantize_gradient(x, n_bits, rng=None):
    """y = x; backward, dx = the upstream gradient, quantized by :func:`quantized_gradient`.

    Parameters
    ----------
    x : Tensor, shape (N, ...)
        The batch first: every sample has a range of its own.
    n_bits : int
        1 to 16; the paper trains with 2 to 6.
    rng : numpy.random.Generator, optional
        Drawn from in the backward pass.

    Returns
    -------
    Tensor of the values of `x`

    Examples
    --------
    >>> x = Tensor([[0.0, 0.0]], requires_grad=True)
    >>> quantize_gradient(x, n_bits=1).backward(np.array([[2.0, -2.0]], np.float32)); x.grad
    array([[ 2., -2.]], dtype=float32)
    """
    as_n_bits(n_bits, 1, 16)
    return Tensor.from_op(x.data, (x,), lambda upstream: (quantized_gradient(upstream, n_bits, rng),))


def quantized_gradient(g, n_bits, rng=None):
    """g~ = 2 m (Q_k(clip(g / (2 m) + 1/2 + noise, 0, 1)) - 1/2), m = max|g| of each sample.

    The noise is uniform in ±1/2 step, a step being 1/n with n = 2**n_bits - 1. Rounding then errs as often
    up as down: the mean of g~ over the noise is g.

    Parameters
    ----------
    g : float32 or float64 array, shape (N, ...), finite
    n_bits : int
        1 to 16.
    rng : numpy.random.Generator, optional

    Returns
    -------
    array in the dtype and shape of `g`
        m times an odd multiple of 1/n; 0 in a sample that is 0 throughout.

    Notes
    -----
    The levels have no 0: where m is not 0, elements with gradient 0 get ±m/n. The clip is in the authors'
    code only (tensorpack, examples/DoReFa-Net/dorefa.py); without it a tie could leave the levels.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> quantized_gradient([[3.0, 0.6, -1.8], [-9.0, 9.0, 0.0]], n_bits=2, rng=rng)
    array([[ 3.,  1., -3.],
           [-9.,  9.,  3.]], dtype=float32)
    """
    g = as_float_array(g)
    n = 2 ** as_n_bits(n_bits, 1, 16) - 1
    m = np.abs(g).max(axis=tuple(range(1, g.ndim)), keepdims=True, initial=0)
    noise = default_rng(rng).uniform(-0.5, 0.5, g.shape) / n
    u = np.clip(g / np.where(m > 0, 2 * m, 1) + 0.5 + noise, 0, 1)
    return (2 * m * (np.rint(n * u) / n - 0.5)).astype(g.dtype)
