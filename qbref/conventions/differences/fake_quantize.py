"""fake_quantize: float to float, in one operator or as quantize and dequantize."""

import numpy as np

from qbref import quant
from qbref.conventions import onnx, tflite, torch
from qbref.conventions.differences.inputs import SCALES, by_magnitude, steps
from qbref.conventions.differences.quantize import QMAX, QMIN, show
from qbref.conventions.differences.quantize import model as quantize_model
from qbref.conventions.differences.search import Family, Rule


def model(x, scale, zero_point, **properties):
    """x_hat = f32(f32(q − z) · s), with q by the properties of the model of quantize."""
    q = quantize_model(x, scale, zero_point, out_of_range="saturates", nan="qmin", **properties)
    return (q.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)


def _torch(x, scale, zero_point):
    return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, QMIN, QMAX)


def _torch_pair(x, scale, zero_point):
    q = torch.quantize_per_tensor(x, scale, zero_point, "qint8", zero_point_before_rounding=True)
    return torch.dequantize_per_tensor(q, scale, zero_point)


def _onnx_pair(x, scale, zero_point):
    scale, zero_point = np.float32(scale), np.int8(zero_point)
    return onnx.dequantize_linear(onnx.quantize_linear(x, scale, zero_point), scale, zero_point)


def _tflite_pair(x, scale, zero_point):
    q = tflite.quantize(x, np.float32(scale), zero_point)
    return tflite.dequantize(q, np.float32(scale), zero_point)


def _tensorflow(x, scale, zero_point):
    lo, hi = (np.float32(scale * (q - zero_point)) for q in (QMIN, QMAX))
    return tflite.fake_quant_with_min_max_vars(x, lo, hi)


def _qbref(x, scale, zero_point):
    return quant.fake_quantize(x, quant.QuantParams(scale, zero_point, QMIN, QMAX))


def _near_steps(setting, rules):
    scale, zero_point = setting
    levels = np.arange(QMIN + 1, QMAX + 1) - zero_point

    def level_of(rule):
        return lambda x: np.rint(rule.function(x, *setting) / np.float32(scale))

    places = [steps(level_of(rule), levels, 300 * scale) for rule in rules]
    return by_magnitude(np.concatenate([np.zeros(1, np.float32), *places]))


def _properties(scaling, ties, zero_point_is_added="after rounding"):
    return {"scaling": scaling, "ties": ties, "zero_point_is_added": zero_point_is_added}


FAKE_QUANTIZE = Family(
    "fake_quantize",
    "scale 1, then 0.1 to 0.9, 0.01 to 0.09; zero point 0, then 1; then the least |x| of all float32 "
    "numbers; TensorFlow, which is given the range and not the scale, with scale 1 alone",
    (
        Rule("PyTorch", _torch, _properties("multiply by 1/scale", "to even")),
        Rule(
            "PyTorch 2.13.0 quantize, dequantize",
            _torch_pair,
            _properties("multiply by 1/scale", "to even", "before rounding, fused"),
        ),
        Rule("ONNX QDQ", _onnx_pair, _properties("divide", "to even")),
        Rule("TFLite reference quantize, dequantize", _tflite_pair, _properties("divide", "away from zero")),
        Rule(
            "TensorFlow FakeQuant",
            _tensorflow,
            _properties("divide", "half up", "before rounding, then off again"),
            lambda setting: setting[0] == 1.0,
        ),
        Rule("qbref.quant", _qbref, _properties("divide", "to even")),
    ),
    tuple((scale, zero_point) for scale in SCALES for zero_point in (0, 1)),
    _near_steps,
    model,
    show,
)
