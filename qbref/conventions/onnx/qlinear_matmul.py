"""QLinearMatMul: the product of two 8-bit matrices, in 8 bits."""

import numpy as np

from qbref.conventions.onnx.matmul_integer import accumulate, as_matrices
from qbref.conventions.onnx.operands import as_float32, as_one_per, check_variant
from qbref.conventions.onnx.requantize import requantize


def qlinear_matmul(a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point, variant="spec"):
    """y = saturate(rint(f32(f32(acc) · m)) + y_zero_point), m = f32(f32(a_scale · b_scale) / y_scale).

    Here acc is :func:`matmul_integer` of the operands and their zero points.

    Parameters
    ----------
    a, a_zero_point, b, b_zero_point
        As for :func:`matmul_integer`.
    a_scale, b_scale : float32 arrays
        Scalars, or one per row of `a` and column of `b`, shaped as the zero points.
    y_scale : float32 scalar
    y_zero_point : int8 or uint8 scalar
        Its dtype is the type of y.
    variant : {"spec", "onnxruntime", "reference_evaluator"}
        See :func:`requantize`.

    Returns
    -------
    y : int8 or uint8 array, shape (…, M, N)

    Raises
    ------
    TypeError, ValueError
        If a dtype, a shape or the variant is not one of these.

    Notes
    -----
    Verified with ONNX Runtime 1.31.1 (which has no kernel for int8 times uint8) and onnx 1.23.2.

    ONNX operator QLinearMatMul, opsets 10 and 21 (docs/Operators.md).

    Examples
    --------
    >>> one, zero, a, b = np.float32(1), np.int8(0), np.array([[-5]], np.int8), np.array([[1]], np.int8)
    >>> for variant in ("spec", "reference_evaluator"):  # -2.5, to even and plus 3; -2.5 + 3, to even
    ...     print(qlinear_matmul(a, one, zero, b, one, zero, np.float32(2), np.int8(3), variant))
    [[1]]
    [[0]]
    """
    check_variant(variant)
    rows, columns, vector_axes = as_matrices(a, b)
    a_scale, b_scale = as_float32("a_scale", a_scale), as_float32("b_scale", b_scale)
    a_scale = as_one_per("row", "a_scale", a_scale, (*rows.shape[:-1], 1))
    b_scale = as_one_per("column", "b_scale", b_scale, (*columns.shape[:-2], 1, columns.shape[-1]))
    accumulator = accumulate(rows, columns, a_zero_point, b_zero_point)
    y = requantize(accumulator, a_scale, b_scale, y_scale, y_zero_point, variant)
    return np.squeeze(y, vector_axes)[()]
