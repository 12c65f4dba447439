"""Quantization switched off and on again: what a model would compute without some of it."""

from contextlib import contextmanager

from qbref.qnn.activations import ActivationQuantizer
from qbref.qnn.weights import WeightQuantizer


@contextmanager
def in_float(q, weights=True, activations=True, paths=None):
    """While the context lasts, layers of `q` use latent weights and hand activations on unrounded.

    Parameters
    ----------
    q : Module
        A `qnn` model, in evaluation mode.
    weights, activations : bool
        What is left in float. Sign is not switched off: a binary network has no float form.
    paths : iterable of str or None
        Of the layers meant, as ``q.report`` names them; None: all.

    Raises
    ------
    ValueError
        If a path names no quantized layer of `q`.

    Notes
    -----
    A layer next to an activation in float computes in float itself, so that sums are float sums there; its
    weights stay quantized unless they are switched off too.

    Examples
    --------
    >>> import numpy as np
    >>> from qbref import nn, ptq, qnn
    >>> model = nn.Sequential(nn.Linear(2, 2))
    >>> x = np.array([[0.5, -1.0]], np.float32)
    >>> q = ptq.quantize_static(model, [x])
    >>> with qnn.in_float(q):
    ...     bool((q(x).data == model(x).data).all())
    True
    """
    kinds = (WeightQuantizer,) * weights + (ActivationQuantizer,) * activations
    switched = [module for module in _below(q, paths) if isinstance(module, kinds) and module.enabled]
    for module in switched:
        module.enabled = False
    try:
        yield q
    finally:
        for module in switched:
            module.enabled = True


def _below(q, paths):
    if paths is None:
        return list(q.modules())
    layers = {layer.path: layer for layer in q.modules() if hasattr(layer, "path")}
    if unknown := [path for path in paths if path not in layers]:
        raise ValueError(f"paths must name quantized layers of q, got {unknown[0]!r}")
    return [module for path in paths for module in layers[path].modules()]
