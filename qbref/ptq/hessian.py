"""Sensitivity from the curvature of the loss (HAWQ-v2, arXiv:1911.03852): no network is quantized.

At a minimum of the loss the first-order term vanishes, and moving the weights W of a layer by dW costs
``dW^T H dW / 2``. Where dW has no preferred direction, the mean of that is ``mean_trace(H) ||dW||^2 / 2``:
large where the loss is sharp (H) and where the levels are coarse (dW).
"""

from typing import NamedTuple

import numpy as np

from qbref.nn import functional as F
from qbref.ptq.fold_batchnorm import fold_batchnorm
from qbref.ptq.storage import dense_bytes
from qbref.ptq.table import Table
from qbref.ptq.weight_layers import layer_report, quantized, require_widths, weight_layers
from qbref.qnn import QuantConfig
from qbref.random import default_rng

RELATIVE_STEP = 1e-4


class HessianTrace(NamedTuple):
    """The curvature of the loss along the weights of one layer.

    Attributes
    ----------
    path, layer : str
    trace : float
        Estimated sum of the eigenvalues of the layer's diagonal block of the Hessian.
    standard_error : float
        Of `trace`; NaN for a single sample.
    mean_trace : float
        The trace divided by the number of weights: the mean eigenvalue.
    """

    path: str
    layer: str
    trace: float
    standard_error: float
    mean_trace: float


class HessianSensitivity(NamedTuple):
    """Omega of one layer at one width.

    Attributes
    ----------
    path, layer : str
    n_bits : int
    nbytes : int
        Of the layer's weights as stored.
    omega : float
        mean_trace * ||Q(W) - W||^2.
    """

    path: str
    layer: str
    n_bits: int
    nbytes: int
    omega: float


def hessian_vector_product(gradient, w, v, step):
    """H v = (gradient(w + step v) - gradient(w - step v)) / (2 step): exact where the loss is quadratic.

    Parameters
    ----------
    gradient : callable
        float64 ndarray → ndarray of the same shape.
    w, v : float64 ndarray
    step : float
        The error is of order step**2, the rounding error of order 1e-16 / step.

    Examples
    --------
    >>> hessian_vector_product(lambda w: w**3, np.array([2.0]), np.array([1.0]), 1e-4).round(6)
    array([12.])
    """
    return (gradient(w + step * v) - gradient(w - step * v)) / (2 * step)


def hessian_trace(model, x, y, loss=F.cross_entropy, samples=16, rng=None):
    """Tr(H_i) = E[v^T H_i v], v of independent -1 and +1: the Hutchinson estimate, layer by layer.

    Parameters
    ----------
    model : Module
        Any trained model; not changed. Batch normalization is folded first.
    x : ndarray (N, …)
        A few hundred samples, run at once and in float64.
    y : ndarray
        Targets of `loss`.
    loss : callable
        ``loss(outputs, y)`` gives the mean loss as a Tensor.
    samples : int
        Vectors v per layer; each costs two gradients.
    rng : numpy.random.Generator or None

    Returns
    -------
    Table of HessianTrace
        With `report`.

    Notes
    -----
    H_i is the block of one layer's weights, all others held fixed; v has no entries elsewhere, so blocks do
    not disturb one another. The variance of an estimate is ``2 sum_{j != k} H_jk**2 / samples``: a diagonal
    Hessian takes one sample. A ReLU is taken as linear on both sides of its kink, as automatic
    differentiation does.

    Examples
    --------
    >>> from qbref import nn, ptq
    >>> model = nn.Sequential(nn.Linear(2, 1, bias=False))
    >>> x, y = np.array([[3.0, 0.0], [0.0, 1.0]], np.float32), np.zeros((2, 1), np.float32)
    >>> (row,) = ptq.hessian_trace(model, x, y, loss=nn.functional.mse_loss)
    >>> round(row.trace, 6)  # of sum (w x)**2 / 2: diag(9, 1)
    10.0
    """
    if isinstance(samples, bool) or not isinstance(samples, (int, np.integer)) or samples < 1:
        raise ValueError(f"samples must be a positive integer, got {samples!r}")
    rng = default_rng(rng)
    folded = fold_batchnorm(model).eval().to(np.float64)
    x = np.asarray(x)
    x = x.astype(np.float64) if x.dtype.kind == "f" else x
    y = np.asarray(y)
    y = y.astype(np.float64) if y.dtype.kind == "f" else y
    rows = []
    layers = weight_layers(folded)
    for path, layer in layers.items():
        w = layer.weight.data
        step = RELATIVE_STEP * (np.sqrt(np.mean(np.square(w))) or 1.0)
        gradient = _gradient_of(folded, layer, x, y, loss)
        vs = (rng.choice([-1.0, 1.0], w.shape) for _ in range(samples))
        estimates = [float((v * hessian_vector_product(gradient, w, v, step)).sum()) for v in vs]
        layer.weight.data = w
        trace, error = float(np.mean(estimates)), _standard_error(estimates)
        rows.append(HessianTrace(path, type(layer).__name__, trace, error, trace / w.size))
    action = f"Hessian trace from {samples} samples"
    return Table(rows, layer_report(folded, dict.fromkeys(layers, action), folded.report))


