"""The last step of a quantized product: int32 sums to int8, acc · x_scale · w_scale / y_scale."""

import numpy as np

from qbref.conventions import onnx, tflite, torch
from qbref.conventions.differences.inputs import by_magnitude
from qbref.conventions.differences.quantize import QMAX, QMIN, ROUNDING_OF
from qbref.conventions.differences.search import Family, Rule
from qbref.quant.fixed_point import quantize_multiplier, saturating_rounding_doubling_high_mul
from qbref.quant.rounding import ROUNDINGS

WEIGHT = 127  # sums are 127 · a + b
LARGEST_SUM = 12_800


def model(
    acc, x_scale, w_scale, y_scale, zero_point, multiplier, product, ties, zero_point_is_added, stored_as
):
    """q as int8, by named properties.

    Parameters
    ----------
    acc : int32 array
    x_scale, w_scale, y_scale : float
    zero_point : int
    multiplier : str
        One of :data:`MULTIPLIERS`. The one of two steps multiplies twice, where products are rounded.
    product : {"float32", "float64", "fixed point, half up"}
        In fixed point the product is rounded half up, to as many bits as the shift then takes off.
    ties : {"to even", "away from zero", "half up"}
    zero_point_is_added : {"after rounding", "before rounding"}
    stored_as : {"int8", "uint8"}
        In uint8 zero point and result are 128 more, and the sum with the zero point rounds otherwise.
    """
    real, then = MULTIPLIERS[multiplier](*np.float32([x_scale, w_scale, y_scale]))
    if product == "float32":
        v = acc.astype(np.float32) * np.float32(real) * np.float32(then)
    elif product == "float64":
        v = acc * (np.float64(real) * then)
    else:
        mantissa, shift = quantize_multiplier(np.float64(real) * then)
        left, right = max(int(shift), 0), max(-int(shift), 0)
        v = saturating_rounding_doubling_high_mul(acc << left, mantissa) / 2.0**right
    rounding = ROUNDINGS[ROUNDING_OF[ties]]
    if zero_point_is_added == "before rounding":
        offset = 128 if stored_as == "uint8" else 0
        q = rounding(v + v.dtype.type(zero_point + offset)) - offset
    else:
        q = rounding(v) + zero_point
    return np.clip(q, QMIN, QMAX).astype(np.int8)


def _through_reciprocals(x, w, y):
    return ONE / (ONE / x) * (ONE / (ONE / w)), ONE / y


ONE = np.float32(1)
# name -> (x, w, y in float32) -> two factors
MULTIPLIERS = {
    "f32(f32(x · w) / y)": lambda x, w, y: (x * w / y, 1),
    "f32(f32(x · w) · f32(1/y))": lambda x, w, y: (x * w * (ONE / y), 1),
    "f32(x · w), then f32(1/y)": _through_reciprocals,
    "f64(x) · f64(w) / f64(y)": lambda x, w, y: (np.float64(x) * np.float64(w) / np.float64(y), 1),
    "f64(f32(x · w)) / f64(y)": lambda x, w, y: (np.float64(x * w) / np.float64(y), 1),
}


def _properties(multiplier, product, ties, zero_point_is_added="after rounding", stored_as="int8"):
    return {
        "multiplier": multiplier,
        "product": product,
        "ties": ties,
        "zero_point_is_added": zero_point_is_added,
        "stored_as": stored_as,
    }


def _operands(acc):
    """x (M, 2) and w (1, 2), both int8, with x · w = acc."""
    a = np.rint(acc / WEIGHT).astype(np.int32)
    return np.stack([a, acc - WEIGHT * a], axis=1).astype(np.int8), np.array([[WEIGHT, 1]], np.int8)


def _onnx(variant):
    def function(acc, x_scale, w_scale, y_scale, zero_point):
        x, w = _operands(acc)
        x_scale, w_scale, y_scale = np.float32([x_scale, w_scale, y_scale])
        zero, zero_point = np.int8(0), np.int8(zero_point)
        y = onnx.qlinear_matmul(x, x_scale, zero, w.T, w_scale, zero, y_scale, zero_point, variant=variant)
        return y[:, 0]

    return function


