"""Where a positive factor per channel may travel: out of one layer and into the next.

A ReLU is positively homogeneous, ReLU(x / s) = ReLU(x) / s for s > 0, and so are pooling and whatever only
rearranges. Between a producer and the layers that consume its channels, if nothing else does,

    W1 <- W1 / s,  b1 <- b1 / s   (output channels)      W2 <- W2 s   (input channels)               (1)

leaves the function as it is (DFQ, arXiv:1906.04721, section 4.1). The producer may also be a LayerNorm, whose
weight and bias are divided.
"""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from qbref import nn
from qbref.ptq.channels import times_input_channels
from qbref.qnn import Report

PRODUCTS = nn.Linear, nn.Conv2d
POOLS = nn.MaxPool2d, nn.AvgPool2d
HOMOGENEOUS = nn.ReLU, nn.Identity, nn.Dropout, nn.Flatten, *POOLS
CURVED = nn.ReLU6, nn.Hardtanh, nn.GELU, nn.Sigmoid, nn.Tanh, nn.Softmax


class Layer(NamedTuple):
    """A module and its path in the model."""

    path: str
    module: nn.Module

    def __str__(self):
        return f"{type(self.module).__name__} {self.path}".rstrip()


@dataclass(frozen=True, eq=False)
class Pair:
    """A producer whose output channels reach `consumers` and nothing else, through the layers `between`.

    Attributes
    ----------
    producer : Layer
        Linear, Conv2d, or LayerNorm over one axis.
    between : tuple of Layer
    consumers : tuple of Layer
        One Linear or Conv2d, or the three projections of an attention.
    """

    producer: Layer
    between: tuple
    consumers: tuple

    @property
    def channels(self):
        """C, the number of the producer's output channels."""
        return len(self.producer.module.weight.data)

    def divide(self, s):
        """Equation (1) with s (C,) > 0, in place; ``moments`` of the producer's outputs go along."""
        producer = self.producer.module
        for parameter in producer.parameters():  # weight and bias
            values = parameter.data
            parameter.data = (values / s.reshape(-1, *[1] * (values.ndim - 1))).astype(values.dtype)
        if hasattr(producer, "moments"):
            producer.moments = tuple((moment / s).astype(moment.dtype) for moment in producer.moments)
        for _, consumer in self.consumers:
            consumer.weight.data = times_input_channels(consumer, consumer.weight.data, s)


def find_pairs(model):
    """All pairs of a model, and why its other layers are in none.

    Parameters
    ----------
    model : Module

    Returns
    -------
    pairs : list of Pair
        In order of execution along each Sequential.
    alone : dict of Layer to str
        For every Linear and Conv2d that consumes in no pair: what stands in the way before it.

    Notes
    -----
    Factors pass ReLU, MaxPool2d, AvgPool2d, Flatten, Identity and Dropout, along nested Sequentials, within
    each branch of a Residual (whose ends are tied to the other branch), and in a TransformerEncoderLayer:
    from v_proj to out_proj, since attention averages the values of each channel; from linear1 through a ReLU
    to linear2; with ``norm_first`` also from norm1 to the projections and from norm2 to linear1 (otherwise
    what a norm returns is also a term of a residual sum). A module whose `forward` is unknown is searched for
    such parts. Layers that stand in two places or share their parameters take no factor.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.GELU(), nn.Linear(3, 1))
    >>> pairs, alone = find_pairs(model)
    >>> [(pair.producer.path, pair.consumers[0].path) for pair in pairs]
    [('0', '2')]
    >>> for layer, reason in alone.items():
    ...     print(f"{layer}: {reason}")
    Linear 0: no layer stands before it
    Linear 4: GELU 3 is not positively homogeneous
    """
    lines = list(_lines("no layer stands before it", _chain("", model)))
    uses = Counter(id(parameter) for _, line in lines for layer in line for parameter in _parameters(layer))
    pairs, alone = [], {}
    for start, line in lines:
        for producer, between, consumers in _meetings(start, line):
            reason = producer if isinstance(producer, str) else _obstacle(producer, between, consumers, uses)
            if reason is None:
                pairs.append(Pair(producer, tuple(between), consumers))
            else:
                alone.update(dict.fromkeys(consumers, reason))
    return pairs, alone


