"""The windows that a convolution or a pooling sees, as a view.

Images travel between layers as Tensors of shape (N, C, H, W), but convolution and pooling order memory as
(C, H, W, N), which NumPy likes best. With the batch innermost, a shifted or strided image is still made of
long contiguous runs, so that windows are copied, added and compared at full speed. The channels come first,
as the matrix product and the sums per channel want them, and flattening to (N, C·H·W) copies nothing. A
layer returns a view of such memory, so :func:`to_chwn` is free in the next one.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def to_chwn(images):
    """View (N, C, H, W) as (C, H, W, N)."""
    return images.transpose(1, 2, 3, 0)


def to_nchw(images):
    """View (C, H, W, N) as (N, C, H, W)."""
    return images.transpose(3, 0, 1, 2)


def surround(x, padding, value=0.0):
    """Copy x (C, H, W, N) into the middle of an array with PH rows and PW columns of `value` on each side."""
    C, H, W, N = x.shape
    PH, PW = padding
    padded = np.full((C, H + 2 * PH, W + 2 * PW, N), value, x.dtype)
    inside(padded, padding)[...] = x
    return padded


def inside(padded, padding):
    """View the middle of a padded array: the inverse of :func:`surround`."""
    PH, PW = padding
    return padded[:, PH : padded.shape[1] - PH, PW : padded.shape[2] - PW]


def windows(x, kernel_size, stride=(1, 1), dilation=(1, 1)):
    """View x (C, H, W, N) as (C, KH, KW, OH, OW, N): what each tap of the kernel sees at each position.

    The view is writable, and windows may overlap: add to one tap [:, k, l] at a time.

    Raises
    ------
    ValueError
        If the dilated kernel is larger than the image.
    """
    (SH, SW), (DH, DW) = stride, dilation
    span = tuple(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True))
    if span[0] > x.shape[1] or span[1] > x.shape[2]:
        raise ValueError(
            f"kernel_size must fit into the padded image {x.shape[1:3]}, got {span} when dilated"
        )
    view = sliding_window_view(x, span, axis=(1, 2), writeable=True)  # (C, H', W', N, span, span)
    return view[:, ::SH, ::SW, :, ::DH, ::DW].transpose(0, 4, 5, 1, 2, 3)
