"""From an `nn` model to a `qnn` model: quantizers around every product, every layer in the report."""

import numpy as np

from qbref import nn
from qbref.qnn.border import Quantize
from qbref.qnn.conv import Conv2d
from qbref.qnn.dynamic import DynamicConv2d, DynamicLinear
from qbref.qnn.linear import Linear
from qbref.qnn.pooling import AvgPool2d
from qbref.qnn.product import NO_BOUNDS, Product
from qbref.qnn.report import Report
from qbref.qnn.residual import Residual
from qbref.qnn.sign import Sign
from qbref.qnn.weights import UniformWeights

BATCH_NORMS = nn.BatchNorm1d, nn.BatchNorm2d
PRODUCTS = nn.Linear, nn.Conv2d
QUANTIZED = Quantize, DynamicLinear, DynamicConv2d, AvgPool2d, Residual


def flatten(model, path=""):
    """(path, module) of every layer of nested Sequentials, in order of execution."""
    if not _is(model, nn.Sequential):
        return [(path or "model", model)]
    children = ((f"{path}.{i}" if path else str(i), child) for i, child in enumerate(model))
    children = ((child_path, child) for child_path, child in children if not isinstance(child, nn.Identity))
    return [item for child_path, child in children for item in flatten(child, child_path)]


def _is(module, *kinds):
    """Whether `module` computes what one of `kinds` does: a subclass with a forward of its own does not."""
    return any(isinstance(module, kind) and type(module).forward is kind.forward for kind in kinds)


def activation_bounds(module):
    """(low, high) of a clipping activation, or None if `module` is not one."""
    if _is(module, nn.ReLU):
        return 0.0, np.inf
    if _is(module, nn.ReLU6):
        return 0.0, 6.0
    if _is(module, nn.Hardtanh):
        return float(module.min_val), float(module.max_val)
    return None


def build(model, config, report=()):
    """A `qnn` model with the layers of `model` (which it may share) and the quantizers of `config`.

    Quantizers stand at the input and behind every product, residual sum and average pooling; a ReLU,
    ReLU6 or Hardtanh is fused into the layer before it. Where a result only meets a sign or leaves the
    network, it stays an accumulator. Layers of `qnn` keep their weight quantizer, unless it is uniform.

    Parameters
    ----------
    model : Module
        A Sequential, nested at will, of the layers that quantization knows.
    config : QuantConfig
    report : iterable of Entry
        What earlier transforms did; the result's `report` starts with it.

    Raises
    ------
    ValueError
        Naming the path of a layer that has no quantized form, or an override that names no layer.
    """
    items = flatten(model)
    _check_overrides(items, config)
    builder = _Builder(config, report)
    quantizer = builder.quantizer("input")
    builder.report.add("input", "Quantize", f"{quantizer.spec}")
    layers, _ = builder.chain(items, quantizer, keep_grid=False)
    border = Quantize(quantizer)
    border.path = "input"
    q = nn.Sequential(border, *layers)
    q.report = builder.report
    return q


