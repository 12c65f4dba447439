"""MatMulInteger: the product of two 8-bit matrices, in int32."""

import numpy as np

from qbref.conventions.onnx.operands import as_8_bit, as_one_per, as_zero_point_of
from qbref.conventions.products import integer_matmul


def matmul_integer(a, b, a_zero_point=None, b_zero_point=None):
    """y = wrap32((a − a_zero_point) @ (b − b_zero_point)), with the shapes of ``numpy.matmul``.

    Parameters
    ----------
    a : int8 or uint8 array, shape (…, M, K) or (K,)
    b : int8 or uint8 array, shape (…, K, N) or (K,)
    a_zero_point : array of the dtype of `a`, optional
        A scalar, or one value per row: shape (…, M, 1), for a matrix also (M,).
    b_zero_point : array of the dtype of `b`, optional
        A scalar, or one value per column: shape (…, 1, N), for a matrix also (N,).

    Returns
    -------
    y : int32 array, shape (…, M, N)

    Raises
    ------
    TypeError, ValueError
        If a dtype or a shape is not one of these.

    Notes
    -----
    Specification, ONNX Runtime 1.31.1 and the reference evaluator of onnx 1.23.2 give the same bits, for
    every mix of signs. ONNX Runtime takes no zero points per row; the evaluator takes them as (M, 1) only.
    For K = 0 the result of ONNX Runtime is uninitialized memory.
    On x86 without VNNI, ONNX Runtime's uint8 times int8 is
    :func:`qbref.conventions.products.saturating_matmul`, in QLinearMatMul as well; its convolutions of
    these types saturate too, in pairs not modelled here.

    ONNX operator MatMulInteger, opset 10 (docs/Operators.md).

    Examples
    --------
    >>> a = np.array([[11, 7, 3], [10, 6, 2]], np.uint8)
    >>> b = np.array([[1, 4], [2, 5], [3, 6]], np.uint8)
    >>> matmul_integer(a, b, a_zero_point=np.uint8(12))
    array([[-38, -83],
           [-44, -98]], dtype=int32)
    """
    rows, columns, vector_axes = as_matrices(a, b)
    return np.squeeze(accumulate(rows, columns, a_zero_point, b_zero_point), vector_axes)[()]


def as_matrices(a, b):
    """Return (…, M, K) and (…, K, N), and the axes of the product that stand for vectors."""
    a, b = as_8_bit("a", a), as_8_bit("b", b)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"a and b must have at least one dimension, got shapes {a.shape} and {b.shape}")
    vector_axes = (-2,) * (a.ndim == 1) + (-1,) * (b.ndim == 1)
    a, b = np.atleast_2d(a), b if b.ndim > 1 else b[:, np.newaxis]
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"b must have as many rows as a has columns ({a.shape[-1]}), got shape {b.shape}")
    return a, b, vector_axes


def accumulate(a, b, a_zero_point, b_zero_point):
    """The int32 product of as_matrices' result, the zero points as ONNX passes them."""
    a_zero_point = as_zero_point_of("a_zero_point", a_zero_point, a)
    b_zero_point = as_zero_point_of("b_zero_point", b_zero_point, b)
    a_zero_point = as_one_per("row", "a_zero_point", a_zero_point, (*a.shape[:-1], 1))
    b_zero_point = as_one_per("column", "b_zero_point", b_zero_point, (*b.shape[:-2], 1, b.shape[-1]))
    return integer_matmul(
        a,
        b,
        a_zero_point[..., 0] if a_zero_point.ndim else int(a_zero_point),
        b_zero_point[..., 0, :] if b_zero_point.ndim else int(b_zero_point),
    )