def _torch(engine):
    """quint8 activations and results, with zero points 128 higher."""

    def function(acc, x_scale, w_scale, y_scale, zero_point):
        x, w = _operands(acc)
        x = torch.Quantized((x.astype(np.int16) + 128).astype(np.uint8), x_scale, 128)
        w = torch.Quantized(w, w_scale)
        y = torch.quantized_linear(x, w, None, y_scale, zero_point + 128, engine)[:, 0]
        return (y.astype(np.int16) - 128).astype(np.int8)

    return function


def _fully_connected(kernels):
    def function(acc, x_scale, w_scale, y_scale, zero_point):
        x, w = _operands(acc)
        return tflite.fully_connected(x, x_scale, 0, w, w_scale, y_scale, zero_point, kernels=kernels)[:, 0]

    return function


def _conv_2d(kernels):
    def function(acc, x_scale, w_scale, y_scale, zero_point):
        x, w = (operand[None, None] for operand in _operands(acc))
        return tflite.conv_2d(x, x_scale, 0, w, w_scale, y_scale, zero_point, kernels=kernels)[0, 0, :, 0]

    return function


def _sums(setting, rules):
    return by_magnitude(np.arange(-LARGEST_SUM, LARGEST_SUM + 1)).astype(np.int32)


def _show(setting, acc):
    x, w, y, zero_point = setting
    return f"scales {x:g} · {w:g} / {y:g}, zero point {zero_point}, sum {acc}"


IN_FLOAT32, IN_FLOAT64 = "f32(f32(x · w) / y)", "f64(x) · f64(w) / f64(y)"
TENTHS = [k / 10 for k in range(1, 10)]
SCALES = [(1.0, 1.0, 2.0**k) for k in range(1, 5)]
SCALES += [(x, w, y) for y in (1.0, 0.1) for w in TENTHS for x in TENTHS if x <= w]
REQUANTIZE = Family(
    "product of int8",
    "scales 1 · 1 / 2 to 1 · 1 / 16, tenths · tenths / 1, tenths · tenths / 0.1; zero point 0, then 1; "
    "then the least |sum|",
    (
        Rule("ONNX", _onnx("spec"), _properties(IN_FLOAT32, "float32", "to even")),
        Rule("ONNX Runtime", _onnx("onnxruntime"), _properties(IN_FLOAT32, "float32", "to even")),
        Rule(
            "ONNX reference",
            _onnx("reference_evaluator"),
            _properties(IN_FLOAT32, "float64", "to even", "before rounding"),
        ),
        Rule(
            "PyTorch fbgemm",
            _torch("fbgemm"),
            _properties(IN_FLOAT32, "float32", "to even", "after rounding", "uint8"),
        ),
        Rule(
            "PyTorch qnnpack",
            _torch("qnnpack"),
            _properties("f32(f32(x · w) · f32(1/y))", "float32", "to even", "after rounding", "uint8"),
        ),
        Rule(
            "PyTorch oneDNN",
            _torch("onednn"),
            _properties("f32(x · w), then f32(1/y)", "float32", "to even", "before rounding", "uint8"),
        ),
        Rule(
            "TFLite reference FC",
            _fully_connected("ref"),
            _properties(IN_FLOAT64, "float64", "away from zero"),
        ),
        Rule(
            "TFLite reference CONV",
            _conv_2d("ref"),
            _properties(IN_FLOAT64, "fixed point, half up", "away from zero"),
        ),
        Rule(
            "TFLite optimized CONV",
            _conv_2d("opt"),
            _properties(IN_FLOAT64, "fixed point, half up", "half up"),
        ),
        Rule(
            "TFLite optimized FC",
            _fully_connected("opt"),
            _properties("f64(f32(x · w)) / f64(y)", "fixed point, half up", "half up"),
        ),
        Rule("TFLite XNNPACK", _fully_connected("xnnpack"), _properties(IN_FLOAT32, "float32", "to even")),
    ),
    tuple((*scales, zero_point) for scales in SCALES for zero_point in (0, 1)),
    _sums,
    model,
    _show,
)
