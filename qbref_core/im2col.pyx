# Compiled twin of qbref/kernels/im2col.py
#
# Only bytes are moved, whatever the dtype. With dilation 1 the taps of one kernel row are neighbours in the
# image and in the result, so each is one copy, cut where the image ends; outside it, values come from a row
# of padding.

import numpy as np

from qbref.kernels._checks import check_im2col

from libc.stdint cimport uint8_t

cdef extern from "copy.h" nogil:
    void qb_copy(uint8_t *to, const uint8_t *source, Py_ssize_t count)


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


cdef copy_taps(const uint8_t[:, :, :, ::1] x, Py_ssize_t sh, Py_ssize_t sw, Py_ssize_t ph, Py_ssize_t pw,
               Py_ssize_t dh, Py_ssize_t dw, const uint8_t[::1] pad_row, uint8_t[:, :, :, :, :, ::1] out):
    """`out` is (N, OH, OW, KH, KW, bytes of one pixel)."""
    cdef Py_ssize_t height = x.shape[1], n, i, a, row
    with nogil:
        for n in range(out.shape[0]):
            for i in range(out.shape[1]):
                for a in range(out.shape[3]):
                    row = i * sh - ph + a * dh
                    if row < 0 or row >= height:
                        fill_row(pad_row, out[n, i, :, a])
                    elif dw == 1:
                        copy_row(x[n, row], sw, pw, pad_row, out[n, i, :, a])
                    else:
                        copy_dilated_row(x[n, row], sw, pw, dw, pad_row, out[n, i, :, a])


cdef inline void fill_row(const uint8_t[::1] pad_row, uint8_t[:, :, ::1] out) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(out.shape[0]):
        qb_copy(&out[j, 0, 0], &pad_row[0], pad_row.shape[0])


cdef inline void copy_row(const uint8_t[:, ::1] x, Py_ssize_t sw, Py_ssize_t pw, const uint8_t[::1] pad_row,
                          uint8_t[:, :, ::1] out) noexcept nogil:
    cdef Py_ssize_t width = x.shape[0], size = x.shape[1], kw = out.shape[1], whole = kw * size
    cdef Py_ssize_t j, left, first, last
    for j in range(out.shape[0]):
        left = j * sw - pw
        if left >= 0 and left + kw <= width:
            qb_copy(&out[j, 0, 0], &x[left, 0], whole)
            continue
        first = min(max(-left, 0), kw)  # taps from first to last are inside
        last = max(min(width - left, kw), first)
        if first > 0:
            qb_copy(&out[j, 0, 0], &pad_row[0], first * size)
        if last > first:
            qb_copy(&out[j, first, 0], &x[left + first, 0], (last - first) * size)
        if last < kw:
            qb_copy(&out[j, last, 0], &pad_row[0], (kw - last) * size)


cdef inline void copy_dilated_row(const uint8_t[:, ::1] x, Py_ssize_t sw, Py_ssize_t pw, Py_ssize_t dw,
                                  const uint8_t[::1] pad_row, uint8_t[:, :, ::1] out) noexcept nogil:
    cdef Py_ssize_t width = x.shape[0], size = x.shape[1], j, b, column
    for j in range(out.shape[0]):
        for b in range(out.shape[1]):
            column = j * sw - pw + b * dw
            qb_copy(&out[j, b, 0], &x[column, 0] if 0 <= column < width else &pad_row[0], size)
