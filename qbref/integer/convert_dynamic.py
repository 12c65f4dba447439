"""Dynamically quantized models: integer products between float borders."""

from qbref import nn, qnn
from qbref.integer.dynamic import FLOAT_LAYERS, DynamicConv2d, DynamicLinear, FloatLayer
from qbref.integer.geometry import Geometry
from qbref.integer.model import IntegerModel
from qbref.integer.store import store, store_groups
from qbref.qnn.report import Report


def convert_dynamic(items):
    """The integer model of a dynamically quantized Sequential, given as (path, layer) pairs."""
    report, layers = Report(), []
    for path, module in items:
        if isinstance(module, (qnn.DynamicLinear, qnn.DynamicConv2d)):
            layer = _dynamic_layer(path, module)
        elif type(module).__name__ in FLOAT_LAYERS:
            layer = FloatLayer(path, type(module).__name__, _arguments(module))
        elif isinstance(module, nn.Dropout):
            report.add(path, module, "dropped: acts in training only")
            continue
        else:
            raise ValueError(f"layer {path!r} must be one with an integer form, got {type(module).__name__}")
        layers.append(layer)
        report.add(path, module, layer.describe())
    return IntegerModel(layers, report)


def _dynamic_layer(path, module):
    levels = module.weight_quantizer.levels(module.weight.data)
    bias = None if module.bias is None else module.bias.data
    if isinstance(module, nn.Linear):
        return DynamicLinear(path, store(path, levels, levels.q), levels.scale, bias)
    filters = levels.q.transpose(0, 2, 3, 1).reshape(module.out_channels, -1)
    weights = store_groups(path, levels, filters, None, module.groups)
    return DynamicConv2d(path, weights, levels.scale, bias, Geometry.of(module))


def _arguments(module):
    if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
        return module.kernel_size, module.stride, module.padding
    return ()
