"""add, sub and mul of int8: two operands and a result, each on a grid of its own, zero points 0."""

import numpy as np

from qbref.conventions import onnx, tflite
from qbref.conventions.differences.inputs import pairs
from qbref.conventions.differences.quantize import QMAX, QMIN, ROUNDING_OF
from qbref.conventions.differences.search import Family, Rule
from qbref.quant.fixed_point import quantize_multiplier, saturating_rounding_doubling_high_mul
from qbref.quant.rounding import ROUNDINGS

BLOCK = 16
LEFT_SHIFT = 20
MULTIPLIER_BITS = 21


def sum_model(q, a_scale, b_scale, y_scale, sign, operands, ties, sum_is_kept_in):
    """y = a + sign · b as int8, by named properties.

    Parameters
    ----------
    q : int8 array, shape (n, 2)
    a_scale, b_scale, y_scale : float
    sign : {1, -1}
    operands : str
        "float32", "times integers of 21 bits", or one of :data:`TO_GRID`: fixed point on a common grid.
    ties : {"to even", "away from zero", "half up"}
    sum_is_kept_in : {"int32", "int16, which wraps"}
    """
    a, b = q.T.astype(np.int64)
    scales = np.float32([a_scale, b_scale])
    y = np.float32(y_scale)
    if operands == "float32":
        v = (a.astype(np.float32) * scales[0] + sign * (b.astype(np.float32) * scales[1])) / y
    elif operands == "times integers of 21 bits":
        exponent = MULTIPLIER_BITS - np.frexp((scales / y).max())[1]
        a_multiplier, b_multiplier = np.rint((scales / y).astype(np.float64) * 2.0**exponent)
        v = (a * a_multiplier + sign * b * b_multiplier) / 2.0**exponent
    else:
        grid = 2 * np.float64(scales.max())
        fine = [TO_GRID[operands](n, s / grid) for n, s in zip((a, b), scales, strict=True)]
        v = _times((fine[0] + sign * fine[1]).astype(np.int64), grid / (np.float32(2**LEFT_SHIFT) * y))
    level = ROUNDINGS[ROUNDING_OF[ties]](v)
    if sum_is_kept_in == "int16, which wraps":
        level = level.astype(np.int64).astype(np.int16)
    return np.clip(level, QMIN, QMAX).astype(np.int8)


def product_model(q, a_scale, b_scale, y_scale, y_zero_point, product, ties, zero_point_is_added_in):
    """y = a · b as int8, by named properties.

    Parameters
    ----------
    q : int8 array, shape (n, 2)
    a_scale, b_scale, y_scale : float
    y_zero_point : int
    product : {"f32(a · b) · m", "f32(f32(a · a_scale) · f32(b · b_scale)) / y_scale", "fixed point, half up"}
        With m = f32(f32(a_scale · b_scale) / y_scale).
    ties : {"to even", "away from zero"}
    zero_point_is_added_in : {"int32", "int16: saturates, then wraps"}
    """
    a, b = q.T.astype(np.int64)
    s_a, s_b, y = np.float32([a_scale, b_scale, y_scale])
    if product == "fixed point, half up":
        v = _times(a * b, s_a * s_b / y)
    elif product == "f32(a · b) · m":
        v = (a * b).astype(np.float32) * (s_a * s_b / y)
    else:
        v = (a.astype(np.float32) * s_a) * (b.astype(np.float32) * s_b) / y
    level = ROUNDINGS[ROUNDING_OF[ties]](v)
    if zero_point_is_added_in == "int32":
        level = level + y_zero_point
    else:
        level = (np.clip(level, -(2**15), 2**15 - 1).astype(np.int64) + y_zero_point).astype(np.int16)
    return np.clip(level, QMIN, QMAX).astype(np.int8)


def _times(n, real):
    """n · real in fixed point: rounded half up to as many bits as the shift then takes off."""
    mantissa, shift = quantize_multiplier(np.float64(real))
    left, right = max(int(shift), 0), max(-int(shift), 0)
    return saturating_rounding_doubling_high_mul(n << left, mantissa) / 2.0**right


def _once_rounded(n, real):
    mantissa, shift = quantize_multiplier(np.float64(real))
    shifted = np.floor(n * 2.0 ** (LEFT_SHIFT + shift)).astype(np.int64)
    return saturating_rounding_doubling_high_mul(shifted, mantissa)


TWICE, ONCE = "fixed point, rounded twice", "fixed point, rounded once"
FLOORED = "fixed point, rounded and floored"
TO_GRID = {
    TWICE: lambda n, real: ROUNDINGS["half_away"](_times(n << LEFT_SHIFT, real)),
    ONCE: _once_rounded,
    FLOORED: lambda n, real: np.floor(_times(n << LEFT_SHIFT, real)),
}


