"""Structured pruning: whole output channels removed, so that the network really becomes smaller."""

import copy
from dataclasses import dataclass

import numpy as np

from qbref import nn
from qbref.qnn.report import Report

PRODUCTS = nn.Linear, nn.Conv2d
NORMS = nn.BatchNorm1d, nn.BatchNorm2d
CHANNELWISE = (
    *(nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.GELU, nn.Sigmoid, nn.Tanh),
    *(nn.MaxPool2d, nn.AvgPool2d, nn.Dropout, nn.Identity, nn.Flatten),
)
ORDERS = {"l1": 1, "l2": 2}


def prune_channels(model, fraction, norm="l1"):
    """Remove the `fraction` of each layer's output channels with the smallest ||w_o||.

    With a channel go its weights and bias, its place in a batch norm behind it, and the inputs that the next
    Linear or Conv2d takes from it; behind a Flatten those are all its pixels.

    Parameters
    ----------
    model : Sequential
        Nested at will, with Residuals; not changed.
    fraction : float in [0, 1)
        round(fraction * channels) go, at least one stays. Of equal norms the first channel goes first.
    norm : {"l1", "l2"}
        Of a channel's weights, before batch normalization.

    Returns
    -------
    Module
        A smaller copy in evaluation mode, with `report`: every Linear and Conv2d, what it lost or why it was
        left alone: the last layer of the network or of a branch of a Residual (the sum ties its channels to
        those of the other branch), one that a Residual or a layer of another kind reads, and layers next to
        a convolution with groups. Train the copy on to recover the accuracy.

    Raises
    ------
    ValueError
        If `fraction` or `norm` is out of range, or `model` is not a Sequential.

    Notes
    -----
    Li et al., "Pruning Filters for Efficient ConvNets" (arXiv:1608.08710): smallest L1 norms, all layers at
    once. The removed channel's contribution is dropped, also where it is a constant (a bias, a batch norm's
    beta, sigmoid(0)).

    On the network that :func:`qbref.ptq.sensitivity` names (97 % of 360 images, 9,736 bytes in int8), with
    half the channels by L2 norm gone: 2,532 bytes, 42 % right, after 3 epochs 94 %. Of the same size are
    2-bit weights: 2,440 bytes, 62 % right, after 3 epochs with rounding 92 %.

    Examples
    --------
    >>> from qbref import ptq
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    >>> smaller = ptq.prune_channels(model, 0.5)
    >>> print(smaller.report)
    path  layer   what became of it
    0     Conv2d  4 -> 2 channels, behind it BatchNorm2d 1, Linear 3 shrunk
    3     Linear  left alone: the last layer's outputs are the network's
    >>> smaller[3].weight.shape
    (2, 8)
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"fraction must be in [0, 1), got {fraction!r}")
    if norm not in ORDERS:
        raise ValueError(f"norm must be one of {sorted(ORDERS)}, got {norm!r}")
    if not isinstance(model, nn.Sequential):
        raise ValueError(f"model must be a Sequential, got {type(model).__name__}")
    smaller = copy.deepcopy(model).eval()
    smaller.zero_grad()
    chains = list(_chains(smaller, "", "the last layer's outputs are the network's"))
    _require_once([item for chain in chains for item in chain.items])
    report = Report()
    for chain in chains:
        for i, (path, layer) in enumerate(chain.items):
            if type(layer) in PRODUCTS:
                action = _prune_layer(layer, chain.items[i + 1 :], chain.end, fraction, ORDERS[norm])
                report.add(path, layer, action)
            elif not isinstance(layer, (*CHANNELWISE, *NORMS, nn.Residual)):
                report.add(path, layer, "left alone: not a Linear or Conv2d")
    order = {path: place for place, (path, _) in enumerate(smaller.named_modules())}
    smaller.report = Report(sorted(report, key=lambda entry: order.get(entry.path, len(order))))
    return smaller


@dataclass(frozen=True)
class _Chain:
    """(path, module) in order of execution, and why the last outputs must stay."""

    items: list
    end: str


def _chains(model, path, end):
    """The chain of a model's layers, then those of the branches of its Residuals."""
    items = list(_flatten(model, path))
    yield _Chain(items, end)
    for path, module in items:
        if isinstance(module, nn.Residual):
            for name, branch in module.named_children():
                yield from _chains(branch, f"{path}.{name}", f"tied to the sum of Residual {path}")


def _flatten(module, path):
    if not isinstance(module, nn.Sequential):
        yield path, module
        return
    for name, child in module.named_children():
        yield from _flatten(child, f"{path}.{name}" if path else name)


def _require_once(items):
    seen = set()
    for path, module in items:
        if type(module) in (*PRODUCTS, *NORMS) and id(module) in seen:
            raise ValueError(f"model must hold each layer once, got {type(module).__name__} {path} again")
        seen.add(id(module))


def _prune_layer(layer, behind, end, fraction, order):
    """Shrink `layer` and what reads it, or leave all alone; says which."""
    if getattr(layer, "groups", 1) != 1:
        return f"left alone: a convolution with {layer.groups} groups"
    norms, reader, reason = _reader(behind, end)
    if reader is None:
        return f"left alone: {reason}"
    channels = len(layer.weight.data)
    gone = min(round(fraction * channels), channels - 1)
    if not gone:
        return f"left alone: {fraction:g} of {channels} channels is less than one"
    sizes = np.linalg.norm(layer.weight.data.reshape(channels, -1), order, axis=1)
    left = np.sort(np.argsort(sizes, kind="stable")[gone:])
    _keep_outputs(layer, left)
    for _, batch_norm in norms:
        _keep_features(batch_norm, left, channels)
    _keep_inputs(reader[1], left, channels)
    shrunk = ", ".join(f"{type(module).__name__} {path}" for path, module in (*norms, reader))
    return f"{channels} -> {len(left)} channels, behind it {shrunk} shrunk"


def _reader(behind, end):
    """(batch norms on the way, (path, layer) that takes the channels as inputs, or None and the reason)."""
    norms = []
    for path, module in behind:
        if type(module) in PRODUCTS:
            if getattr(module, "groups", 1) != 1:
                return norms, None, f"Conv2d {path} with {module.groups} groups reads it"
            return norms, (path, module), ""
        if isinstance(module, NORMS):
            norms.append((path, module))
        elif not isinstance(module, CHANNELWISE):
            return norms, None, f"{type(module).__name__} {path} reads it"
    return norms, None, end


def _keep_outputs(layer, left):
    layer.weight.data = layer.weight.data[left]
    if layer.bias is not None:
        layer.bias.data = layer.bias.data[left]
    if hasattr(layer, "moments"):
        layer.moments = tuple(moment[left] for moment in layer.moments)
    setattr(layer, "out_features" if isinstance(layer, nn.Linear) else "out_channels", len(left))


def _keep_features(norm, left, channels):
    left = _features(left, channels, norm.num_features)
    for parameter in (norm.weight, norm.bias):
        if parameter is not None:
            parameter.data = parameter.data[left]
    norm.running_mean, norm.running_var = norm.running_mean[left], norm.running_var[left]
    norm.num_features = len(left)


def _keep_inputs(layer, left, channels):
    left = _features(left, channels, layer.weight.shape[1])
    layer.weight.data = layer.weight.data[:, left]
    setattr(layer, "in_features" if isinstance(layer, nn.Linear) else "in_channels", len(left))


def _features(left, channels, count):
    """Of `count` features, those of the channels `left`: behind a Flatten, all pixels of each."""
    return np.arange(count).reshape(channels, -1)[left].ravel()
