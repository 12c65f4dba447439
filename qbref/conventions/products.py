"""Integer matrix products and convolutions whose int32 sums wrap around, as registers do."""

import math

import numpy as np

from qbref import kernels
from qbref.conventions.arithmetic import wrap32
from qbref.conventions.parts import parts
from qbref.quant.checks import as_integer_array

SAFE_DEPTH = (2**31 - 1) // 255**2
"""So many products of two 9-bit differences fit in int32, whatever their signs."""


def integer_matmul(lhs, rhs, lhs_zero_point=0, rhs_zero_point=0):
    """accumulator[m, n] = wrap32(sum_k (lhs[m, k] − lhs_zero_point[m]) · (rhs[k, n] − rhs_zero_point[n])).

    Parameters
    ----------
    lhs : int8 or uint8 array, shape (…, M, K)
    rhs : int8 or uint8 array, shape (…, K, N)
        Any mix of the two dtypes, any K.
    lhs_zero_point : int, or integer array of shape (…, M)
    rhs_zero_point : int, or integer array of shape (…, N)
        Values that the dtype of the operand can hold.

    Returns
    -------
    accumulator : int32 array, shape (…, M, N)

    Raises
    ------
    TypeError, ValueError
        As :func:`qbref.kernels.int8_matmul`.

    Notes
    -----
    Wrapping commutes with addition, so K is cut into pieces whose sums fit, and the pieces' sums are wrapped.

    Examples
    --------
    >>> lhs = np.full((1, 40_000), 255, np.uint8)
    >>> integer_matmul(lhs, lhs.T)  # 40000 · 255 · 255 − 2^32
    array([[-1693967296]], dtype=int32)
    """
    int8_matmul = kernels.default().int8_matmul
    pieces = [
        int8_matmul(
            lhs[..., k : k + SAFE_DEPTH], rhs[..., k : k + SAFE_DEPTH, :], lhs_zero_point, rhs_zero_point
        )
        for k in range(0, max(lhs.shape[-1], 1), SAFE_DEPTH)
    ]
    return wrap32(np.sum(pieces, axis=0, dtype=np.int64))


def saturating_matmul(lhs, rhs, lhs_zero_point=0, rhs_zero_point=0):
    """The product on x86 without VNNI: the sum of the products 2j and 2j + 1 saturates to int16.

        sum_j saturate16(lhs[2j] · rhs[2j] + lhs[2j + 1] · rhs[2j + 1]) − rhs_zero_point · sum_k lhs[k]
            − lhs_zero_point · sum_k rhs[k] + K · lhs_zero_point · rhs_zero_point,    wrapped to int32

    Parameters
    ----------
    lhs : uint8 array, shape (M, K)
    rhs : int8 array, shape (K, N)
    lhs_zero_point : int, or integer array of shape (M,)
    rhs_zero_point : int, or integer array of shape (N,)

    Returns
    -------
    accumulator : int32 array, shape (M, N)

    Raises
    ------
    TypeError, ValueError
        If `lhs` is not uint8 or `rhs` not int8 (the other mixes of signs do not saturate), a zero point is
        not an integer, or shapes do not fit.

    Notes
    -----
    The instruction is VPMADDUBSW. A lhs of at most 127 (7 bits) never saturates, which is what "reduce_range"
    is for. Verified with MatMulInteger of ONNX Runtime 1.31.1 on a processor with AVX2 and without VNNI.

    Examples
    --------
    >>> lhs, rhs = np.full((1, 2), 255, np.uint8), np.full((2, 1), 127, np.int8)
    >>> integer_matmul(lhs, rhs), saturating_matmul(lhs, rhs)
    (array([[64770]], dtype=int32), array([[32767]], dtype=int32))
    """
    for name, operand, dtype in (("lhs", lhs, np.uint8), ("rhs", rhs, np.int8)):
        if operand.dtype != dtype:
            raise TypeError(f"{name} must be {np.dtype(dtype)}, got {operand.dtype}")
    if lhs.ndim != 2 or rhs.ndim != 2 or lhs.shape[1] != rhs.shape[0]:
        raise ValueError(f"lhs and rhs must be (M, K) and (K, N), got {lhs.shape} and {rhs.shape}")
    for name, zero_point, count in (
        ("lhs_zero_point", lhs_zero_point, lhs.shape[0]),
        ("rhs_zero_point", rhs_zero_point, rhs.shape[1]),
    ):
        if as_integer_array(name, zero_point).shape not in ((), (count,)):
            raise ValueError(f"{name} must be one number or {count}, got shape {np.shape(zero_point)}")
    lhs, rhs = lhs.astype(np.int64), rhs.astype(np.int64)
    lhs_zero_point, rhs_zero_point = np.reshape(lhs_zero_point, (-1, 1)), np.asarray(rhs_zero_point)
    total = np.zeros((lhs.shape[0], rhs.shape[1]), np.int64)
    for k in range(0, lhs.shape[1], 2):
        total += np.clip(lhs[:, k : k + 2] @ rhs[k : k + 2], -(2**15), 2**15 - 1)
    total -= lhs.sum(axis=1, keepdims=True) * rhs_zero_point.astype(np.int64)
    total -= lhs_zero_point.astype(np.int64) * (rhs - rhs_zero_point).sum(axis=0)
    return wrap32(total)