def pair_report(model, lines):
    """The entries of ``model.report``, and one for each {Layer: text} of `lines`, in the model's order."""
    position = {path: i for i, (path, _) in enumerate(model.named_modules())}
    report = Report(model.report)
    for layer in sorted(lines, key=lambda layer: position.get(layer.path, len(position))):
        report.add(*layer, lines[layer])
    return report


def _chain(path, module):
    """The layers of nested Sequentials, one after another."""
    if not isinstance(module, nn.Sequential):
        return [Layer(path, module)]
    return [layer for name, child in module.named_children() for layer in _chain(_join(path, name), child)]


def _lines(start, line):
    """(why no producer stands before it, layers) of every straight line of execution, outer lines first."""
    yield start, line
    for layer in line:
        for inner_start, inner in _inner_lines(layer):
            yield from _lines(inner_start, inner)


def _inner_lines(layer):
    path, module = layer

    def part(*names):
        return [item for name in names for item in _chain(_join(path, name), getattr(module, name))]

    if isinstance(module, nn.Residual):
        for name, _ in module.named_children():
            yield f"its input is also that of the other branch of {layer}", part(name)
    elif isinstance(module, nn.TransformerEncoderLayer):
        tied = f"its input is also a term of a residual sum of {layer}"
        norm1, norm2 = (["norm1"], ["norm2"]) if module.norm_first else ([], [])
        yield tied, part(*norm1, "self_attn")
        yield tied, part(*norm2, "linear1", "activation", "dropout", "linear2")
    elif not isinstance(module, nn.MultiheadAttention):
        for name, _ in module.named_children():
            yield f"{layer} calls it in a way unknown here", part(name)


def _meetings(start, line):
    """(producer or what is in the way, layers between, consumers) for every product of a line."""
    before, between = start, []
    for layer in line:
        path, module = layer
        if type(module) in PRODUCTS:
            yield before, between, (layer,)
            before, between = layer, []
        elif isinstance(module, PRODUCTS):
            before, between = f"{layer} quantizes its weights itself", []
            yield before, between, (layer,)
        elif isinstance(module, nn.MultiheadAttention):
            names = "q_proj", "k_proj", "v_proj", "out_proj"
            *projections, out = (Layer(_join(path, name), getattr(module, name)) for name in names)
            yield before, between, tuple(projections)
            yield projections[2], [layer], (out,)
            before, between = out, []
        elif _is_scaled_norm(module):
            before, between = layer, []
        elif type(module) in HOMOGENEOUS and getattr(module, "start_dim", 1) == 1:
            between.append(layer)
        else:
            rule = "is not positively homogeneous" if isinstance(module, CURVED) else "passes no factor on"
            before, between = f"{layer} {rule}", []


def _is_scaled_norm(module):
    return isinstance(module, nn.LayerNorm) and module.weight is not None and module.weight.ndim == 1


def _obstacle(producer, between, consumers, uses):
    """Why the channels of `producer` are not the input channels of `consumers` alone; None if they are."""
    for layer in (producer, *consumers):
        if any(uses[id(parameter)] > 1 for parameter in layer.module.parameters()):
            return f"{layer} stands in two places or shares its parameters"
    kinds = {type(layer.module) for layer in between}
    consumer = consumers[0].module
    takes_image = isinstance(consumer, nn.Conv2d)
    if isinstance(producer.module, nn.Conv2d):
        fits = takes_image or nn.Flatten in kinds
    else:  # channels are the last axis
        channels = len(producer.module.weight.data)
        fits = not takes_image and consumer.in_features == channels and kinds.isdisjoint(POOLS)
    return None if fits else f"its input channels are not the output channels of {producer}"


def _parameters(layer):
    """The parameters that `layer` itself uses; those of its inner lines are counted there."""
    whole = isinstance(layer.module, nn.MultiheadAttention)
    return [value for name, value in layer.module.named_parameters() if whole or "." not in name]


def _join(path, name):
    return f"{path}.{name}" if path else name
