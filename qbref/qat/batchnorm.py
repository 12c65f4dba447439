"""Batch norms that train inside quantized layers: their statistics frozen, or measured anew."""

import numpy as np

from qbref.autograd import Tensor, no_grad
from qbref.qnn import in_float
from qbref.qnn.batchnorm import WithBatchNorm
from qbref.quant.checks import check_finite


def freeze_batchnorm(q):
    """Use and keep the running statistics of every batch norm inside a layer of `q`, in training too.

    From then on training computes what evaluation will, and no batch shifts the normalization
    (Krishnamoorthi 2018, arXiv:1806.08342, section 3.2.2).

    Parameters
    ----------
    q : Module
        From :func:`qbref.qat.prepare` with ``batchnorm="fold_training"`` or ``"keep"``; changed in place.

    Returns
    -------
    Module
        `q`.
    """
    for layer in _layers(q):
        layer.freeze_norm()
    return q


def reestimate_batchnorm(q, batches):
    """Replace the running statistics by the means of those of `batches`, with the weights as they are now.

    Running averages lag behind weights that move, and know nothing of a quantizer that has just been put
    before them. Activations are left in float meanwhile, since their ranges may depend on the result.
    Everything but the norms runs as in evaluation; frozen statistics are replaced and stay frozen.

    Parameters
    ----------
    q : Module
        From :func:`qbref.qat.prepare`; changed in place, in whatever mode it is left.
    batches : iterable of float32 ndarray or of (x, y) pairs

    Returns
    -------
    Module
        `q`.

    Raises
    ------
    ValueError
        If there is no batch, or one with NaN or infinity.

    Notes
    -----
    Also used after training with few bits, where weights that jump between two levels upset the running
    averages (Nagel et al. 2022, arXiv:2203.11086). After four epochs with 2 or 3 bits on the bundled digits
    four seeds showed no effect.
    """
    layers, training = _layers(q), q.training
    before = [(layer.norm.momentum, layer.norm_frozen) for layer in layers]
    q.eval()
    for layer in layers:
        layer.train().norm_frozen = False
    seen = 0
    try:
        with no_grad(), in_float(q, weights=False):
            for seen, batch in enumerate(batches, start=1):
                x = np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch)
                check_finite(x)
                for layer in layers:
                    layer.norm.momentum = 1 / seen  # of n batches, each then counts for 1/n
                q(Tensor(x))
    finally:
        for layer, (momentum, frozen) in zip(layers, before, strict=True):
            layer.norm.momentum, layer.norm_frozen = momentum, frozen
        q.train(training)
    if not seen:
        raise ValueError("batches must hold at least one batch, got none")
    return q


def _layers(q):
    return [layer for layer in q.modules() if isinstance(layer, WithBatchNorm)]
