"""Microscaling (MX): blocks of small elements, each block with one power of two as its scale.

    X = 2^(floor(log2 max|x|) − emax)        element = nearest(x / X)        x_hat = X · element

emax is the exponent of the largest element, so the largest value of a block lands in the highest
binade of the element format. The scale is stored in 8 bits, code 0 to 254 for 2^(code − 127), and 255
for NaN (E8M0).

Source: OCP Microscaling Formats v1.0, sections 5.3, 5.4 and 6.3; Rouhani et al., "Microscaling Data
Formats for Deep Learning" (arXiv 2310.10537, algorithm 1).
"""

from typing import NamedTuple

import numpy as np

from qbref.quant.checks import as_float_array, as_integer, as_integer_array, check_finite, check_within
from qbref.quant.formats import FORMATS
from qbref.quant.granularity import expand, scale_shape
from qbref.quant.minifloat import bits_to_float, float_to_bits

MX_BLOCK_SIZE = 32
SCALE_BIAS = 127
SCALE_NAN = 255
INT8_FRACTION_BITS = 6
ELEMENTS = ("fp8_e4m3", "fp8_e5m2", "fp6_e3m2", "fp6_e2m3", "fp4_e2m1", "int8")


class MXArray(NamedTuple):
    """A tensor in a microscaling format.

    Parameters
    ----------
    codes : uint8 array, or int8 array for element "int8"
        Elements, the shape of the tensor.
    scales : uint8 array
        E8M0 codes; the shape of the tensor, where dimension `axis` counts blocks.
    element : str
        One of "fp8_e4m3", "fp8_e5m2", "fp6_e3m2", "fp6_e2m3", "fp4_e2m1", "int8".
    axis, block_size : int
    """

    codes: np.ndarray
    scales: np.ndarray
    element: str
    axis: int
    block_size: int


def quantize_mx(x, element, axis=-1, block_size=MX_BLOCK_SIZE):
    """Quantize to elements of a few bits that share a power-of-two scale in blocks.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
        At least one dimension, finite in float32.
    element : str
        As for :class:`MXArray`; "int8" is a two's complement integer times 2^−6.
    axis : int
        Direction of the blocks.
    block_size : int
        32 in the standard. The last block may be shorter.

    Returns
    -------
    MXArray

    Raises
    ------
    TypeError, ValueError
        If `x` is not a float array, is a scalar, or holds NaN or infinities, or `element` is unknown.

    Notes
    -----
    Elements round to nearest, ties to even; what lies above the largest element saturates. "int8" leaves
    −128 unused, so that it is symmetric. A block of zeros, and one whose scale would lie below 2^−127, has
    scale code 0; then small elements become 0.

    Examples
    --------
    >>> q = quantize_mx([0.3, -1.0, 5.0, 7.9], "fp4_e2m1")
    >>> q.scales, q.codes  # 2^(127 − 127) = 1, and 7.9 saturates to 6
    (array([127], dtype=uint8), array([ 1, 10,  6,  7], dtype=uint8))
    """
    x = as_float_array(x)
    _check_element(element)
    if as_integer("block_size", block_size) < 1:
        raise ValueError(f"block_size must be at least 1, got {block_size}")
    shape = scale_shape(x.shape, as_integer("axis", axis), block_size)
    check_finite(x)
    starts = np.arange(shape[axis]) * block_size
    largest = np.maximum.reduceat(np.abs(x), starts, axis) if x.size else np.zeros(shape, x.dtype)
    log2 = np.where(largest > 0, np.frexp(largest)[1] - 1, -2 * SCALE_BIAS)
    exponent = np.maximum(log2 - _emax(element), -SCALE_BIAS)
    scaled = np.ldexp(x.astype(np.float64), -expand(exponent, x.shape, axis, block_size))
    scales = (exponent + SCALE_BIAS).astype(np.uint8)
    return MXArray(_encode(scaled, element), scales, element, axis, block_size)


def dequantize_mx(q):
    """x_hat = 2^(scale code − 127) · element.

    Parameters
    ----------
    q : MXArray

    Returns
    -------
    float32 array, the shape of ``q.codes``
        NaN throughout a block with scale code 255; ±inf where the product exceeds float32.

    Raises
    ------
    TypeError, ValueError
        If a code is out of range, or the shape of the scales does not fit.

    Examples
    --------
    >>> dequantize_mx(quantize_mx([0.3, -1.0, 5.0, 7.9], "fp4_e2m1"))  # 5 is halfway: to even
    array([ 0.5, -1. ,  4. ,  6. ], dtype=float32)
    """
    _check_element(q.element)
    codes, scales = as_integer_array("codes", q.codes), as_integer_array("scales", q.scales)
    expected = scale_shape(codes.shape, q.axis, q.block_size)
    if scales.shape != expected:
        raise ValueError(f"scales must have shape {expected}, got {scales.shape}")
    check_within("scales", scales, 0, SCALE_NAN)
    scales = expand(scales.astype(np.int32), codes.shape, q.axis, q.block_size)
    with np.errstate(over="ignore"):
        x_hat = np.ldexp(_decode(codes, q.element), scales - SCALE_BIAS).astype(np.float32)
    return np.where(scales == SCALE_NAN, np.float32(np.nan), x_hat)


def _emax(element):
    return 0 if element == "int8" else FORMATS[element].emax


def _encode(x, element):
    if element != "int8":
        return float_to_bits(x, element)
    return np.clip(np.rint(np.ldexp(x, INT8_FRACTION_BITS)), -127, 127).astype(np.int8)


def _decode(codes, element):
    if element != "int8":
        return bits_to_float(codes, element).astype(np.float64)
    check_within("codes", codes, -128, 127)
    return np.ldexp(codes.astype(np.float64), -INT8_FRACTION_BITS)


def _check_element(element):
    if element not in ELEMENTS:
        raise ValueError(f"element must be one of {ELEMENTS}, got {element!r}")
