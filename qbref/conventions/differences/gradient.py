"""The gradients of fake_quantize: where x counts as inside, and what the scale receives."""

import numpy as np

from qbref import qat, qnn, quant
from qbref.autograd import Tensor
from qbref.conventions import tflite, torch
from qbref.conventions.arithmetic import fma32
from qbref.conventions.differences.inputs import SCALES, by_magnitude, steps
from qbref.conventions.differences.quantize import QMAX, QMIN, show
from qbref.conventions.differences.search import Family, Rule

ONE = np.float32(1)
ZERO_POINTS = (0, 1, -7)
FARTHEST = 140  # beyond the last level, whatever the zero point


def input_model(x, scale, zero_point, inside, scaling, zero_point_is_added, zero_point_rounded):
    """dx for an upstream of 1, float32, by named properties.

    Parameters
    ----------
    x : float32 array
    scale, zero_point : float, int
    inside : {"level in the range", "x within the ends", "x between the ends"}
        The ends themselves are within, and not between.
    scaling : {"divide", "multiply by 1/scale"}
    zero_point_is_added : {"after rounding", "before rounding, fused"}
    zero_point_rounded : {"to nearest", "half added, then toward 0"}
    """
    z = _rounded(zero_point, zero_point_rounded)
    s, lo, hi = np.float32(scale), QMIN - z, QMAX - z
    v = x / s if scaling == "divide" else x * (ONE / s)
    if inside == "x within the ends":
        return ((lo <= v) & (v <= hi)).astype(np.float32)
    if inside == "x between the ends":
        return ((lo < v) & (v < hi)).astype(np.float32)
    level = (
        np.rint(fma32(x, ONE / s, z)) - z if zero_point_is_added == "before rounding, fused" else np.rint(v)
    )
    return ((lo <= level) & (level <= hi)).astype(np.float32)


def scale_model(x, zero_point, inside, zero_point_is_added, zero_point_rounded):
    """The gradient of a scale of 1 for an upstream of 1, float32, by the same properties."""
    z = _rounded(zero_point, zero_point_rounded)
    lo, hi = QMIN - z, QMAX - z
    level = np.rint(x + z) - z if zero_point_is_added == "before rounding, fused" else np.rint(x)
    v = x if inside == "x between the ends" else level
    below, above = (v <= lo, v >= hi) if inside == "x between the ends" else (v < lo, v > hi)
    return np.where(below, lo, np.where(above, hi, level - x)).astype(np.float32)


def _rounded(zero_point, how):
    return np.float32(zero_point if how == "to nearest" else np.trunc(max(zero_point + 0.5, QMIN)))


def _properties(inside, scaling, zero_point_is_added="after rounding", zero_point_rounded="to nearest"):
    return {
        "inside": inside,
        "scaling": scaling,
        "zero_point_is_added": zero_point_is_added,
        "zero_point_rounded": zero_point_rounded,
    }


def _torch(x, scale, zero_point):
    return torch.fake_quantize_per_tensor_affine_backward(np.ones_like(x), x, scale, zero_point, QMIN, QMAX)


def _learnable(x, scale, zero_point):
    return torch.fake_quantize_learnable_per_tensor_affine_backward(
        np.ones_like(x), x, scale, zero_point, QMIN, QMAX
    )


def _learnable_per_channel(x, scale, zero_point):
    """Each x is a channel."""
    scales, zero_points = np.full(len(x), scale), np.full(len(x), float(zero_point))
    return torch.fake_quantize_learnable_per_channel_affine_backward(
        np.ones_like(x), x, scales, zero_points, 0, QMIN, QMAX
    )


def _tensorflow(x, scale, zero_point):
    lo, hi = (np.float32(scale * (q - zero_point)) for q in (QMIN, QMAX))
    return tflite.fake_quant_with_min_max_vars_gradient(np.ones_like(x), x, lo, hi)[0]


