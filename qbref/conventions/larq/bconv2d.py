"""Larq Compute Engine's binary convolution, LceBconv2d, with its three outputs.

With K = filter height · filter width · channels, and pop the number of places where signs differ::

    K − 2·pop                                          the convolution of signs
    v = f32(f32(clamp(2·pop)) · m + b)                 m = f32(−multiplier / s)
                                                       b = f32((bias + K · multiplier) / s + z)
    float output  v (s = 1, z = 0)       int8 output  clip(away(v))       bitpacked output  pop > threshold

m and b are computed in float64 and rounded once; v has two float32 roundings, not a fused one. The clamp is
an activation of K − 2·pop, turned around.

Verified against larq-compute-engine 0.16.0 on x86. Source: ``core/bconv2d/{reference,output_transform,
zero_padding_correction}.h``, ``tflite/kernels/bconv2d.cc``.
"""

import numpy as np

from qbref.binary.checks import check_choice
from qbref.conventions.arithmetic import saturate, to_int32
from qbref.conventions.larq.bconv2d_popcount import (
    as_images,
    check_filter_fits,
    outside_sums,
    pads_with_zero,
    popcounts,
)
from qbref.conventions.larq.bitpacking import as_scale, packed
from qbref.quant.checks import as_integer, check_within
from qbref.quant.rounding import round_half_away

ACTIVATIONS = {
    "NONE": (-np.inf, np.inf),
    "RELU": (0, np.inf),
    "RELU_N1_TO_1": (-1, 1),
    "RELU6": (0, 6),
}


def bconv2d(x_words, filter_words, channels, multiplier, bias, activation="NONE", kernels="ref", **geometry):
    """v = f32(f32(clamp(2·pop)) · m + b), m = −multiplier, b = f32(bias + K · multiplier): float output.

    Parameters
    ----------
    x_words, filter_words, channels, **geometry
        As for :func:`popcounts`.
    multiplier, bias : float32 arrays, shape (O,)
        A fused batch normalization; ones and zeros for none.
    activation : {"NONE", "RELU", "RELU_N1_TO_1", "RELU6"}
        Clamps K − 2·pop, before multiplier and bias.
    kernels : {"ref", "opt"}
        They differ only where "SAME" pads with 0, and there in the last places: "opt" pads with 1
        and then adds f32(−multiplier · Σ of the weights outside) to v, a third rounding.

    Returns
    -------
    float32 array, shape (N, OH, OW, O)

    Raises
    ------
    TypeError, ValueError
        If an operand does not fit the description, an activation meets padding with 0, which Larq refuses, or
        "opt" pads with 0 for a filter larger than the image, whose correction Larq leaves out in part.

    Examples
    --------
    >>> from qbref.conventions import larq
    >>> x = larq.quantize(np.array([1.0, -1.0, -1.0], np.float32).reshape(1, 1, 3, 1))
    >>> w = larq.quantize(np.array([-1.0, 1.0], np.float32).reshape(1, 1, 2, 1))
    >>> bconv2d(x, w, 1, np.array([0.5], np.float32), np.array([3.0], np.float32)).ravel()
    array([2., 3.], dtype=float32)
    """
    check_choice("kernels", kernels, ("ref", "opt"))
    x_words, filter_words = as_images(x_words, filter_words)
    corrected = kernels == "opt" and pads_with_zero(geometry)
    if corrected:
        check_filter_fits(x_words, filter_words, **geometry)
    padded = geometry | {"pad_values": 1} if corrected else geometry
    pop = popcounts(x_words, filter_words, channels, **padded)
    v = _linear(pop, filter_words, channels, multiplier, bias, activation, geometry)
    if corrected:
        outside = outside_sums(x_words, filter_words, channels, **geometry).astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            v += -multiplier * outside
    return v


