"""What PyTorch's quantizers share: they multiply by the reciprocal of the scale, round, clip and convert."""

import numpy as np

from qbref.conventions.arithmetic import to_int32
from qbref.conventions.torch.dtypes import rounded_to_float32


def reciprocal(scale):
    """float32(1) / float32(scale), as an array: the factor that PyTorch's kernels use instead of dividing."""
    with np.errstate(over="ignore"):
        return np.asarray(np.float32(1) / rounded_to_float32(scale))


def scale_and_round(x, inverse):
    """rint(float32(x · inverse)), half to even."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.rint(np.asarray(x * inverse))


def clip_and_convert(levels, lowest, highest, dtype):
    """clip(levels, lowest, highest), by way of int32: NaN is −2^31 there, whose low 8 or 16 bits are 0."""
    return np.asarray(to_int32(np.clip(levels, lowest, highest))).astype(dtype)