def hessian_sensitivity(model, traces, n_bits=(2, 4, 8), config=None):
    """Omega = mean_trace(H_i) * ||Q(W_i) - W_i||^2 for every layer and width (HAWQ-v2, eq. 2.11).

    Parameters
    ----------
    model : Module
        The one of which `traces` were taken; not changed.
    traces : Table of HessianTrace
        From :func:`hessian_trace`.
    n_bits : iterable of int
    config : QuantConfig or None
        Its weight schemes, with their number of bits replaced.

    Returns
    -------
    Table of HessianSensitivity
        With `report`; feed it to :func:`qbref.ptq.allocate` with ``by="omega"``.

    Notes
    -----
    The paper leaves out the factor 1/2: Omega is twice the expected rise of the loss, as far as the loss is
    quadratic and rounding errors have no preferred direction. A negative trace (not a minimum) is kept.

    On the network that :func:`qbref.ptq.sensitivity` names, the ranks of Omega and of the measured rise of
    the loss over layers and widths 2 and 4 correlate by 0.81 (8 samples on 100 images). The bits allocated
    by Omega at 3,016 bytes are the best of the 18 possible choices, 97 % right.

    Examples
    --------
    >>> from qbref import nn, ptq
    >>> model = nn.Sequential(nn.Linear(2, 1, bias=False))
    >>> model[0].weight.data[:] = [[7.0, 3.5]]
    >>> x, y = np.array([[3.0, 0.0], [0.0, 1.0]], np.float32), np.zeros((2, 1), np.float32)
    >>> traces = ptq.hessian_trace(model, x, y, loss=nn.functional.mse_loss)
    >>> print(ptq.hessian_sensitivity(model, traces, n_bits=[2, 4]))  # 5 * 3.5**2 and 5 * 0.5**2
    path  layer   n_bits  nbytes  omega
    0     Linear       2       1  61.25
    0     Linear       4       1   1.25
    """
    n_bits, config = require_widths(n_bits), config or QuantConfig()
    layers = dict(fold_batchnorm(model).named_modules())
    rows = []
    for row in traces:
        w = layers[row.path].weight.data
        for bits in n_bits:
            error = quantized(w, config.weights_of(row.path), bits, config.rounding).astype(np.float64) - w
            omega = row.mean_trace * float(np.square(error).sum())
            rows.append(HessianSensitivity(row.path, row.layer, bits, dense_bytes(w.shape, bits), omega))
    return Table(rows, traces.report)


def _gradient_of(model, layer, x, y, loss):
    """The function from a layer's weights to the gradient of the loss with respect to them."""

    def gradient(w):
        layer.weight.data = w
        model.zero_grad()
        loss(model(x), y).backward()
        return layer.weight.grad

    return gradient


def _standard_error(estimates):
    if len(estimates) == 1:
        return float("nan")
    return float(np.std(estimates, ddof=1) / np.sqrt(len(estimates)))
