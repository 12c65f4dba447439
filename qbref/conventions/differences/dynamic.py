"""Dynamic quantization to uint8: scale and zero point from the data, then the data on that grid."""

import numpy as np

from qbref.conventions import onnx, torch
from qbref.conventions.arithmetic import fma32
from qbref.conventions.differences.choose import affine_model
from qbref.conventions.differences.search import Family, Rule

LONGEST = 20  # tenths
ONE = np.float32(1)


def model(x, levels, arithmetic, zero_point_from, scaling, zero_point_is_added):
    """uint8 integers, by named properties.

    Parameters
    ----------
    x : float32 array, shape (n, 3)
        The least, the greatest and one more number of a tensor.
    levels : {"256", "128"}
    arithmetic : {"float32", "float64"}
        Of scale and zero point.
    zero_point_from : {"lo", "the better end, minus signs"}
    scaling : {"divide", "multiply by 1/scale"}
    zero_point_is_added : {"after rounding", "before rounding, fused"}
    """
    chosen = affine_model(
        x[:, :2], "1", arithmetic, "as computed", zero_point_from, "to even", qmax=int(levels) - 1
    )
    s, z = chosen.astype(np.float32).T[..., None]
    v = x / s if scaling == "divide" else x * (ONE / s)
    q = np.rint(fma32(x, ONE / s, z)) if zero_point_is_added == "before rounding, fused" else np.rint(v) + z
    return np.clip(q, 0, 255).astype(np.uint8)


def _onnx(x):
    return np.array([onnx.dynamic_quantize_linear(row)[0] for row in x])


def _torch(zero_point_before_rounding=False, reduce_range=False):
    def function(x):
        chosen = [torch.choose_qparams(lo, hi, reduce_range=reduce_range) for lo, hi, _ in x]
        rows = zip(x, chosen, strict=True)
        return np.array(
            [torch.quantize_per_tensor(row, *c, "quint8", zero_point_before_rounding) for row, c in rows]
        )

    return function


def _tensors(setting, rules):
    """(lo, hi, x) in tenths: the least hi − lo, then the least |lo|, then the least |x|."""
    tenths = [
        (-below, length - below, x)
        for length in range(1, LONGEST + 1)
        for below in range(length + 1)
        for x in sorted(range(-below, length - below + 1), key=lambda x: (abs(x), x < 0))
    ]
    return np.float32(np.array(tenths) / 10)


def _torch_properties(levels="256", zero_point_is_added="after rounding"):
    return _properties(
        levels, "float64", "the better end, minus signs", "multiply by 1/scale", zero_point_is_added
    )


def _properties(levels, arithmetic, zero_point_from, scaling, zero_point_is_added):
    return {
        "levels": levels,
        "arithmetic": arithmetic,
        "zero_point_from": zero_point_from,
        "scaling": scaling,
        "zero_point_is_added": zero_point_is_added,
    }


DYNAMIC = Family(
    "dynamic quantization",
    "a tensor lo, hi, x: the least hi - lo in tenths, then the least |lo|, then the least |x|; results are "
    "three uint8",
    (
        Rule(
            "ONNX DynamicQuantizeLinear",
            _onnx,
            _properties("256", "float32", "lo", "divide", "after rounding"),
        ),
        Rule("PyTorch", _torch(), _torch_properties()),
        Rule(
            "PyTorch 2.13.0",
            _torch(zero_point_before_rounding=True),
            _torch_properties(zero_point_is_added="before rounding, fused"),
        ),
        Rule("PyTorch reduce_range", _torch(reduce_range=True), _torch_properties("128")),
    ),
    ((),),
    _tensors,
    model,
    lambda setting, x: f"lo {x[0]!s}, hi {x[1]!s}, x = {x[2]!s}",
)