def _qnn(x, scale, zero_point):
    x = Tensor(x, requires_grad=True)
    qnn.fake_quantize(x, quant.QuantParams(scale, zero_point, QMIN, QMAX)).backward(np.ones_like(x.data))
    return x.grad


def _lsq(x, scale, zero_point):
    return qat.lsq_backward(np.ones_like(x), x, np.full_like(x, scale), QMIN, QMAX)


def _near_ends(setting, rules):
    scale, _ = setting

    def side(rule):
        """-1, 0 or 1: below, inside or above."""
        return lambda x: np.where(x < 0, -1, 1) * (1 - rule.function(x, *setting))

    places = [steps(side(rule), np.array([0, 1]), 300 * scale) for rule in rules]
    return by_magnitude(np.concatenate([np.zeros(1, np.float32), *places]))


def _quarters(setting, rules):
    return by_magnitude(np.arange(-4 * FARTHEST, 4 * FARTHEST + 1) / 4).astype(np.float32)


def _each(function):
    """One gradient of the scale for every x, where the operator itself sums them."""
    return lambda x, *setting: np.array([function(x[i : i + 1], *setting).dscale for i in range(len(x))])


def _without_scaling(inside, **others):
    return {name: value for name, value in _properties(inside, "", **others).items() if name != "scaling"}


IN_RANGE, RECIPROCAL, FUSED = "level in the range", "multiply by 1/scale", "before rounding, fused"
HALF_ADDED = "half added, then toward 0"
GRADIENT = Family(
    "gradient of fake_quantize",
    "scale 1, then 0.1 to 0.9, 0.01 to 0.09; zero point 0, 1, -7; then the least |x| of all float32 numbers; "
    "TensorFlow with scale 1 alone, LSQ with zero point 0; upstream is 1",
    (
        Rule("PyTorch", _torch, _properties(IN_RANGE, RECIPROCAL)),
        Rule(
            "PyTorch learnable",
            lambda *a: _learnable(*a).dx,
            _properties(IN_RANGE, RECIPROCAL, FUSED, HALF_ADDED),
        ),
        Rule(
            "PyTorch learnable per channel",
            lambda *a: _learnable_per_channel(*a).dx,
            _properties(IN_RANGE, RECIPROCAL, FUSED),
        ),
        Rule(
            "TensorFlow FakeQuant",
            _tensorflow,
            _properties("x within the ends", "divide"),
            lambda setting: setting[0] == 1.0,
        ),
        Rule("qbref.qnn", _qnn, _properties(IN_RANGE, "divide")),
        Rule(
            "LSQ (qbref.qat)",
            lambda *a: _lsq(*a)[0],
            _properties("x between the ends", "divide"),
            lambda setting: setting[1] == 0,
        ),
    ),
    tuple((scale, zero_point) for scale in SCALES for zero_point in ZERO_POINTS),
    _near_ends,
    input_model,
    show,
)
SCALE_GRADIENT = Family(
    "gradient of the scale",
    "scale 1; zero point 0, 1, -7; then the least |x| in quarters; LSQ with zero point 0; upstream is 1",
    (
        Rule(
            "PyTorch learnable",
            lambda x, z: _each(_learnable)(x, 1.0, z),
            _without_scaling(IN_RANGE, zero_point_is_added=FUSED, zero_point_rounded=HALF_ADDED),
        ),
        Rule(
            "PyTorch learnable per channel",
            lambda x, z: _learnable_per_channel(x, 1.0, z).dscale,
            _without_scaling(IN_RANGE, zero_point_is_added=FUSED),
        ),
        Rule(
            "LSQ (qbref.qat)",
            lambda x, z: _lsq(x, 1.0, z)[1],
            _without_scaling("x between the ends"),
            lambda setting: setting[0] == 0,
        ),
    ),
    tuple((zero_point,) for zero_point in ZERO_POINTS),
    _quarters,
    scale_model,
    lambda setting, x: f"zero point {setting[0]}, x = {x!s}",
)
