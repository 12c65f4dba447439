"""Choosing a scale and a zero point: affine uint8 from a range, symmetric int8 from a magnitude."""

import numpy as np

from qbref import quant
from qbref.conventions import onnx, tensorrt, tflite, torch
from qbref.conventions.differences.search import Family, Rule

SMALLEST_STEP = np.float32(2.0**-23)  # PyTorch's eps
LONGEST = 40  # tenths


def affine_model(ranges, scale_of_nothing, arithmetic, zero_point_scale, zero_point_from, ties, qmax=255):
    """(scale, zero point) for uint8 by named properties, one row for each (lo, hi).

    Parameters
    ----------
    ranges : float32 array, shape (n, 2)
    scale_of_nothing : {"1", "1/255", "0.1", "2^-23", "0"}
        Where lo = hi = 0.
    arithmetic : {"float32", "float64"}
    zero_point_scale : {"as computed", "rounded to float32"}
        What lo and hi are divided by.
    zero_point_from : {"lo", "the better end, minus signs", "the better end, plus signs"}
        An end's bound of the rounding error is its integer and its real number over the scale, added or
        subtracted: the systems disagree on the sign.
    ties : {"to even", "away from zero"}
    qmax : int
    """
    dtype = np.float32 if arithmetic == "float32" else np.float64
    lo, hi = ranges.astype(dtype).T
    nothing = {"1": 1, "1/255": np.float32(1) / np.float32(255), "0.1": 0.1, "2^-23": SMALLEST_STEP, "0": 0}
    steps = (hi - lo) / dtype(qmax)
    divisor = np.where(steps == 0, dtype(1), steps)
    if zero_point_scale == "rounded to float32":
        divisor = divisor.astype(np.float32).astype(dtype)
    from_lo, from_hi = 0 - lo / divisor, qmax - hi / divisor
    at_lo, at_hi = np.abs(lo / divisor), np.abs(hi / divisor)
    lo_is_better = {
        "lo": True,
        "the better end, minus signs": 0 - at_lo < qmax - at_hi,
        "the better end, plus signs": 0 + at_lo < qmax + at_hi,
    }[zero_point_from]
    z = np.where(lo_is_better, from_lo, from_hi)
    z = quant.ROUNDINGS["half_even" if ties == "to even" else "half_away"](z)
    z = np.where(steps == 0, 0, np.clip(z, 0, qmax))
    return np.stack([np.where(steps == 0, nothing[scale_of_nothing], steps).astype(np.float32), z], axis=1)


def symmetric_model(amax, divisor):
    """scale = amax / divisor, by the named property.

    Parameters
    ----------
    divisor : {"127", "127.5"}
    """
    return (amax / np.float32(divisor)).astype(np.float32)


def _for_each(choose):
    """One row (float32 scale, zero point) for each range."""

    def function(ranges):
        rows = [choose(lo, hi) for lo, hi in ranges]
        return np.array([(np.float32(scale), int(zero_point)) for scale, zero_point in rows])

    return function


def _onnx(variant):
    return _for_each(lambda lo, hi: onnx.dynamic_quantize_linear(np.array([lo, hi]), variant=variant)[1:])


def _torch_observer(lo, hi):
    observer = torch.MinMaxObserver()
    observer(np.array([lo, hi]))
    scale, zero_point = observer.calculate_qparams()
    return scale.item(), zero_point.item()


def _torch_symmetric(amax):
    def scale(largest):
        observer = torch.MinMaxObserver(dtype="qint8", qscheme="per_tensor_symmetric")
        observer(np.array([largest]))
        return observer.calculate_qparams()[0].item()

    return np.float32([scale(a) for a in amax])


def _qbref(lo, hi):
    p = quant.params_from_range(lo, hi, signed=False)
    return p.scale.item(), p.zero_point.item()


def _ranges(setting, rules):
    """(lo, hi) in tenths, the shorter first, of those the one that reaches less far below 0."""
    tenths = [(below, length - below) for length in range(1, LONGEST + 1) for below in range(length + 1)]
    return np.array([(-below / 10, above / 10) for below, above in tenths], np.float32) + np.float32(0)


def _magnitudes(setting, rules):
    return np.float32([k / 10 for k in range(1, LONGEST + 1)])


def _affine(
    scale_of_nothing, arithmetic, zero_point_from="lo", ties="to even", zero_point_scale="as computed"
):
    return {
        "scale_of_nothing": scale_of_nothing,
        "arithmetic": arithmetic,
        "zero_point_scale": zero_point_scale,
        "zero_point_from": zero_point_from,
        "ties": ties,
    }


AFFINE = (
    Rule("ONNX and Runtime", _onnx("spec"), _affine("1", "float32")),
    Rule("ONNX reference", _onnx("reference_evaluator"), _affine("1/255", "float32")),
    Rule(
        "PyTorch C++",
        _for_each(torch.choose_qparams),
        _affine("0.1", "float64", "the better end, minus signs"),
    ),
    Rule("PyTorch observers", _for_each(_torch_observer), _affine("2^-23", "float32")),
    Rule(
        "TFLite",
        _for_each(tflite.choose_quantization_params),
        _affine("0", "float64", "the better end, plus signs", "away from zero"),
    ),
    Rule("qbref.quant", _for_each(_qbref), _affine("1", "float64", zero_point_scale="rounded to float32")),
)


def _show(setting, x):
    return f"lo {x[0]!s}, hi {x[1]!s}"


CHOOSE = Family(
    "choose scale and zero point",
    "the least hi - lo in tenths, then the least |lo|; uint8, results are the scale, read as float32, and "
    "the zero point",
    AFFINE,
    ((),),
    _ranges,
    affine_model,
    _show,
)
CHOOSE_NOTHING = Family(
    "choose, all zeros",
    "there is one input: lo = hi = 0",
    AFFINE,
    ((),),
    lambda setting, rules: np.zeros((1, 2), np.float32),
    affine_model,
    _show,
)
CHOOSE_SYMMETRIC = Family(
    "choose symmetric scale",
    "the least max |x| in tenths; int8",
    (
        Rule(
            "TensorRT (documented)",
            lambda amax: tensorrt.params_from_amax(amax, axis=0).scale,
            {"divisor": "127"},
        ),
        Rule("PyTorch observers", _torch_symmetric, {"divisor": "127.5"}),
        Rule(
            "qbref.quant",
            lambda amax: quant.params_from_range(-amax, amax, symmetric=True, axis=0).scale,
            {"divisor": "127"},
        ),
    ),
    ((),),
    _magnitudes,
    symmetric_model,
    lambda setting, x: f"max |x| = {x!s}",
)
