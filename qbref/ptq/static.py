"""Static post-training quantization: look at some data, fix every range, quantize."""

import numpy as np

from qbref.autograd import Tensor, no_grad
from qbref.ptq.adaround import adaround
from qbref.ptq.fold_batchnorm import fold_batchnorm
from qbref.ptq.gptq import gptq
from qbref.qnn import ActivationQuantizer, QuantConfig, build
from qbref.quant.checks import check_finite

CHOOSE_INTEGERS = {"adaround": adaround, "gptq": gptq}


def quantize_static(model, calibration_batches, config=None):
    """Fold, observe, quantize: an `nn` model becomes a `qnn` model with fixed ranges.

    With ``config.weight_rounding``, :func:`qbref.ptq.adaround` or :func:`qbref.ptq.gptq` then chooses the
    weights' integers on the same batches.

    Parameters
    ----------
    model : Module
        A trained Sequential of known layers; not changed.
    calibration_batches : iterable of float32 ndarray or of (x, y) pairs
        Representative inputs. Labels, if present, are not looked at.
    config : QuantConfig or None

    Returns
    -------
    Module
        In evaluation mode, with `report`: every layer and what became of it.

    Raises
    ------
    ValueError
        If the model holds a layer without quantized form (with its path) or no batch arrives.

    Examples
    --------
    >>> import qbref as qb
    >>> from qbref import nn, ptq
    >>> qb.manual_seed(0)
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> x = qb.random.default_rng().standard_normal((32, 4), dtype="float32")
    >>> q = ptq.quantize_static(model, [x])
    >>> print(q.report)
    path   layer     what became of it
    input  Quantize  int8
    0      Linear    int8 per channel weights, ReLU fused, int8 out
    2      Linear    int8 per channel weights, accumulators out
    """
    folded, config = fold_batchnorm(model), config or QuantConfig()
    batches = list(calibration_batches)
    q = calibrate(build(folded, config, folded.report), batches)
    choose = CHOOSE_INTEGERS.get(config.weight_rounding)
    return q if choose is None else choose(q, batches)


def calibrate(q, calibration_batches):
    """Run batches through a `qnn` model while its quantizers only watch, then fix their ranges.

    Parameters
    ----------
    q : Module
        From :func:`qbref.qat.prepare`; changed in place.
    calibration_batches : iterable of float32 ndarray or of (x, y) pairs
        What observers saw before, in training or an earlier calibration, counts as well.

    Returns
    -------
    Module
        `q`, in evaluation mode.
    """
    quantizers = [module for module in q.modules() if isinstance(module, ActivationQuantizer)]
    q.eval()
    for quantizer in quantizers:
        quantizer.observing = True
    try:
        seen = _run(q, calibration_batches)
    finally:
        for quantizer in quantizers:
            quantizer.observing = False
    if not seen:
        raise ValueError("calibration_batches must hold at least one batch, got none")
    for quantizer in quantizers:
        quantizer.calibrate()
    return q


def _run(q, batches):
    seen = 0
    with no_grad():
        for batch in batches:
            x = np.asarray(batch[0] if isinstance(batch, (tuple, list)) else batch)
            if x.dtype != np.float32:
                raise TypeError(f"calibration_batches must hold float32 arrays, got {x.dtype}")
            check_finite(x)
            q(Tensor(x))
            seen += 1
    return seen
