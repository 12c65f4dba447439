"""Scale and zero point for a range of real numbers, by TensorFlow Lite's rule."""

import math

import numpy as np


def choose_quantization_params(rmin, rmax, dtype=np.uint8, narrow_range=False):
    """scale = (rmax − rmin) / (qmax − qmin),   zero_point = half_away(z) clipped, everything in float64.

    z is either zmin = qmin − rmin/scale or zmax = qmax − rmax/scale, whichever has the smaller rounding error
    bound: zmin if |qmin| + |rmin/scale| < |qmax| + |rmax/scale|, else zmax.

    Parameters
    ----------
    rmin, rmax : float
        rmin ≤ 0 ≤ rmax, finite.
    dtype : int8, uint8, int16 or another integer dtype of up to 32 bits
        qmin and qmax are its limits.
    narrow_range : bool
        Leave out qmin: int8 becomes [−127, 127].

    Returns
    -------
    scale : float
        A float64; 0 for the empty range rmin = rmax = 0, with zero point 0.
    zero_point : int

    Notes
    -----
    Read in ``ChooseQuantizationParams`` (tflite/kernels/internal/quantization_util.h), not compared with a
    build. PyTorch's function of the same name subtracts where this one adds the magnitudes.

    Examples
    --------
    >>> choose_quantization_params(-1.0, 1.0, np.int8)
    (0.00784313725490196, -1)
    """
    if not (-math.inf < rmin <= 0 <= rmax < math.inf):
        raise ValueError(f"[rmin, rmax] must be finite and contain 0, got [{rmin}, {rmax}]")
    info = np.iinfo(dtype)
    rmin, rmax, qmin, qmax = float(rmin), float(rmax), int(info.min) + bool(narrow_range), int(info.max)
    if rmin == rmax:
        return 0.0, 0
    scale = (rmax - rmin) / (qmax - qmin)
    if not 0 < scale < math.inf:
        raise ValueError(f"rmax - rmin must give a positive finite scale, got {rmax} - {rmin}")
    zmin, zmax = qmin - rmin / scale, qmax - rmax / scale
    zmin_is_better = abs(qmin) + abs(rmin / scale) < abs(qmax) + abs(rmax / scale)
    zero_point = _round_half_away(zmin if zmin_is_better else zmax)
    return scale, min(max(zero_point, qmin), qmax)


def _round_half_away(x):
    whole = math.trunc(x)
    return whole + (abs(x - whole) >= 0.5) * (1 if x > 0 else -1)
