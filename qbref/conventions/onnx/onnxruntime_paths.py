"""The elements that ONNX Runtime's QuantizeLinear, off its vector path, converts before it clips."""

import math

import numpy as np


def converted_first(dtype, shape, scale_shape, axis, block_size, integer_type):
    """Where x of this dtype and shape is converted first, as a bool array that broadcasts."""
    n_bits = (integer_type.qmax - integer_type.qmin).bit_length()
    per_tensor = not block_size and scale_shape in ((), (1,))
    behind_axis = 1 if per_tensor else math.prod(shape[axis % len(shape) + 1 :])
    if dtype == np.float16 or n_bits == 2 or (block_size and behind_axis > 1):
        return np.array(True)
    if n_bits > 4:
        return np.array(False)
    size = math.prod(shape)
    if per_tensor:
        return _alone_in_byte(size, size, size).reshape(shape)
    if not block_size:
        return _alone_in_byte(size, behind_axis, behind_axis).reshape(shape)
    return _alone_in_byte(size, shape[axis], block_size).reshape(shape)


def _alone_in_byte(size, row, run):
    """Which of `size` elements share their byte with none of their run; each row is cut into runs."""
    if size == 0:
        return np.zeros(0, bool)
    starts_run = np.arange(size + 1) % row % run == 0
    in_high_half = np.arange(size) % 2 == 1
    return np.where(in_high_half, starts_run[:-1], starts_run[1:])
