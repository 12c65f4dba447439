"""Batch normalization folded into the layer before it."""

import copy
from collections import Counter

import numpy as np

from qbref import nn
from qbref.qnn import Gain, Report, Sign, UniformWeights
from qbref.qnn.product import Product


def fold_batchnorm(model):
    """W' = W g, b' = (b - mean) g + beta with g = gamma / sqrt(var + eps), per output channel.

    In evaluation mode batch normalization is an affine map per channel, so it disappears into the
    weights and bias of a Linear or Conv2d directly before it (Jacob et al. 2018, arXiv:1712.05877, eq. 14).

    Parameters
    ----------
    model : Module
        Not changed.

    Returns
    -------
    Module
        A copy in which each folded batch normalization is an ``nn.Identity``, so that every other layer
        keeps its path; its `report` names each batch normalization and what became of it, after the
        entries that `model` came with.

    Notes
    -----
    gamma = 0 leaves zero weights and the bias beta; gamma < 0 turns the weights' signs. In a binary
    or ternary layer, g goes behind the weight quantizer (:class:`qbref.qnn.Gain`) and the latent weights
    stay. A batch normalization that precedes a Sign stays as well: it becomes an integer threshold. So does
    one behind a layer that stands in several places: what folds in at one would act at the others. Of
    layers that share their weights, the folded one gets its own. A BatchNorm1d behind a Linear is taken for
    one of features (N, C); whether (N, L, C) will arrive, of which it normalizes L, does not show here.

    beta and abs(gamma) are the mean and standard deviation that training gave the layer's outputs. They
    are kept as ``layer.moments``, for :func:`qbref.ptq.absorb_high_bias` and analytic bias correction.

    Examples
    --------
    >>> from qbref import nn
    >>> folded = fold_batchnorm(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    >>> print(folded.report)
    path  layer        what became of it
    1     BatchNorm1d  folded into layer 0
    """
    folded = copy.deepcopy(model)
    folded.report = Report(getattr(model, "report", ()))
    places = Counter(id(child) for module in folded.modules() for child in module.children())
    _fold_children(folded, "", folded.report, places)
    return folded


def _fold_children(module, path, report, places):
    children = [(name, f"{path}.{name}" if path else name, child) for name, child in module.named_children()]
    if isinstance(module, nn.Sequential):
        for i, (name, norm_path, norm) in enumerate(children):
            if not isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
                continue
            _, layer_path, layer = children[i - 1] if i else (None, None, None)
            behind = children[i + 1][2] if i + 1 < len(children) else None
            if obstacle := _obstacle(layer_path, layer, norm, behind, places):
                report.add(norm_path, norm, f"kept: {obstacle}")
            else:
                _fold_into(layer, norm)
                setattr(module, name, nn.Identity())
                report.add(norm_path, norm, f"folded into layer {layer_path}")
    for _, child_path, child in children:
        _fold_children(child, child_path, report, places)


def _obstacle(path, layer, norm, behind, places):
    """Why `norm`, between `layer` and `behind`, cannot go into the weights of `layer`; None if it can."""
    if isinstance(behind, Sign):
        return "the Sign behind it makes it a threshold"
    if not isinstance(layer, (nn.Linear, nn.Conv2d)):
        return "no Linear or Conv2d stands before it"
    if norm.num_features != len(layer.weight.data):
        return f"its features are not the outputs of layer {path}"
    return f"layer {path} stands in several places" if places[id(layer)] > 1 else None


def _fold_into(layer, norm):
    std = np.sqrt(norm.running_var + norm.eps)
    gamma = np.ones_like(std) if norm.weight is None else norm.weight.data
    beta = np.zeros_like(std) if norm.bias is None else norm.bias.data
    g = gamma / std
    bias = 0.0 if layer.bias is None else layer.bias.data
    weight = layer.weight.data
    layer.bias = nn.Parameter(((bias - norm.running_mean) * g + beta).astype(weight.dtype))
    if isinstance(layer, Product) and not isinstance(layer.weight_quantizer, UniformWeights):
        layer.weight_quantizer = Gain(layer.weight_quantizer, g)
    else:
        layer.weight = nn.Parameter((weight * g.reshape(-1, *[1] * (weight.ndim - 1))).astype(weight.dtype))
    layer.moments = beta.copy(), np.abs(gamma)
