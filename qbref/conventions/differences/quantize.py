"""quantize: real numbers to int8, the order of steps by system."""

import numpy as np

from qbref import quant
from qbref.conventions import onnx, tensorrt, tflite, torch
from qbref.conventions.arithmetic import fma32, saturate, to_int32, wrap32
from qbref.conventions.differences.inputs import SCALES, by_magnitude, steps
from qbref.conventions.differences.search import Family, Rule
from qbref.conventions.torch import quantized_decomposed
from qbref.quant.rounding import ROUNDINGS

QMIN, QMAX = -128, 127
VECTOR_LIMIT = np.float32(2147483520)  # PyTorch's, the largest float32 below 2^31
HIGHEST_POWER = 127  # of two, in float32
ROUNDING_OF = {"to even": "half_even", "away from zero": "half_away", "half up": "half_up"}


def model(x, scale, zero_point, scaling, ties, zero_point_is_added, out_of_range, nan):
    """q as int8, by named properties.

    Parameters
    ----------
    x : float32 array
    scale, zero_point : float, int
    scaling : {"divide", "multiply by 1/scale", "multiply by f32(1/f64 scale)", "divide in float64"}
    ties : {"to even", "away from zero", "half up"}
    zero_point_is_added : {"after rounding", "before rounding, fused", "before rounding, then off again"}
        Off again: x / scale + (zero_point − qmin) is rounded to float32, then that is subtracted.
    out_of_range : {"saturates", "becomes −2^31", "becomes −2^31 below only"}
        Then the zero point wraps around, and clipping comes last.
    nan : {"qmin", "qmax", "0", "−2^31"}
    """
    s, z = np.float32(scale), np.float32(zero_point)
    rounding = ROUNDINGS[ROUNDING_OF[ties]]
    with np.errstate(over="ignore", invalid="ignore"):
        v = {
            "divide": lambda: x / s,
            "multiply by 1/scale": lambda: x * (np.float32(1) / s),
            "multiply by f32(1/f64 scale)": lambda: x * np.float32(1 / scale),
            "divide in float64": lambda: x.astype(np.float64) / np.float64(s),
        }[scaling]()
        if zero_point_is_added == "before rounding, fused":
            v = fma32(x, np.float32(1) / s, z) if scaling == "multiply by 1/scale" else v + z
        elif zero_point_is_added == "before rounding, then off again":
            v = (v + (z - np.float32(QMIN))) - (z - np.float32(QMIN))
        level = rounding(v)
    z = 0 if zero_point_is_added == "before rounding, fused" else zero_point
    if out_of_range == "saturates":
        q = saturate(np.where(np.isnan(level), 0, level) + np.float64(z), QMIN, QMAX, np.int8)
    else:
        if out_of_range == "becomes −2^31 below only":
            level = np.fmin(level, VECTOR_LIMIT)
        q = saturate(wrap32(to_int32(level).astype(np.int64) + z), QMIN, QMAX, np.int8)
    of_nan = {"qmin": QMIN, "qmax": QMAX, "0": 0, "−2^31": QMAX if z < 0 else QMIN}[nan]
    return np.where(np.isnan(x), np.int8(of_nan), q)


def _properties(scaling, ties, zero_point_is_added, out_of_range, nan):
    return {
        "scaling": scaling,
        "ties": ties,
        "zero_point_is_added": zero_point_is_added,
        "out_of_range": out_of_range,
        "nan": nan,
    }


def in_blocks(function):
    """TFLite's optimized kernel on whole blocks of eight."""

    def padded(x, *setting):
        return function(np.pad(x, (0, -x.size % 8)), *setting)[: x.size]

    return padded


def in_rests(function):
    """TFLite's optimized kernel on what is left after whole blocks of eight: never more than seven."""

    def in_sevens(x, *setting):
        parts = [function(x[i : i + 7], *setting) for i in range(0, x.size, 7)]
        return np.concatenate(parts) if parts else function(x, *setting)

    return in_sevens


def _onnx(variant):
    def function(x, scale, zero_point):
        return onnx.quantize_linear(x, np.float32(scale), np.int8(zero_point), variant=variant)

    return function


def _torch(before):
    def function(x, scale, zero_point):
        return torch.quantize_per_tensor(x, scale, zero_point, "qint8", before)

    return function


def _torch_per_channel(x, scale, zero_point):
    return torch.quantize_per_channel(x[None], [scale], [zero_point], 0, "qint8")[0]


