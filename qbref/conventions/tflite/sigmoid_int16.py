"""LOGISTIC and TANH on int16: one table of the logistic function, output scale 2^−15, zero points 0.

    logistic(x) = σ(x),   tanh(x) = 2 σ(2x) − 1

The inputs are brought to steps of 2^−12 / 3, of which 512 for σ and 256 for tanh lie between two entries.
Source: tflite/kernels/activations.cc and internal/reference/integer_ops/{logistic,tanh}.h (LiteRT).
"""

import numpy as np

from qbref.conventions.arithmetic import to_int32, wrap32
from qbref.conventions.tflite import gemmlowp
from qbref.quant.rounding import round_half_away, round_half_up

INTEGER_BITS = 3
"""Of the inputs to gemmlowp's functions: Q3.12."""


def sigmoid_table():
    """The 256 values 2^16 σ(k / 24), each raised by half of what the chord to the next one lies too low.

    The last one stands for all that follow, and is 2^16 − 1.

    Examples
    --------
    >>> sigmoid_table()[[0, 1, 2, 254, 255]]
    array([32768, 33451, 34133, 65534, 65535])
    """
    half_steps = 2**16 / (1 + np.exp(-np.arange(513) / 48))
    ends, middles = half_steps[:-1:2], half_steps[1::2]
    chord_middles = (ends + half_steps[2::2]) / 2
    table = round_half_up(ends + (middles - chord_middles) / 2).astype(np.int64)
    table[-1] = 2**16 - 1
    return table


SIGMOID = sigmoid_table()


def logistic_int16(x, scale, kernels="ref"):
    """y = half_up(2^15 σ(scale · x)), and 2^15 − y for −x; the table ends at 10.6, beyond is 1 − 2^−15.

    Parameters
    ----------
    x : int16 array
    scale : float32
        If it is 2^−12, "opt" and "xnnpack" use :func:`qbref.conventions.tflite.gemmlowp.logistic` instead.
    kernels : {"ref", "opt", "xnnpack"}

    Returns
    -------
    int16 array, the shape of `x`

    Examples
    --------
    >>> logistic_int16(np.array([-4096, 0, 4096], np.int16), 2.0**-12)
    array([ 8812, 16384, 23956], dtype=int16)
    """
    multiplier, shift = input_multiplier(scale, [-12])
    if kernels != "ref" and multiplier <= 0:
        return gemmlowp.logistic(x, INTEGER_BITS, gemmlowp.INT16).astype(np.int16)
    v = _rescaled(x, multiplier, shift)
    y = (_interpolated(np.abs(v), 9, 2**16 - 2) + 2**9) >> 10
    return np.where(v < 0, 2**15 - y, y).astype(np.int16)


def tanh_int16(x, scale, kernels="ref"):
    """y = half_up(2^16 σ(2 · scale · x)) − 2^15, and −y for −x; the table ends at 5.3, beyond is 1 − 2^−15.

    As :func:`logistic_int16`, with gemmlowp's tanh at the scales 2^−12 and 2^−11, where 2 x saturates.

    Examples
    --------
    >>> tanh_int16(np.array([-4096, 0, 4096], np.int16), 2.0**-12)
    array([-24956,      0,  24956], dtype=int16)
    """
    multiplier, shift = input_multiplier(scale, [-12, -11])
    if kernels != "ref" and multiplier <= 0:
        q = gemmlowp.INT16.saturate(x.astype(np.int64) << min(shift, 1))
        return gemmlowp.tanh(q, INTEGER_BITS, gemmlowp.INT16).astype(np.int16)
    v = _rescaled(x, multiplier, shift)
    y = ((_interpolated(np.abs(v), 8, 2**16 - 1) + 2**7) >> 8) - 2**15
    return np.where(v < 0, -y, y).astype(np.int16)


def input_multiplier(scale, exponents):
    """The constants with x · scale = x · multiplier / (2^shift · 12288); multiplier 0 for a power of two.

    Parameters
    ----------
    scale : float32
    exponents : list of int
        The powers of two that are treated as such, up to 0.07 % off.

    Returns
    -------
    multiplier : int32
        16384 to 32767, truncated; larger for a scale above 8/3, and wrapped to −2^31 from 174,763 on.
    shift : int
        With multiplier 0 that of a power of two, scale = 2^(shift − 12).

    Examples
    --------
    >>> input_multiplier(0.001, [-12]), input_multiplier(2.0**-11, [-12, -11])
    ((np.int32(25165), 11), (np.int32(0), 1))
    """
    log2 = np.log(np.float64(scale)).astype(np.float32) * (np.float32(1) / np.float32(np.log(2)))
    exponent = int(round_half_away(log2))
    if abs(log2 - np.float32(exponent)) < np.float32(1e-3) and exponent in exponents:
        return np.int32(0), exponent + 12
    real, shift = np.float64(scale) * 12288, 0
    while real <= 32767 / 2 and shift <= 30:
        real, shift = 2 * real, shift + 1
    return to_int32(real), shift


def _rescaled(x, multiplier, shift):
    """half_up(x · multiplier / 2^shift), wrapping around in int32."""
    if multiplier == 0:
        multiplier, shift = 3 << shift, 0
    product = x.astype(np.int64) * multiplier
    return wrap32(product + (1 << shift >> 1)).astype(np.int64) >> shift


def _interpolated(v, bits, largest):
    """2^bits · SIGMOID[v / 2^bits], by straight lines; 2^bits · largest from the last entry on."""
    k = np.minimum(v >> bits, len(SIGMOID) - 2)
    y = (SIGMOID[k] << bits) + (SIGMOID[k + 1] - SIGMOID[k]) * (v & ((1 << bits) - 1))
    return np.where(v >> bits < len(SIGMOID) - 1, y, largest << bits)
