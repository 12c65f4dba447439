"""dequantize: int8 back to float32; the systems differ in how often the product is rounded."""

import numpy as np

from qbref import quant
from qbref.conventions import onnx, tensorrt, tflite, torch
from qbref.conventions.differences.inputs import SCALES, by_magnitude
from qbref.conventions.differences.quantize import QMAX, QMIN, in_blocks
from qbref.conventions.differences.search import Family, Rule

ZERO_POINTS = (0, 1, 3, -128)


def model(q, scale, zero_point, product):
    """x_hat as float32, by the named property.

    Parameters
    ----------
    product : {"s · (q − z) in float32", "s · (q − z) with s in float64", "q · s − z · s in float32"}
        The second rounds once, but the scale is the float64 number that was asked for; the third rounds
        three times.
    """
    s, difference = np.float32(scale), q.astype(np.int32) - zero_point
    if product == "s · (q − z) with s in float64":
        return (difference * np.float64(scale)).astype(np.float32)
    if product == "q · s − z · s in float32":
        return q.astype(np.float32) * s + np.float32(-zero_point) * s
    return difference.astype(np.float32) * s


def _onnx(q, scale, zero_point):
    return onnx.dequantize_linear(q, np.float32(scale), np.int8(zero_point))


def _torch(q, scale, zero_point):
    return torch.dequantize_per_tensor(q, scale, zero_point)


def _torch_per_channel(q, scale, zero_point):
    return torch.dequantize_per_channel(q[None], [scale], [zero_point], axis=0)[0]


def _pt2e(q, scale, zero_point):
    return torch.quantized_decomposed.dequantize_per_tensor(q, scale, zero_point)


def _tflite(kernels):
    def function(q, scale, zero_point):
        return tflite.dequantize(q, np.float32(scale), zero_point, kernels=kernels)

    return function


def _tensorrt(q, scale, zero_point):
    return tensorrt.dequantize(q, tensorrt.params_from_amax(127 * np.float64(np.float32(scale))))


def _qbref(q, scale, zero_point):
    return quant.dequantize(q, quant.QuantParams(scale, zero_point, QMIN, QMAX))


def _inputs(setting, rules):
    return by_magnitude(np.arange(QMIN, QMAX + 1)).astype(np.int8)


def _show(setting, q):
    return f"scale {setting[0]:g}, zero point {setting[1]}, q = {q}"


ONE_PRODUCT = {"product": "s · (q − z) in float32"}
DEQUANTIZE = Family(
    "dequantize",
    "scale 1, then 0.1 to 0.9, 0.01 to 0.09; zero point 0, 1, 3, -128; then the least |q|",
    (
        Rule("ONNX and Runtime", _onnx, ONE_PRODUCT),
        Rule("PyTorch", _torch, ONE_PRODUCT),
        Rule("PyTorch per channel", _torch_per_channel, {"product": "s · (q − z) with s in float64"}),
        Rule("PyTorch PT2E", _pt2e, ONE_PRODUCT),
        Rule("TFLite reference", _tflite("ref"), ONE_PRODUCT),
        Rule("TFLite optimized (blocks)", in_blocks(_tflite("opt")), {"product": "q · s − z · s in float32"}),
        Rule("TensorRT (documented)", _tensorrt, ONE_PRODUCT, lambda setting: setting[1] == 0),
        Rule("qbref.quant", _qbref, ONE_PRODUCT),
    ),
    tuple((scale, zero_point) for scale in SCALES for zero_point in ZERO_POINTS),
    _inputs,
    model,
    _show,
)
