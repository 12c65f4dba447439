"""Scale and zero point from a range: the rule of PyTorch's C++ kernels, for dynamic quantization.

Source: pytorch/pytorch, aten/src/ATen/native/quantized/cpu/QuantUtils.h (``ChooseQuantizationParams``).
"""

import math

import numpy as np

from qbref.conventions.torch.dtypes import rounded_to_float32
from qbref.quant.checks import as_integer

SMALLEST_SCALE = np.float32(6.1e-5)


def choose_qparams(min_val, max_val, qmin=0, qmax=255, preserve_sparsity=False, reduce_range=False):
    """scale = (max − min) / (qmax − qmin), and the zero point that represents 0 exactly.

    Parameters
    ----------
    min_val, max_val : float
        Rounded to float32; extended to contain 0.
    qmin, qmax : int
    preserve_sparsity : bool
        With min < 0 < max: a symmetric range, and the zero point in the middle.
    reduce_range : bool
        Halve qmin and qmax, toward 0: 7 bits, whose products cannot saturate on older processors.

    Returns
    -------
    scale : float
        In double precision: 0.1 for a range without a usable width, else at least 6.1e-5.
    zero_point : int

    Raises
    ------
    ValueError
        If min_val exceeds max_val or one of them is not finite, or qmin is not below qmax.

    Notes
    -----
    All in double precision. Of the zero points that follow from either end of the range, qmin − min/scale
    and qmax − max/scale, that one is rounded (half to even) where |qmin| − |min/scale| or |qmax| −
    |max/scale| is less. A scale below 6.1e-5 is raised to it, and the range with it.

    The rule of dynamic quantization, ``torch._choose_qparams_per_tensor``, against which it was verified bit
    for bit (PyTorch 2.13.0; `preserve_sparsity` from its source only). It means to be that of
    fbgemm::ChooseQuantizationParams.

    Examples
    --------
    >>> choose_qparams(-1.0, 4.0)
    (0.0196078431372549, 51)
    >>> choose_qparams(0.0, 0.0)
    (0.1, 0)
    """
    qmin, qmax = as_integer("qmin", qmin), as_integer("qmax", qmax)
    if not -(2**31) <= qmin < qmax < 2**31:
        raise ValueError(f"qmin must be below qmax, both int32, got {qmin} and {qmax}")
    lo, hi = (rounded_to_float32(value)[()] for value in (min_val, max_val))
    if not -math.inf < lo <= hi < math.inf:
        raise ValueError(f"min_val and max_val must be finite and in order, got {min_val} and {max_val}")
    if reduce_range:
        qmin, qmax = int(qmin / 2), int(qmax / 2)
    if qmax - qmin <= bool(preserve_sparsity):
        raise ValueError(f"qmin and qmax must leave levels beside the zero point, got {qmin} and {qmax}")
    symmetric = preserve_sparsity and lo < 0 < hi
    if symmetric:
        lo, hi = _symmetric_range(lo, hi, qmin, qmax)
    lo, hi = min(lo, np.float32(0)), max(hi, np.float32(0))
    scale = (float(hi) - float(lo)) / (qmax - qmin)
    if _has_no_reciprocal(scale):
        scale = 0.1
    if scale < float(SMALLEST_SCALE):  # in float64
        lo, hi = _raised_range(lo, hi, scale, qmax - qmin)
        scale = float(SMALLEST_SCALE)
    return scale, (qmin + qmax) // 2 if symmetric else _zero_point(float(lo), float(hi), scale, qmin, qmax)


def _symmetric_range(lo, hi, qmin, qmax):
    half = (qmax - qmin) // 2
    symmetric_qmin, symmetric_qmax = np.float32(-(half + 1)), np.float32(half)
    largest = max(abs(lo / symmetric_qmin), abs(hi / symmetric_qmax))
    return largest * symmetric_qmin, largest * symmetric_qmax


def _has_no_reciprocal(scale):
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        return not np.isfinite(np.float32(1) / np.float32(scale))


def _raised_range(lo, hi, scale, n_steps):
    """The range as it is with the smallest scale."""
    if lo == 0:
        return lo, SMALLEST_SCALE * np.float32(n_steps)
    if hi == 0:
        return -SMALLEST_SCALE * np.float32(n_steps), hi
    amplifier = SMALLEST_SCALE / np.float32(scale)
    return lo * amplifier, hi * amplifier


def _zero_point(lo, hi, scale, qmin, qmax):
    from_lo, from_hi = qmin - lo / scale, qmax - hi / scale
    lo_is_better = abs(qmin) - abs(lo / scale) < abs(qmax) - abs(hi / scale)
    zero_point = from_lo if lo_is_better else from_hi
    return round(min(max(zero_point, qmin), qmax))  # half to even
