"""Dynamically quantized models: integer products between float borders."""

from qbref import nn, qnn
from qbref.integer.attention import Embedding, LayerNorm, MultiheadAttention, TransformerEncoderLayer
from qbref.integer.dynamic import FLOAT_LAYERS, BitLinear, DynamicConv2d, DynamicLinear, FloatLayer
from qbref.integer.geometry import Geometry
from qbref.integer.layer import named
from qbref.integer.model import IntegerModel
from qbref.integer.store import store, store_groups
from qbref.qnn import bitnet
from qbref.qnn.arithmetic import INT32_MAX
from qbref.qnn.embedding import QuantizedEmbedding
from qbref.qnn.report import Report

LONGEST = INT32_MAX // 128**2  # sums of products of int8
DYNAMIC = qnn.DynamicLinear, qnn.DynamicConv2d, QuantizedEmbedding


def convert_dynamic(items):
    """The integer model of a dynamically quantized Sequential, given as (path, layer) pairs."""
    report, layers = Report(), []
    for path, module in items:
        if isinstance(module, nn.Dropout):
            report.add(path, module, "dropped: acts in training only")
            continue
        layer = _integer_form(path, module)
        layers.append(layer)
        report.add(path, module, layer.describe())
    return IntegerModel(layers, report)


def _integer_form(path, module):
    for kind, step in (
        (qnn.DynamicLinear, _linear),
        (bitnet.BitLinear, _bit_linear),
        (qnn.DynamicConv2d, _conv),
        (QuantizedEmbedding, _embedding),
        (nn.LayerNorm, _layer_norm),
        (nn.MultiheadAttention, _attention),
        (nn.TransformerEncoderLayer, _encoder_layer),
    ):
        if type(module) is kind:
            return named(path, step, path, module)
    if type(module) in FLOAT_LAYERS.values():
        return FloatLayer(path, type(module).__name__, _arguments(module))
    raise ValueError(f"layer {path!r} must be one with an integer form, got {type(module).__name__}")


def _linear(path, module):
    levels, bias = _levels_and_bias(path, module)
    return DynamicLinear(path, store(path, levels, levels.q), levels.scale, bias)


def _bit_linear(path, module):
    levels, bias = _levels_and_bias(path, module)
    return BitLinear(path, store(path, levels, levels.q), levels.scale, bias)


def _conv(path, module):
    levels, bias = _levels_and_bias(path, module)
    filters = levels.q.transpose(0, 2, 3, 1).reshape(module.out_channels, -1)
    weights = store_groups(path, levels, filters, None, module.groups)
    return DynamicConv2d(path, weights, levels.scale, bias, Geometry.of(module))


def _levels_and_bias(path, module):
    levels = module.weight_quantizer.levels(module.weight.data)
    if (k := levels.q[0].size) > LONGEST:
        raise ValueError(f"layer {path!r} must sum at most {LONGEST:,} products within int32, got {k:,}")
    return levels, None if module.bias is None else module.bias.data


def _embedding(path, module):
    levels = module.weight_quantizer.levels(module.weight.data)
    return Embedding(path, store(path, levels, levels.q), levels.scale)


def _layer_norm(path, module):
    weight, bias = (None if p is None else p.data for p in (module.weight, module.bias))
    return LayerNorm(path, weight, bias, module.normalized_shape, module.eps)


def _attention(path, module):
    projections = (_part(path, module, f"{name}_proj") for name in ("q", "k", "v", "out"))
    return MultiheadAttention(path, *projections, module.num_heads, module.causal)


def _encoder_layer(path, module):
    if getattr(module.activation, "approximate", "none") != "none":
        raise ValueError(f"layer {path!r} must have an exact GELU, got {module.activation}")
    parts = (_part(path, module, name) for name in ("self_attn", "linear1", "linear2", "norm1", "norm2"))
    return TransformerEncoderLayer(path, *parts, type(module.activation).__name__, module.norm_first)


def _part(path, module, name):
    return _integer_form(f"{path}.{name}", getattr(module, name))


def _arguments(module):
    if isinstance(module, nn.GELU):
        return (module.approximate,)
    if isinstance(module, nn.Hardtanh):
        return module.min_val, module.max_val
    if isinstance(module, nn.Flatten):
        return (module.start_dim,)
    if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
        return module.kernel_size, module.stride, module.padding
    return ()