def _tflite(operator, kernels):
    def function(q, a_scale, b_scale, y_scale, y_zero_point=0):
        a, b = np.pad(q, ((0, -len(q) % BLOCK), (0, 0))).T  # whole blocks only
        y = operator(a, a_scale, 0, b, b_scale, 0, y_scale, y_zero_point, kernels=kernels)
        return y[: len(q)]

    return function


def _tflite_add_with_b_repeated(q, a_scale, b_scale, y_scale):
    """Each b along a run of all a."""
    levels = np.arange(QMIN, QMAX + 1).astype(np.int8)
    y = tflite.add(levels, a_scale, 0, levels[:, None], b_scale, 0, y_scale, 0, kernels="opt")
    a, b = q.T.astype(np.int64) - QMIN
    return y[b, a]


def _onnx(operator):
    def function(q, a_scale, b_scale, y_scale, y_zero_point=0):
        a, b = (
            onnx.dequantize_linear(n, np.float32(s), np.int8(0))
            for n, s in zip(q.T, (a_scale, b_scale), strict=True)
        )
        return onnx.quantize_linear(operator(a, b), np.float32(y_scale), np.int8(y_zero_point))

    return function


def _show(setting, q):
    zero_point = f", zero point {setting[3]}" if len(setting) > 3 else ""
    a, b, y = setting[:3]
    return f"scales {a:g} and {b:g} to {y:g}{zero_point}, a = {q[0]}, b = {q[1]}"


def _sum(operands, ties, sum_is_kept_in="int32"):
    return {"operands": operands, "ties": ties, "sum_is_kept_in": sum_is_kept_in}


def _product(product, ties, zero_point_is_added_in="int32"):
    return {"product": product, "ties": ties, "zero_point_is_added_in": zero_point_is_added_in}


TENTHS = [k / 10 for k in range(1, 10)]
SUM_SCALES = (
    *((1.0, 1.0, y) for y in (2.0, 4.0, 8.0)),
    *((a, b, 1.0) for b in TENTHS for a in TENTHS),
    (1.0, 1.0, 0.005),
)
INTEGERS = "times integers of 21 bits"


def _sum_family(name, sign, on_floats, on_integers, optimized):
    return Family(
        name,
        "scales 1 and 1 to 2, 4, 8; tenths and tenths to 1; 1 and 1 to 0.005; then the least "
        "|a| + |b|, then |b|",
        (
            Rule("ONNX dequantize and quantize", _onnx(on_floats), _sum("float32", "to even")),
            Rule("TFLite reference", _tflite(on_integers, "ref"), _sum(TWICE, "away from zero")),
            *optimized,
            Rule("TFLite XNNPACK", _tflite(on_integers, "xnnpack"), _sum(INTEGERS, "half up")),
        ),
        SUM_SCALES,
        pairs,
        lambda q, *setting, **properties: sum_model(q, *setting, sign, **properties),
        _show,
    )


WRAPPING = "away from zero", "int16, which wraps"
ADD = _sum_family(
    "add int8",
    1,
    np.add,
    tflite.add,
    (
        Rule("TFLite optimized (blocks)", _tflite(tflite.add, "opt"), _sum(ONCE, *WRAPPING)),
        Rule(
            "TFLite optimized, b repeated (blocks)",
            _tflite_add_with_b_repeated,
            _sum(FLOORED, *WRAPPING),
        ),
    ),
)
SUB = _sum_family(
    "subtract int8",
    -1,
    np.subtract,
    tflite.sub,
    (Rule("TFLite optimized (blocks)", _tflite(tflite.sub, "opt"), _sum(TWICE, "away from zero")),),
)
MUL = Family(
    "multiply int8",
    "scales 1 and 1 to 2, 4, 8; tenths and tenths to 1; 1 and 1 to 0.01; zero point 0, then 1; then the "
    "least |a| + |b|, then |b|",
    (
        Rule(
            "ONNX dequantize and quantize",
            _onnx(np.multiply),
            _product("f32(f32(a · a_scale) · f32(b · b_scale)) / y_scale", "to even"),
        ),
        Rule(
            "TFLite reference", _tflite(tflite.mul, "ref"), _product("fixed point, half up", "away from zero")
        ),
        Rule(
            "TFLite optimized (blocks)",
            _tflite(tflite.mul, "opt"),
            _product("fixed point, half up", "away from zero", "int16: saturates, then wraps"),
        ),
        Rule("TFLite XNNPACK", _tflite(tflite.mul, "xnnpack"), _product("f32(a · b) · m", "to even")),
    ),
    tuple(
        (*scales, zero_point)
        for scales in (
            *((1.0, 1.0, y) for y in (2.0, 4.0, 8.0)),
            *((a, b, 1.0) for b in TENTHS for a in TENTHS),
            (1.0, 1.0, 0.01),
        )
        for zero_point in (0, 1)
    ),
    pairs,
    product_model,
    _show,
)