def bconv2d_int8(
    x_words, filter_words, channels, multiplier, bias, scale, zero_point, activation="NONE", **geometry
):
    """q = clip(away(v), −128, 127): int8 output, with m and b divided by its scale.

    Parameters
    ----------
    x_words, filter_words, channels, multiplier, bias, activation, **geometry
        As for :func:`bconv2d`.
    scale : float
        Of the output, positive; read as float32.
    zero_point : int

    Returns
    -------
    int8 array, shape (N, OH, OW, O)

    Notes
    -----
    The zero point is part of b, so it is added before rounding. "ref" kernels; "opt" ones give the same
    integers, but have no padding with 0.

    Examples
    --------
    >>> from qbref.conventions import larq
    >>> x = larq.quantize(np.array([1.0, -1.0, -1.0], np.float32).reshape(1, 1, 3, 1))
    >>> w = larq.quantize(np.array([-1.0, 1.0], np.float32).reshape(1, 1, 2, 1))
    >>> one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    >>> bconv2d_int8(x, w, 1, one, zero, scale=0.8, zero_point=0).ravel()  # -2 / 0.8 = -2.5
    array([-3,  0], dtype=int8)
    """
    scale = as_scale(scale)
    check_within("zero_point", np.asarray(as_integer("zero_point", zero_point)), -128, 127)
    x_words, filter_words = as_images(x_words, filter_words)
    pop = popcounts(x_words, filter_words, channels, **geometry)
    v = _linear(pop, filter_words, channels, multiplier, bias, activation, geometry, scale, zero_point)
    return saturate(to_int32(round_half_away(v)), -128, 127, np.int8)


def bconv2d_bitpacked(x_words, filter_words, channels, thresholds, **geometry):
    """bit o % 32 of words[..., o // 32] = (pop[..., o] > thresholds[o]): packed signs for the next layer.

    Parameters
    ----------
    x_words, filter_words, channels, **geometry
        As for :func:`popcounts`, but "SAME" does not pad with 0.
    thresholds : int32 array, shape (O,)

    Returns
    -------
    int32 array, shape (N, OH, OW, ceil(O / 32))

    Examples
    --------
    >>> from qbref.conventions import larq
    >>> x = larq.quantize(np.array([1.0, -1.0, -1.0], np.float32).reshape(1, 1, 3, 1))
    >>> w = larq.quantize(np.array([-1.0, 1.0], np.float32).reshape(1, 1, 2, 1))
    >>> bconv2d_bitpacked(x, w, 1, np.array([1], np.int32)).ravel()  # pop is 2 and 1
    array([1, 0], dtype=int32)
    """
    if pads_with_zero(geometry):
        raise ValueError("pad_values must be 1 for bitpacked output with padding 'SAME', got 0")
    x_words, filter_words = as_images(x_words, filter_words)
    pop = popcounts(x_words, filter_words, channels, **geometry)
    return packed(pop > _per_filter("thresholds", thresholds, filter_words, np.int32))


def _linear(pop, filter_words, channels, multiplier, bias, activation, geometry, s=1, z=0):
    """v of the docstring above."""
    check_choice("activation", activation, tuple(ACTIVATIONS))
    if activation != "NONE" and pads_with_zero(geometry):
        raise ValueError(f"activation must be 'NONE' where 'SAME' pads with 0, got {activation!r}")
    multiplier = _per_filter("multiplier", multiplier, filter_words, np.float32).astype(np.float64)
    bias = _per_filter("bias", bias, filter_words, np.float32).astype(np.float64)
    k = filter_words.shape[1] * filter_words.shape[2] * channels
    with np.errstate(over="ignore"):
        m = (-multiplier / s).astype(np.float32)
        b = ((bias + k * multiplier) / s + z).astype(np.float32)
    lo, hi = ACTIVATIONS[activation]
    x = np.clip(2.0 * pop, k - min(hi, k), k - max(lo, -k)).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        return x * m + b


def _per_filter(name, values, filter_words, dtype):
    values = np.asarray(values)
    if values.dtype != dtype or values.shape != filter_words.shape[:1]:
        rule = f"be {np.dtype(dtype)} of shape {filter_words.shape[:1]}"
        raise ValueError(f"{name} must {rule}, got {values.dtype} of shape {values.shape}")
    if values.dtype == np.float32 and not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got {values[~np.isfinite(values)][0]}")
    return values
