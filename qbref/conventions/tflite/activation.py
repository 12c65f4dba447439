"""The activation fused into an operator: a narrower range of output integers."""

import numpy as np

from qbref.conventions.tflite.tensors import as_kernels, as_output_dtype, as_scale, as_zero_point
from qbref.quant.rounding import round_half_away, round_half_even

REAL_LIMITS = {
    "none": (None, None),
    "relu": (0, None),
    "relu6": (0, 6),
    "relu_n1_to_1": (-1, 1),
}


def activation_range(activation, scale, zero_point, dtype, kernels="ref"):
    """The integers that stand for the activation's limits, clipped to those of `dtype`.

    ``"ref"``, ``"opt"``  zero_point + half_away(f32(limit / scale))
    ``"xnnpack"``         half_even(f32(f32(limit / scale) + zero_point)): the zero point before the rounding

    Parameters
    ----------
    activation : {"none", "relu", "relu6", "relu_n1_to_1"}
    scale, zero_point : float32, int
        Of the output.
    dtype : int8, uint8 or int16
    kernels : {"ref", "opt", "xnnpack"}

    Returns
    -------
    low, high : int
        Without a limit, that of `dtype`.

    Notes
    -----
    ``CalculateActivationRangeQuantized`` (tflite/kernels/kernel_util.cc) and XNNPACK's clamps, verified
    through the operators. XNNPACK runs no int16, for which "xnnpack" is as "ref".

    Examples
    --------
    >>> activation_range("relu6", 0.05, -100, np.int8)
    (-100, 20)
    >>> activation_range("relu_n1_to_1", 2.0, 0, np.int8)  # -0.5 and 0.5
    (-1, 1)
    >>> activation_range("relu_n1_to_1", 2.0, 0, np.int8, "xnnpack")
    (0, 0)
    """
    if activation not in REAL_LIMITS:
        raise ValueError(f"activation must be one of {', '.join(REAL_LIMITS)}, got {activation!r}")
    kernels, dtype = as_kernels(kernels), as_output_dtype(dtype)
    scale, zero_point = as_scale(scale), as_zero_point(zero_point, dtype)
    info = np.iinfo(dtype)
    low, high = REAL_LIMITS[activation]

    def level(limit):
        with np.errstate(over="ignore"):
            steps = np.clip(np.float32(limit) / scale, -(2**17), 2**17)  # beyond any of 16 bits
        if kernels == "xnnpack" and info.bits == 8:
            return int(round_half_even(steps + np.float32(zero_point)))
        return zero_point + int(round_half_away(steps))

    return (
        int(info.min) if low is None else max(int(info.min), level(low)),
        int(info.max) if high is None else min(int(info.max), level(high)),
    )
