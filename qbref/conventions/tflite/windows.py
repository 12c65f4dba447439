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


def taps(padded, window, stride, dilation):
    """Yield (i, j, view): what the tap (i, j) of every window sees, views of shape (N, OH, OW, C)."""
    (kh, kw), (sh, sw), (dh, dw) = window, stride, dilation
    oh = (padded.shape[1] - (kh - 1) * dh - 1) // sh + 1
    ow = (padded.shape[2] - (kw - 1) * dw - 1) // sw + 1
    if oh < 1 or ow < 1:
        raise ValueError(f"the window must fit into the image, got {window} taps on {padded.shape[1:3]}")
    for i in range(kh):
        for j in range(kw):
            top, left = i * dh, j * dw
            rows = slice(top, top + (oh - 1) * sh + 1, sh)
            columns = slice(left, left + (ow - 1) * sw + 1, sw)
            yield i, j, padded[:, rows, columns]
