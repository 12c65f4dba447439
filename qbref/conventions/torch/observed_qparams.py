"""Scale and zero point from a range: the rule of PyTorch's observers.

Source: pytorch/pytorch, torch/ao/quantization/observer.py
(``UniformQuantizationObserverBase._calculate_qparams``).
"""

import numpy as np

from qbref.conventions.arithmetic import to_int32, wrap32

SIGNED = ("qint8", "int8", "int16", "qint32", "int32")


def observed_qparams(min_val, max_val, observer):
    """Return the (scale, zero_point) that an observer of a torch.ao module calculates from its range.

    Parameters
    ----------
    min_val, max_val : float32 array
        Of one element, or one for each channel.
    observer : object with `dtype`, `qscheme`, `quant_min`, `quant_max`, `has_customized_qrange` and `eps`

    Returns
    -------
    scale : float32 array
    zero_point : int32 array
        float32 with "per_channel_affine_float_qparams".

    Raises
    ------
    ValueError
        If min_val exceeds max_val, as the rounding of a moving average can bring about.

    Notes
    -----
    In float32, with the range extended to contain 0::

        affine      scale = max((max − min) / (qmax − qmin), eps)
                    zero_point = clip(qmin − rint(min / scale), qmin, qmax)
        symmetric   scale = max(max(−min, max) / ((qmax − qmin) / 2), eps),  zero_point in the middle
        float       scale = (max − min) / (qmax − qmin), 1 if not above eps;  zero_point = −min / scale

    A symmetric qint8 range is thus divided by 127.5: max|x| = 1 gives scale 0.007843138, and ±1 become
    127 and −127. "float" does not extend the range.
    NaN and overflowing ranges give NaN or infinite scales, and zero points that follow from the conversion of
    NaN to −2^31. Verified bit for bit against PyTorch 2.13.0.
    """
    if np.any(min_val > max_val):
        raise ValueError(f"min_val must not exceed max_val, got {min_val} and {max_val}")
    qmin, qmax = observer.quant_min, observer.quant_max
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if observer.qscheme == "per_channel_affine_float_qparams":
            scale = (max_val - min_val) / np.float32(qmax - qmin)
            scale = np.where(scale > observer.eps, scale, np.float32(1))
            return scale, -min_val / scale
        lo, hi = np.minimum(min_val, np.float32(0)), np.maximum(max_val, np.float32(0))
        if observer.qscheme.endswith("symmetric"):
            scale = np.maximum(np.maximum(-lo, hi) / np.float32((qmax - qmin) / 2), observer.eps)
            return scale, np.full(scale.shape, _middle(observer), np.int32)
        scale = np.maximum((hi - lo) / np.float32(qmax - qmin), observer.eps)
        steps = to_int32(np.rint(lo / scale)).astype(np.int64)
    return scale, np.clip(wrap32(qmin - steps), qmin, qmax).astype(np.int32)


def _middle(observer):
    if observer.dtype in SIGNED:
        return 0
    if observer.dtype == "uint16":
        return 2**15
    return (observer.quant_min + observer.quant_max) // 2 if observer.has_customized_qrange else 128