def _pt2e(x, scale, zero_point):
    return quantized_decomposed.quantize_per_tensor(x, scale, zero_point, QMIN, QMAX, np.int8)


def _tflite(kernels):
    def function(x, scale, zero_point):
        return tflite.quantize(x, np.float32(scale), zero_point, np.int8, kernels=kernels)

    return function


def _tensorrt(x, scale, zero_point):
    return tensorrt.quantize(x, tensorrt.params_from_amax(127 * np.float64(np.float32(scale))))


def _qbref(x, scale, zero_point):
    return quant.quantize(x, quant.QuantParams(scale, zero_point, QMIN, QMAX))


RECIPROCAL, AFTER = "multiply by 1/scale", "after rounding"
SYSTEMS = (
    Rule("ONNX", _onnx("spec"), _properties("divide", "to even", AFTER, "saturates", "qmin")),
    Rule("ONNX Runtime", _onnx("onnxruntime"), _properties("divide", "to even", AFTER, "saturates", "qmin")),
    Rule(
        "ONNX reference",
        _onnx("reference_evaluator"),
        _properties("divide", "to even", AFTER, "becomes −2^31", "−2^31"),
    ),
    Rule(
        "PyTorch",
        _torch(False),
        _properties(RECIPROCAL, "to even", AFTER, "becomes −2^31 below only", "qmax"),
    ),
    Rule(
        "PyTorch 2.13.0",
        _torch(True),
        _properties(RECIPROCAL, "to even", "before rounding, fused", "becomes −2^31 below only", "qmax"),
    ),
    Rule(
        "PyTorch per channel",
        _torch_per_channel,
        _properties(RECIPROCAL, "to even", AFTER, "saturates", "0"),
    ),
    Rule(
        "PyTorch PT2E",
        _pt2e,
        _properties("multiply by f32(1/f64 scale)", "to even", AFTER, "saturates", "0"),
    ),
    Rule(
        "TFLite reference",
        _tflite("ref"),
        _properties("divide", "away from zero", AFTER, "becomes −2^31", "−2^31"),
    ),
    Rule(
        "TFLite optimized (blocks)",
        in_blocks(_tflite("opt")),
        _properties(RECIPROCAL, "to even", AFTER, "becomes −2^31", "−2^31"),
    ),
    Rule(
        "TFLite optimized (rest)",
        in_rests(_tflite("opt")),
        _properties("divide in float64", "away from zero", AFTER, "becomes −2^31", "−2^31"),
    ),
    Rule(
        "TFLite XNNPACK", _tflite("xnnpack"), _properties(RECIPROCAL, "to even", AFTER, "saturates", "qmax")
    ),
)
NAN_IS_AN_ERROR = (
    Rule(
        "TensorRT (documented)",
        _tensorrt,
        _properties("divide", "to even", AFTER, "saturates", "0"),
        lambda setting: setting[1] == 0,
    ),
    Rule("qbref.quant", _qbref, _properties("divide", "to even", AFTER, "saturates", "0")),
)


def _near_steps(setting, rules):
    scale, zero_point = setting
    levels = np.arange(QMIN + 1, QMAX + 1)
    reach = 300 * scale
    places = [steps(lambda x, r=rule: r.function(x, *setting), levels, reach) for rule in rules]
    return by_magnitude(np.concatenate([np.zeros(1, np.float32), *places]))


def _huge_and_special(setting, rules):
    powers = 2.0 ** np.arange(HIGHEST_POWER + 1)
    x = np.append(powers, np.inf).astype(np.float32)
    return np.append(np.stack([x, -x], axis=1).ravel(), np.float32(np.nan))


def show(setting, x):
    """One input as the atlas prints it: the setting (scale, zero point), and x to its last digit."""
    return f"scale {setting[0]:g}, zero point {setting[1]}, x = {x!s}"


QUANTIZE = Family(
    "quantize",
    "scale 1, then 0.1 to 0.9, 0.01 to 0.09; zero point 0, then 1; then the least |x| of all float32 numbers",
    SYSTEMS + NAN_IS_AN_ERROR,
    tuple((scale, zero_point) for scale in SCALES for zero_point in (0, 1)),
    _near_steps,
    model,
    show,
)
QUANTIZE_SPECIAL = Family(
    "quantize, out of range",
    "scale 1; zero point 0, then -7; then powers of two by magnitude, infinities, NaN",
    SYSTEMS,
    ((1.0, 0), (1.0, -7)),
    _huge_and_special,
    model,
    show,
)
