"""A binary network with the layers of a float one."""

import copy

from qbref import nn
from qbref.qnn.build import BATCH_NORMS, PRODUCTS, flatten
from qbref.qnn.conv import Conv2d
from qbref.qnn.linear import Linear
from qbref.qnn.report import Report
from qbref.qnn.sign import Sign
from qbref.qnn.weights import BinaryWeights

EDGES = "int8", "binary"
ACTIVATIONS = nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Tanh, nn.Sigmoid, nn.GELU
POOLINGS = nn.MaxPool2d, nn.AvgPool2d
KNOWN = *PRODUCTS, *BATCH_NORMS, *ACTIVATIONS, *POOLINGS, nn.Flatten, nn.Dropout


def binarize(model, weights=BinaryWeights, activations=Sign, first="int8", last="int8", padding_value=1):
    """The binary or ternary network to train instead of a float one: Conv → pool → batch norm → Sign.

    Every product but the first and the last gets a weight quantizer, every activation function becomes a
    sign behind a batch norm. The result must be trained: binarizing a trained network destroys it, and
    the float weights only start the latent ones.

    Parameters
    ----------
    model : Sequential
        Of Linear, Conv2d, BatchNorm, ReLU, ReLU6, Hardtanh, Tanh, Sigmoid, GELU, pooling, Flatten and
        Dropout; not changed.
    weights : callable
        Makes the weight quantizer of a layer: ``qnn.TWN``, ``lambda: qnn.XNORNet("product_rule")``, …
    activations : callable or None
        Makes each sign: ``qnn.Sign``, ``lambda: qnn.Sign("approx_sign")``, … None keeps the activation
        functions, and the layers' order (BinaryConnect).
    first, last : {"int8", "binary"}
        "int8": the layer stays real here, and quantization makes it int8, the usual choice.
    padding_value : {1, 0, -1}
        Around images of signs; +1 and -1 keep the border binary.

    Returns
    -------
    Sequential
        In training mode, with `report`: every layer and what became of it.

    Raises
    ------
    ValueError
        If `model` is no Sequential, or holds another layer (with its path), or `first` or `last` is unknown.

    Notes
    -----
    XNOR-Net and Larq's networks: batch norm directly before the sign, so that the two become one integer
    threshold, and pooling before both, on sums: behind the sign, nearly every maximum would be +1. The
    first and the last layer hold few of the weights and suffer most.

    On the bundled digits a convolutional network of 97 % has 39 % left when it has just been binarized, and
    89 % after three epochs of training.

    Examples
    --------
    >>> binary = binarize(nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    ...                                 nn.Linear(72, 16), nn.ReLU(), nn.Linear(16, 10)))
    >>> print(binary.report)
    path  layer      what became of it
    0     Conv2d     first layer, int8 once quantized
    1     ReLU       BatchNorm2d and Sign
    2     MaxPool2d  before batch norm and Sign
    3     Flatten    kept
    4     Linear     binary weights
    5     ReLU       BatchNorm1d and Sign
    6     Linear     last layer, int8 once quantized
    """
    for name, edge in (("first", first), ("last", last)):
        if edge not in EDGES:
            raise ValueError(f"{name} must be one of {EDGES}, got {edge!r}")
    if not isinstance(model, nn.Sequential):
        raise ValueError(f"model must be a Sequential, got {type(model).__name__}")
    items = flatten(model)
    for path, module in items:
        if type(module) not in KNOWN:
            raise ValueError(f"layer {path!r} must be one that binarize knows, got {type(module).__name__}")
    if not any(isinstance(module, PRODUCTS) for _, module in items):
        raise ValueError("model must hold a Linear or Conv2d, got none")
    return _Binarizer(weights, activations, padding_value).run(items, {"first": first, "last": last})


class _Binarizer:
    """Goes from product to product; `layers` and `report` grow."""

    def __init__(self, weights, activations, padding_value):
        self.weights, self.activations, self.padding_value = weights, activations, padding_value
        self.layers, self.report = [], Report()
        self.behind_sign = False

    def run(self, items, edges):
        """The network of all blocks: a product and what stands between it and the next."""
        starts = [i for i, (_, module) in enumerate(items) if isinstance(module, PRODUCTS)]
        self.keep(items[: starts[0]])
        for start, end in zip(starts, [*starts[1:], len(items)], strict=True):
            name = "last" if end == len(items) else "first" if start == starts[0] else None
            self.product(*items[start], real=name if edges.get(name) == "int8" else None)
            between = items[start + 1 : end]
            if self.activations is None or name == "last":
                self.keep(between)
            else:
                self.signs(items[start][1], between)
        network = nn.Sequential(*self.layers).train()
        network.report = self.report
        return network

    def keep(self, items):
        """Copies of layers as they are."""
        for path, module in items:
            self.layers.append(copy.deepcopy(module))
            self.report.add(path, module, "kept")

    def product(self, path, module, real):
        """The product itself: left real as the `real` ("first", "last") layer, or with few-valued weights."""
        if real:
            self.layers.append(copy.deepcopy(module))
            self.report.add(path, module, f"{real} layer, int8 once quantized")
            return
        layer = (Conv2d if isinstance(module, nn.Conv2d) else Linear).from_float(module)
        layer.set_quantizers(self.weights())
        if isinstance(layer, Conv2d) and self.behind_sign:
            layer.padding_value = self.padding_value
        self.layers.append(layer)
        self.report.add(path, module, f"{layer.weight_quantizer.label} weights")

    def signs(self, product, items):
        """Pooling → batch norm → sign → the rest, for what stands between two products."""

        def of(kinds):
            return [copy.deepcopy(module) for _, module in items if isinstance(module, kinds)]

        self.behind_sign = bool(of(ACTIVATIONS))
        if not self.behind_sign:
            return self.keep(items)
        norms, sign = of(BATCH_NORMS), self.activations()
        added = [] if norms else [_batch_norm(product)]
        self.layers += [*of(POOLINGS), *norms, *added, sign, *of((nn.Flatten, nn.Dropout))]
        became = " and ".join(type(module).__name__ for module in [*added, sign])
        for path, module in items:
            moved = "before batch norm and Sign" if isinstance(module, POOLINGS) else "kept"
            self.report.add(path, module, became if isinstance(module, ACTIVATIONS) else moved)


def _batch_norm(product):
    if isinstance(product, nn.Conv2d):
        return nn.BatchNorm2d(product.out_channels)
    return nn.BatchNorm1d(product.out_features)