def integer_conv(x, w, x_zero_point, w_zero_point, strides, pads, dilations, group):
    """accumulator[n, m, …] = wrap32(sum of (x − x_zero_point) · (w[m] − w_zero_point[m]) over a window).

    Parameters
    ----------
    x : int8 or uint8 array, shape (N, C, D1, D2, …)
    w : int8 or uint8 array, shape (M, C / group, K1, K2, …)
    x_zero_point : int
        Also stands outside the image, where it adds nothing.
    w_zero_point : integer array of shape (M,)
    strides, dilations : sequence of int, one per spatial axis
    pads : sequence of (before, after), one per spatial axis
    group : int
        The filters of group i see the i-th C / group channels.

    Returns
    -------
    accumulator : int32 array, shape (N, M, O1, O2, …)

    Examples
    --------
    >>> x = np.array([[[10, 20, 30]]], np.uint8)
    >>> w = np.array([[[1, -1]]], np.int8)
    >>> integer_conv(x, w, 10, np.array([0]), [1], [(1, 0)], [1], 1)
    array([[[  0, -10, -10]]], dtype=int32)
    """
    channels, filters = w.shape[1], w.shape[0] // group
    padded = np.pad(x, ((0, 0), (0, 0), *pads), constant_values=x_zero_point)
    padded = padded.reshape(len(x), group, channels, *padded.shape[2:])
    reach = [(k - 1) * dilation + 1 for k, dilation in zip(w.shape[2:], dilations, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(3, padded.ndim)))
    every = tuple(slice(None, None, step) for step in (*strides, *dilations))
    windows = np.moveaxis(windows[(..., *every)], (1, 2), (0, x.ndim))  # (group, N, O1, …, C / group, K1, …)
    accumulator = np.empty((*windows.shape[1 : x.ndim], group, filters), np.int32)
    for i, seen in enumerate(windows):
        rhs = w[i * filters : (i + 1) * filters].reshape(filters, math.prod(w.shape[1:])).T
        rhs_zero_point = w_zero_point[i * filters : (i + 1) * filters]
        sums = accumulator[..., i, :]
        for part in parts(sums, seen):
            shape = sums[part].shape
            columns = seen[part].reshape(math.prod(shape[:-1]), len(rhs))
            sums[part] = integer_matmul(columns, rhs, x_zero_point, rhs_zero_point).reshape(shape)
    return np.moveaxis(accumulator.reshape(*accumulator.shape[:-2], len(w)), -1, 1)