class _Builder:
    """Walks a chain of layers and remembers which quantizer made the values that travel along it."""

    def __init__(self, config, report):
        self.config, self.report = config, Report(report)

    def quantizer(self, path, bounds=NO_BOUNDS):
        scheme = self.config.activations_of(path)
        quantizer = scheme.activation_quantizer(self.config.observer(), self.config.rounding, bounds)
        quantizer.bounds = bounds
        return quantizer

    def chain(self, items, grid, keep_grid):
        """Quantized layers of one chain, and the quantizer of its result (None: accumulators)."""
        layers, items = [], list(items)
        while items:
            path, module = items.pop(0)
            step = self._step(module)
            if step is None:
                raise ValueError(
                    f"layer {path!r} must be one that quantization knows, got {type(module).__name__}"
                )
            layer, grid = step(path, module, grid, items, keep_grid)
            if isinstance(layer, (Product, Residual, AvgPool2d)):
                layer.path = path
            layers.append(layer)
        return layers, grid

    def _step(self, module):
        if isinstance(module, QUANTIZED):
            return None
        if isinstance(module, Product) or _is(module, *PRODUCTS):
            return self._product
        if _is(module, nn.Residual):
            return self._residual
        if _is(module, nn.AvgPool2d):
            return self._average
        if isinstance(module, Sign):
            return self._sign
        if _is(module, nn.MaxPool2d, nn.Flatten, nn.Dropout, nn.ReLU, *BATCH_NORMS):
            return self._passing
        return None

    def _product(self, path, module, grid, items, keep_grid):
        layer = module if isinstance(module, Product) else _quantized_form(module)
        weights = self._weight_quantizer(path, layer)
        if getattr(layer, "padding_value", 0) != 0 and not isinstance(grid, Sign):
            raise ValueError(
                f"layer {path!r} must pad with 0 unless a Sign is before it, got {layer.padding_value}"
            )
        if layer.input_quantizer is not None:
            raise ValueError(
                f"layer {path!r} must stand once in one model, got one that is quantized already"
            )
        bounds, fused = _take_activation(items)
        output = self.quantizer(path, bounds) if _needs_grid(items, at_end=keep_grid) else None
        layer.set_quantizers(weights, grid, output, bounds, self.config.requantize_mode)
        result = "accumulators out" if output is None else f"{output.spec} out"
        self.report.add(path, module, f"{weights.label} weights{fused}, {result}")
        return layer, output

    def _weight_quantizer(self, path, layer):
        if not isinstance(layer.weight_quantizer, UniformWeights):
            return layer.weight_quantizer
        return self.config.weights_of(path).weight_quantizer(layer.latent()[0].data, self.config.rounding)

    def _residual(self, path, module, grid, items, keep_grid):
        if grid is None:
            raise ValueError(f"layer {path!r} must receive quantized values, got accumulators")
        body, body_grid = self.chain(flatten(module.body, f"{path}.body"), grid, keep_grid=True)
        shortcut, shortcut_grid = None, grid
        if module.shortcut is not None:
            layers, shortcut_grid = self.chain(
                flatten(module.shortcut, f"{path}.shortcut"), grid, keep_grid=True
            )
            shortcut = nn.Sequential(*layers)
        bounds, fused = _take_activation(items)
        output = self.quantizer(path, bounds)
        links = body_grid, shortcut_grid
        layer = Residual(nn.Sequential(*body), shortcut, links, output, bounds, self.config.requantize_mode)
        self.report.add(path, module, f"integer sum{fused}, {output.spec} out")
        return layer, output

    def _average(self, path, module, grid, items, keep_grid):
        if grid is None:
            raise ValueError(f"layer {path!r} must receive quantized values, got accumulators")
        output = self.quantizer(path, grid.bounds)
        self.report.add(path, module, f"integer mean, {output.spec} out")
        return AvgPool2d.from_float(module, grid, output, self.config.requantize_mode), output

    def _sign(self, path, module, grid, items, keep_grid):
        self.report.add(path, module, "1-bit activations")
        return module, module

    def _passing(self, path, module, grid, items, keep_grid):
        if isinstance(module, BATCH_NORMS) and not (items and isinstance(items[0][1], Sign)):
            kind = type(module).__name__
            raise ValueError(f"layer {path!r} must follow a Linear or Conv2d or precede a Sign, got {kind}")
        if isinstance(module, nn.Flatten) and module.start_dim != 1:
            raise ValueError(
                f"layer {path!r} must keep the batch axis alone, got start_dim={module.start_dim}"
            )
        if isinstance(module, nn.ReLU) and isinstance(grid, Sign):
            raise ValueError(f"layer {path!r} must not make 0 of the -1 of a Sign before it, got ReLU")
        actions = {nn.Dropout: "acts in training only", nn.ReLU: "integer clip"}
        default = (
            "becomes an integer threshold" if isinstance(module, BATCH_NORMS) else "integers pass through"
        )
        self.report.add(path, module, actions.get(type(module), default))
        return module, grid


def _take_activation(items):
    """Take the activation that can be fused; clips commute with max pooling, so it may stand behind one."""
    for i, (_, module) in enumerate(items):
        bounds = activation_bounds(module)
        if bounds is not None:
            del items[i]
            return bounds, f", {type(module).__name__} fused"
        if not isinstance(module, (nn.MaxPool2d, nn.Dropout)):
            break
    return NO_BOUNDS, ""


def _needs_grid(items, at_end):
    """Whether the next layer that looks at values wants them on a grid: a sign does not, the end may."""
    for _, module in items:
        if isinstance(module, (Sign, *BATCH_NORMS)):
            return False
        if not isinstance(module, (nn.MaxPool2d, nn.Dropout)):
            return True
    return at_end


def _quantized_form(module):
    return (Conv2d if isinstance(module, nn.Conv2d) else Linear).from_float(module)


def _check_overrides(items, config):
    known = {"input"}
    for path, module in items:
        known.update(f"{path}.{name}" if name else path for name, _ in module.named_modules())
    for path in config.overrides:
        if path not in known:
            raise ValueError(f"overrides must name layers of the model, got {path!r}")
