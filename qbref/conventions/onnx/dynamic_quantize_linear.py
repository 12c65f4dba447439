"""DynamicQuantizeLinear: uint8 with a scale and a zero point chosen from the data."""

import numpy as np

from qbref.conventions.onnx.operands import as_float32, check_variant
from qbref.conventions.onnx.quantize_linear import quantize_linear


def dynamic_quantize_linear(x, variant="spec"):
    """y_scale = f32((max − min) / 255), with max ≥ 0 ≥ min; y = quantize_linear(x, y_scale, y_zero_point).

        y_zero_point = rint(clip(0 − f32(min / y_scale), 0, 255))

    Parameters
    ----------
    x : float32 array
    variant : {"spec", "onnxruntime", "reference_evaluator"}

    Returns
    -------
    y : uint8 array, the shape of `x`
    y_scale : float32
    y_zero_point : uint8

    Raises
    ------
    TypeError, ValueError
        If `x` is not float32, the variant is unknown, or `x` is empty for the reference evaluator.

    Notes
    -----
    One infinity makes the scale infinite and y 0, where not 0 is −inf / inf: then the zero point is 255.

    ===============  ===================  ==========================
    case             spec, onnxruntime    reference_evaluator
    ===============  ===================  ==========================
    max = min = 0    scale 1              scale f32(1 / 255)
    x is empty       scale 1              ValueError
    NaN in x         left out of max,     scale NaN, zero point 255,
                     min; y 0             y 0
    ===============  ===================  ==========================

    The specification defines none of these three. Verified with ONNX Runtime 1.31.1 and onnx 1.23.2 on
    x86-64, with one limit: ONNX Runtime leaves NaN out only among the last ``size % 8`` elements of x; what a
    NaN further ahead does depends on its position, and is not modelled.

    ONNX operator DynamicQuantizeLinear, opset 11 (docs/Operators.md).

    Examples
    --------
    >>> y, y_scale, y_zero_point = dynamic_quantize_linear(np.array([-1, 0, 1, 4], np.float32))
    >>> print(y, y_scale, y_zero_point)
    [  0  51 102 255] 0.019607844 51
    """
    check_variant(variant)
    x = as_float32("x", x)
    if variant == "reference_evaluator":
        if x.size == 0:
            raise ValueError(f"x must not be empty for the reference evaluator, got shape {x.shape}")
        highest, lowest, scale_of_zeros = np.maximum, np.minimum, np.float32(1) / np.float32(255)
    else:
        highest, lowest, scale_of_zeros = np.fmax, np.fmin, np.float32(1)

    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        max_x = highest.reduce(x, axis=None, initial=np.float32(0))
        min_x = lowest.reduce(x, axis=None, initial=np.float32(0))
        y_scale = scale_of_zeros if max_x == min_x else (max_x - min_x) / np.float32(255)
        # fmin: NaN becomes 255
        y_zero_point = np.rint(np.maximum(np.fmin(0 - min_x / y_scale, np.float32(255)), np.float32(0)))
    y_zero_point = y_zero_point.astype(np.uint8)
    return quantize_linear(x, y_scale, y_zero_point), y_scale, y_zero_point
