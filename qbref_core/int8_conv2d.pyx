# Compiled twin of qbref/kernels/int8_conv2d.py
#
# A convolution is the product of int8_gemm.h whose rows are patches, gathered from the image one block at a
# time (int8_rows.h): beyond input and output it needs that block, 256 KiB a thread. Groups are products of
# their own, into their own channels of the output. Depthwise filters have a loop of their own (depthwise.h).

import numpy as np

from qbref.kernels._checks import UINT8, is_scalar
from qbref.kernels._checks_int8 import check_int8_conv2d
from qbref_core import threads
from qbref_core.pack_filters import PackedFilters

from libc.stdint cimport int16_t, int32_t, uint8_t

from qbref_core.cpu cimport flags
from qbref_core.int8_gemm cimport qb_arrange_patches, qb_epilogue, qb_gemm, qb_image
from qbref_core.int8_product cimport Epilogue, conversion_for, epilogue_of, run
from qbref_core.pack_rhs cimport PackedRhs

cdef extern from "depthwise.h" nogil:
    void qb_connect(const int *flags)
    void qb_depthwise_row(const qb_image *im, int is_uint8, int zero_point, const int16_t *weights,
                          const qb_epilogue *e, Py_ssize_t n, Py_ssize_t row, char *out)

qb_connect(flags())


def int8_conv2d(x, weight, stride=1, padding=0, dilation=1, groups=1, x_zero_point=0, weight_zero_point=0,
                bias=None, requantization=None):
    """Compiled twin of :func:`qbref.kernels.int8_conv2d`."""
    geometry, groups, out_size, constants, dtype = check_int8_conv2d(
        x, weight, stride, padding, dilation, groups, x_zero_point, weight_zero_point, bias, requantization,
        PackedFilters
    )
    filters = weight if isinstance(weight, PackedFilters) else PackedFilters(weight, groups)
    out = np.empty((len(x), *out_size, filters.shape[0]), dtype)
    if out.size:
        x = np.ascontiguousarray(x)
        convolve(x, filters, geometry, int(x_zero_point), weight_zero_point, bias, constants, out)
    return out


cdef convolve(x, filters, geometry, int x_zero_point, weight_zero_point, bias, constants, out):
    cdef const uint8_t[:, :, :, ::1] values = x.view(np.uint8)
    cdef char[::1] memory = out.reshape(-1).view(np.int8)
    cdef qb_image image
    cdef uint8_t nothing = 0
    cdef Py_ssize_t g, per_group = filters.shape[0] // filters.groups
    (sh, sw), (ph, pw), (dh, dw) = geometry
    if is_scalar(weight_zero_point):
        weight_zero_point = int(weight_zero_point)
    else:
        weight_zero_point = np.asarray(weight_zero_point, np.int32)
    image.data = &values[0, 0, 0, 0] if x.size else &nothing  # an image of padding alone
    image.outside = <uint8_t>x_zero_point
    image.height, image.width, image.channels = values.shape[1], values.shape[2], values.shape[3]
    image.used_channels = image.channels // filters.groups
    image.kernel_h, image.kernel_w = filters.shape[1:3]
    image.stride_h, image.stride_w, image.padding_h, image.padding_w = sh, sw, ph, pw
    image.dilation_h, image.dilation_w = dh, dw
    image.out_h, image.out_w = out.shape[1:3]
    if filters.is_depthwise:
        depthwise(image, x.dtype == UINT8, x_zero_point, filters, weight_zero_point, bias, constants, out)
        return
    for g in range(filters.groups):
        image.first_channel = g * image.used_channels
        own = slice(g * per_group, (g + 1) * per_group)
        convolve_group(&image, x.dtype == UINT8, x_zero_point, filters.parts[g], own,
                       weight_zero_point if isinstance(weight_zero_point, int) else weight_zero_point[own],
                       None if bias is None else bias[own], constants, out,
                       &memory[g * per_group * <Py_ssize_t>out.itemsize])


cdef convolve_group(const qb_image *image, bint is_uint8, x_zero_point, PackedRhs packed, own,
                    weight_zero_point, bias, constants, out, char *first_result):
    cdef qb_gemm product
    cdef Epilogue epilogue
    product.m = out.shape[0] * out.shape[1] * out.shape[2]
    epilogue = epilogue_of(packed, is_uint8, product.m, x_zero_point, weight_zero_point, bias)
    if constants is not None:
        epilogue.requantize_with(constants, own.start, packed.n, packed.column_sums.shape[0])
    product.variant, product.arrange, product.source = packed.chosen, qb_arrange_patches, image
    product.conversion = conversion_for(packed, is_uint8)
    product.n, product.k, product.depth = packed.n, packed.k, packed.depth
    product.panels = &packed.panels[0]
    product.row_terms, product.out, product.out_stride = NULL, first_result, out.shape[3]
    run(product, epilogue)


cdef depthwise(qb_image image, bint is_uint8, int x_zero_point, filters, weight_zero_point, bias, constants,
               out):
    cdef Depthwise job = Depthwise()
    cdef int32_t[::1] start = np.zeros(filters.groups, np.int32)
    cdef Epilogue epilogue = Epilogue()
    if bias is not None:
        np.asarray(start)[...] = bias
    epilogue.c.start = &start[0]
    if constants is not None:
        epilogue.requantize_with(constants, 0, filters.groups, filters.groups)
    job.image, job.is_uint8, job.zero_point = image, is_uint8, x_zero_point
    job.epilogue = epilogue
    job.weights = filters.taps.astype(np.int16) - np.asarray(weight_zero_point, np.int16)
    job.out = out.reshape(-1).view(np.int8)
    job.row_bytes = out.shape[2] * out.shape[3] * out.itemsize
    threads.run(job, out.shape[0] * out.shape[1], 1e-10 * out.size * len(filters.taps))


cdef class Depthwise:
    """Called with a range of the output's rows, counted through all images."""

    cdef qb_image image
    cdef bint is_uint8
    cdef int zero_point
    cdef Epilogue epilogue
    cdef const int16_t[:, ::1] weights
    cdef char[::1] out
    cdef Py_ssize_t row_bytes

    def __call__(self, Py_ssize_t first, Py_ssize_t last):
        cdef Py_ssize_t row
        with nogil:
            for row in range(first, last):
                qb_depthwise_row(&self.image, self.is_uint8, self.zero_point, &self.weights[0, 0],
                                 &self.epilogue.c, row // self.image.out_h, row % self.image.out_h,
                                 &self.out[row * self.row_bytes])
