"""AdaRound: learn, for every weight, whether to round up or down."""

import numpy as np

from qbref.autograd import Tensor
from qbref.nn import Parameter
from qbref.optim import Adam
from qbref.ptq.layerwise import choose_integers
from qbref.qnn.product import bounded
from qbref.random import default_rng

ZETA, GAMMA = 1.1, -0.1  # the rectified sigmoid reaches 0 and 1 at finite V
UNDECIDED = 0.05  # farther than this from 0 and 1 is h at the end


def adaround(
    q,
    calibration_batches,
    iterations=500,
    batch_size=64,
    lr=0.1,
    regularization=0.01,
    beta=(20, 2),
    warmup=0.2,
    samples=8192,
    progress=None,
    rng=None,
):
    """W_hat = s clip(floor(W / s) + h, qmin, qmax), h in {0, 1} chosen by the layer's output, not by W.

    Rounding to nearest minimizes the error of each weight. What matters is the error of the output, in
    which the errors of many weights may cancel. AdaRound (Nagel et al. 2020, arXiv:2004.10568) relaxes the
    choice to ``h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1)`` and minimizes over V, layer by layer and by Adam::

        |f(W x + b) - f(W_hat x_hat + b)|^2 + lambda sum(1 - |2 h(V) - 1|^beta)                  (eq. 24, 25)

    x being the layer's input in the float network, x_hat in the quantized one, f the fused activation. V
    starts where h(V) is the fraction that rounding cuts off. The second term drives h to 0 or 1: a large
    beta leaves those in the middle free, a small one decides them too.

    Parameters
    ----------
    q : Module
        From :func:`qbref.ptq.quantize_static`; not changed.
    calibration_batches : iterable of float32 ndarray or of (x, y) pairs
    iterations, batch_size, lr : int, int, float
        Steps per layer, rows of X in each, and Adam's step.
    regularization : float
        lambda. It competes with squared outputs and should be small where they are small. Where the report
        tells that many h were undecided at the end, which rounding takes to the nearer of 0 and 1, a larger
        one helps.
    beta : (float, float)
        First and last beta; a half cosine leads from one to the other.
    warmup : float
        Share of the iterations without the second term.
    samples : int
        About as many rows of X (images of a Linear, output positions of a Conv2d) are drawn per layer.
    progress : callable or None
        ``progress(fraction, note)``.
    rng : numpy.random.Generator or None

    Returns
    -------
    Module
        A copy with latent weights on points of the grid, which is fixed; its `report` adds to that of `q`
        how many weights of each layer are not at the nearest integer, and the relative squared error of
        its output on the sampled rows before and after. Weights that are not evenly spaced are left alone.

    Notes
    -----
    The loss, a sum over channels and a mean over positions, and the cosine are those of the authors' code
    (AIMET, adaround_loss.py). It takes 10000 steps of 0.01; fewer and longer ones bring small networks as
    far. Many weights can be fitted to few images, so what counts is the error on others: 360 bundled digits
    (96.9 % right in float), for a convolutional network with weights per tensor, those of 2 bits with
    ``clip="mse"``, and 8-bit activations:

    ====  ==============  ==============  ==============
    bits  nearest         GPTQ            AdaRound
    ====  ==============  ==============  ==============
    4     95.6 %  0.047   97.1 %  0.006   97.0 %  0.002
    3     85.6 %  0.246   95.9 %  0.026   96.7 %  0.018
    2     87.2 %  0.433   87.7 %  0.275   94.2 %  0.071
    ====  ==============  ==============  ==============

    (accuracy and relative squared error of the logits, mean of three seeds). Where a layer of 200,000
    weights was fitted to 1,024 images of Fashion-MNIST, GPTQ came out ahead at 2 bits per channel: 79 to
    80 % of 2,000 others right, AdaRound 76 to 78, nearest 68, float 79.

    Examples
    --------
    >>> from qbref import nn, ptq, qnn
    >>> rng = np.random.default_rng(0)
    >>> model = nn.Sequential(nn.Linear(16, 4, rng=rng))
    >>> x = 4 * rng.random((256, 16), dtype=np.float32)
    >>> q = ptq.quantize_static(model, [x], qnn.QuantConfig(weights=qnn.int_weights(3)))
    >>> def error(q):
    ...     return float(np.square(q(x).data - model(x).data).mean())
    >>> error(adaround(q, [x], rng=rng)) < error(q)
    True
    """
    if iterations < 1 or batch_size < 1:
        raise ValueError(f"iterations and batch_size must be at least 1, got {iterations} and {batch_size}")
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup must lie in [0, 1), got {warmup}")
    rng = default_rng(rng)

    def choose(problem, report):
        steps = problem.weight / problem.scale
        floor = np.floor(steps)
        V = Parameter(inverse_rectified_sigmoid(steps - floor))
        y = problem.output(problem.x, problem.weight)
        optimizer = Adam([V], lr)
        for i in range(iterations):
            rows = rng.integers(y.shape[1], size=batch_size)
            h = rectified_sigmoid(V)
            weight = (h + floor).clip(problem.qmin, problem.qmax) * problem.scale
            z_hat = Tensor(problem.x_hat[:, rows]) @ weight.transpose(0, 2, 1) + problem.bias
            loss = ((bounded(z_hat, problem.bounds) - y[:, rows]) ** 2).sum(axis=(0, 2)).mean()
            annealed = (i / iterations - warmup) / (1 - warmup)
            if annealed >= 0:
                loss = loss + regularization * indecision(h, annealed_beta(annealed, *beta))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            report((i + 1) / iterations)
        h = rectified_sigmoid(V).data
        undecided = f", {np.mean((h > UNDECIDED) & (h < 1 - UNDECIDED)):.0%} undecided"
        return np.clip(floor + (h >= 0.5), problem.qmin, problem.qmax).astype(np.int32), undecided

    return choose_integers(q, calibration_batches, choose, "AdaRound", samples, progress, rng)


def rectified_sigmoid(V):
    """h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1), equation 23."""
    return (V.sigmoid() * (ZETA - GAMMA) + GAMMA).clip(0, 1)


def inverse_rectified_sigmoid(h):
    """The V (ndarray) with h(V) = h in [0, 1]."""
    p = (h - GAMMA) / (ZETA - GAMMA)
    return np.log(p / (1 - p))


def indecision(h, beta):
    """sum(1 - |2 h - 1|^beta), equation 24: 0 where every h is 0 or 1, and one for each h = 1/2."""
    return (1 - (2 * h - 1).abs() ** beta).sum()


def annealed_beta(t, first, last):
    """From `first` at t = 0 along a half cosine to `last` at t = 1."""
    return float(last + (first - last) * (1 + np.cos(np.pi * t)) / 2)
