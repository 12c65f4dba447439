# Compiled twin of qbref/kernels/binary_conv2d.py
#
# The XNOR product of xnor_matmul, with each block's rows gathered from the image when a thread comes to it
# (xnor_patches.h): besides input, output and packed weights, memory holds one block of patches a thread.

import numpy as np

from qbref.kernels._checks_binary import check_binary_conv2d

from libc.stdint cimport int32_t, uint8_t, uint64_t

from qbref_core.cpu cimport flags
from qbref_core.xnor_matmul cimport *

from qbref_core import threads
from qbref_core.pack_bits import pack_bits

cdef extern from "xnor_patches.h" nogil:
    void qb_connect(const int *flags)
    ctypedef struct qb_sign_image:
        const uint64_t* pixels
        const uint64_t* border
        Py_ssize_t words, channels
        Py_ssize_t[2] size
        Py_ssize_t[2] kernel
        Py_ssize_t[2] stride
        Py_ssize_t[2] padding
        Py_ssize_t[2] dilation
        Py_ssize_t[2] out
    void qb_join_pixels(const uint64_t* pixels, Py_ssize_t count, Py_ssize_t words, Py_ssize_t channels,
                        uint64_t* out)
    void qb_gather_patches(const qb_sign_image* image, Py_ssize_t first, Py_ssize_t count,
                           Py_ssize_t row_words, uint64_t* out)
    void qb_subtract_border(const qb_sign_image* image, const int32_t* tap_sums, Py_ssize_t columns,
                            Py_ssize_t column, Py_ssize_t first, Py_ssize_t count, qb_xnor_sums* sums)

qb_connect(flags())


def binary_conv2d(
    x_words,
    weight_words,
    channels,
    kernel_size,
    stride=1,
    padding=0,
    dilation=1,
    padding_value=1,
    threshold=None,
):
    """Compiled twin of :func:`qbref.kernels.binary_conv2d`."""
    channels, geometry, size, padding_value, threshold = check_binary_conv2d(
        x_words, weight_words, channels, kernel_size, stride, padding, dilation, padding_value, threshold
    )
    outputs, rows = len(weight_words), len(x_words) * size[0] * size[1]
    result = Result((len(x_words), *size), outputs, threshold)
    if rows == 0 or outputs == 0:
        return result.array
    image = Image(np.require(x_words, requirements="CA"), channels, geometry, size, padding_value == -1)
    panels = Panels((image.bits + 63) // 64, outputs)
    panels.pack(join_taps(image, np.require(weight_words, requirements="CA")))
    if padding_value == 0 and any(geometry[2]):
        image.find_tap_sums(weight_words, panels.count)
    threads.run(
        lambda first, last: patches_by_panels(image, panels, rows, result, first, last),
        panels.units(rows),
        panels.seconds(rows),
    )
    return result.array


cdef class Image:
    """What the C functions need to know of the input, and the arrays that it points into."""
    cdef qb_sign_image c
    cdef readonly Py_ssize_t taps, bits
    cdef const int32_t[:, ::1] tap_sums
    cdef tuple kept

    def __init__(self, const uint64_t[:, :, :, ::1] x, channels, geometry, size, minus_outside):
        cdef const uint64_t[::1] border
        border = pack_bits(np.ones(channels, np.bool_)) if minus_outside else np.zeros(x.shape[3], np.uint64)
        cdef int i
        self.kept = x, border
        self.c.pixels, self.c.border = &x[0, 0, 0, 0] if x.shape[1] and x.shape[2] else NULL, &border[0]
        self.c.words, self.c.channels = x.shape[3], channels
        self.c.size[0], self.c.size[1] = x.shape[1], x.shape[2]
        kernel, stride, padding, dilation = geometry
        for i in range(2):
            self.c.kernel[i], self.c.stride[i] = kernel[i], stride[i]
            self.c.padding[i], self.c.dilation[i] = padding[i], dilation[i]
            self.c.out[i] = size[i]
        self.taps = kernel[0] * kernel[1]
        self.bits = self.taps * channels
        self.tap_sums = None

    def find_tap_sums(self, weight_words, panels):
        """Sum of the weights of each tap, int32 (taps, 64 * panels)."""
        tap_words = weight_words.reshape(-1, self.taps, self.c.words)
        sums = np.zeros((self.taps, panels * QB_XNOR_COLUMNS), np.int32)
        minuses = np.bitwise_count(tap_words).sum(axis=-1, dtype=np.int32)
        sums[:, : len(weight_words)] = self.c.channels - 2 * minuses.T
        self.tap_sums = sums


cdef join_taps(Image image, const uint64_t[:, ::1] weight_words):
    """The weights of each output as one row of bits, in the order of a patch."""
    joined = np.empty((weight_words.shape[0], (image.bits + 63) // 64), np.uint64)
    cdef uint64_t[:, ::1] out = joined
    cdef Py_ssize_t o
    with nogil:
        for o in range(out.shape[0]):
            qb_join_pixels(&weight_words[o, 0], image.taps, image.c.words, image.c.channels, &out[o, 0])
    return joined


cdef patches_by_panels(Image image, Panels panels, Py_ssize_t count, Result result, Py_ssize_t first,
                       Py_ssize_t last):
    cdef int32_t[:, ::1] scratch = np.empty((panels.block_rows, QB_XNOR_COLUMNS), np.int32)
    cdef uint8_t[::1] tiles = np.empty(panels.block_rows * panels.words * panels.variant.word_bytes, np.uint8)
    cdef uint64_t[:, ::1] patches = np.empty((panels.block_rows, panels.words), np.uint64)
    cdef qb_xnor_sums* sums = <qb_xnor_sums*>&scratch[0, 0]
    cdef bint zeros_outside = image.tap_sums is not None
    cdef Py_ssize_t unit, p, row, rows = 0
    with nogil:
        for unit in range(first, last):
            p = unit % panels.count
            row = unit // panels.count * panels.block_rows
            if p == 0 or unit == first:
                rows = min(panels.block_rows, count - row)
                qb_gather_patches(&image.c, row, rows, panels.words, &patches[0, 0])
                qb_xnor_pack_tiles(panels.variant, &patches[0, 0], panels.words, rows, &tiles[0])
            qb_xnor_multiply(panels.variant, &tiles[0], rows, &panels.data[p * panels.panel_bytes],
                             panels.words, <int32_t>image.bits, sums)
            if zeros_outside:
                qb_subtract_border(&image.c, &image.tap_sums[0, 0], image.tap_sums.shape[1],
                                   p * QB_XNOR_COLUMNS, row, rows, sums)
            qb_xnor_finish(&result.c, sums, row, rows, p)
