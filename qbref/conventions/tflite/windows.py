"""Where a window of taps stands on an image: padding as TensorFlow counts it."""

import numpy as np


def as_pair(name, value):
    """Return an int or a pair of ints, all at least 1, as a pair."""
    pair = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(pair) != 2 or not all(isinstance(v, int | np.integer) and v >= 1 for v in pair):
        raise ValueError(f"{name} must be a positive integer or a pair of them, got {value!r}")
    return pair


def pad_image(x, window, stride, dilation, padding, value):
    """Pad x (N, H, W, C) so that the windows that fit without padding are those of `padding`.

    "VALID" adds nothing. "SAME" gives ceil(H / stride) rows of output; of odd padding the end gets more.
    """
    if padding not in ("SAME", "VALID"):
        raise ValueError(f"padding must be 'SAME' or 'VALID', got {padding!r}")
    if padding == "VALID":
        return x
    widths = [_same(*sizes) for sizes in zip(x.shape[1:3], window, stride, dilation, strict=True)]
    return np.pad(x, ((0, 0), *widths, (0, 0)), constant_values=value)


def _same(size, taps, stride, dilation):
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def windows(padded, window, stride, dilation=(1, 1)):
    """What every window sees, a view (N, OH, OW, KH, KW, C) of the padded image."""
    reach = [(taps - 1) * step + 1 for taps, step in zip(window, dilation, strict=True)]
    if padded.shape[1] < reach[0] or padded.shape[2] < reach[1]:
        raise ValueError(f"the window must fit into the image, got {window} taps on {padded.shape[1:3]}")
    seen = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(1, 2))
    seen = seen[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    return np.moveaxis(seen, 3, -1)
