# Compiled twin of qbref/kernels/im2col.py
#
# Only bytes are moved, whatever the dtype. With dilation 1 the taps of one kernel row are neighbours in the image and
# in the result, so each is one copy, cut where the image ends; outside it, values come from a row of padding. A few
# bytes are copied one by one: calling memcpy would take longer.

import numpy as np

from qbref.kernels._checks import check_im2col

from libc.stdint cimport uint8_t
from libc.string cimport memcpy


def im2col(x, kernel_size, stride=1, padding=0, dilation=1, pad_value=0):
    """Compiled twin of :func:`qbref.kernels.im2col`."""
    (kh, kw), stride, padding, dilation, (oh, ow), pad_value = check_im2col(
        x, kernel_size, stride, padding, dilation, pad_value
    )
    n, _, _, c = x.shape
    columns = np.empty((n * oh * ow, kh * kw * c), x.dtype)
    if columns.size == 0:
        return columns
    image = np.ascontiguousarray(x).view(np.uint8)
    pad_row = np.full(kw * c, pad_value, x.dtype).view(np.uint8)
    out = columns.view(np.uint8).reshape(n, oh, ow, kh, kw, -1)
    copy_taps(image, stride[0], stride[1], padding[0], padding[1], dilation[0], dilation[1], pad_row, out)
    return columns


cdef inline void copy(uint8_t *to, const uint8_t *source, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    if count > 8:
        memcpy(to, source, count)
    else:
        for i in range(count):
            to[i] = source[i]


cdef copy_taps(const uint8_t[:, :, :, ::1] x, Py_ssize_t sh, Py_ssize_t sw, Py_ssize_t ph, Py_ssize_t pw, Py_ssize_t dh,
               Py_ssize_t dw, const uint8_t[::1] pad_row, uint8_t[:, :, :, :, :, ::1] out):
    """`out` is (N, OH, OW, KH, KW, bytes of one pixel)."""
    cdef Py_ssize_t height = x.shape[1], width = x.shape[2], size = x.shape[3], kw = out.shape[4]
    cdef Py_ssize_t n, i, j, a, b, row, left, first, last
    with nogil:
        for n in range(out.shape[0]):
            for i in range(out.shape[1]):
                for j in range(out.shape[2]):
                    left = j * sw - pw
                    for a in range(out.shape[3]):
                        row = i * sh - ph + a * dh
                        if row < 0 or row >= height:
                            copy(&out[n, i, j, a, 0, 0], &pad_row[0], kw * size)
                        elif dw == 1:
                            first = min(max(-left, 0), kw)  # taps from first to last are inside
                            last = max(min(width - left, kw), first)
                            if first > 0:
                                copy(&out[n, i, j, a, 0, 0], &pad_row[0], first * size)
                            if last > first:
                                copy(&out[n, i, j, a, first, 0], &x[n, row, left + first, 0], (last - first) * size)
                            if last < kw:
                                copy(&out[n, i, j, a, last, 0], &pad_row[0], (kw - last) * size)
                        else:
                            for b in range(kw):
                                if 0 <= left + b * dw < width:
                                    copy(&out[n, i, j, a, b, 0], &x[n, row, left + b * dw, 0], size)
                                else:
                                    copy(&out[n, i, j, a, b, 0], &pad_row[0], size)
