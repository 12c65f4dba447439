"""A model made ready for training with quantization in its forward pass."""

from qbref.calibration import MovingAverageMinMax
from qbref.ptq.fold_batchnorm import fold_batchnorm
from qbref.ptq.static import calibrate
from qbref.qnn import ActivationQuantizer, QuantConfig, build


def prepare(model, config=None, calibration_batches=None):
    """A `qnn` model in training mode, to be trained with any optimizer.

    Weights are rounded in every forward pass while the optimizer moves the latent float weights behind
    them. Activation ranges follow the training data (Jacob et al. 2018, arXiv:1712.05877, section 3.1:
    moving averages), or, with `calibration_batches`, are fixed beforehand and stay.

    Parameters
    ----------
    model : Module
        A Sequential of known layers, trained or not; not changed. Batch normalization is folded.
    config : QuantConfig or None
        Default: 8 bits, moving-average ranges.
    calibration_batches : iterable or None
        As for :func:`qbref.ptq.quantize_static`.

    Returns
    -------
    Module
        With `report`. After training, ``q.eval()`` evaluates it and
        :func:`qbref.integer.convert` turns it into integers.

    Examples
    --------
    >>> import numpy as np, qbref as qb
    >>> from qbref import nn, qat
    >>> q = qat.prepare(nn.Sequential(nn.Linear(4, 2)))
    >>> q(qb.Tensor(np.ones((8, 4), np.float32))).shape
    (8, 2)
    """
    folded = fold_batchnorm(model)
    q = build(folded, config or QuantConfig(observer=MovingAverageMinMax), folded.report)
    if calibration_batches is not None:
        calibrate(q, calibration_batches)
        freeze(q)
    return q.train()


def freeze(q):
    """Keep every activation range of `q` as it is from now on, in training too; returns `q`."""
    for module in q.modules():
        if isinstance(module, ActivationQuantizer):
            module.freeze()
    return q
