"""Two orders of clipping to a range and converting to integers, which part for NaN, ±inf and beyond int32."""

import numpy as np

from qbref.conventions.arithmetic import saturate, to_int32, wrap32


def clip_then_convert(levels, zero_point, integer_type):
    """clip(levels, qmin − z, qmax − z) + z, all exact in float32; NaN gives qmin."""
    zero_point = zero_point.astype(np.float32)
    clipped = np.asarray(np.fmax(levels, integer_type.qmin - zero_point))
    np.minimum(clipped, integer_type.qmax - zero_point, out=clipped)
    clipped += zero_point
    return clipped.astype(integer_type.storage)


def convert_then_clip(levels, zero_point, integer_type):
    """clip(wrap32(to_int32(levels) + z), qmin, qmax): what does not fit in int32 is −2^31 when z is added."""
    shifted = wrap32(to_int32(levels).astype(np.int64) + zero_point)
    return saturate(shifted, integer_type.qmin, integer_type.qmax, integer_type.storage)
