# Shared with binary_conv2d, which multiplies patches of an image as they are gathered.

from libc.stdint cimport int32_t, uint8_t, uint64_t

from qbref_core.xnor cimport *

cdef class Panels:
    cdef const qb_xnor_variant* variant
    cdef readonly Py_ssize_t count, block_rows
    cdef Py_ssize_t words, columns, panel_bytes
    cdef uint8_t[::1] data
    cdef fill(self, const uint64_t[:, ::1] b, Py_ssize_t first, Py_ssize_t last)

cdef class Result:
    cdef qb_xnor_result c
    cdef readonly object array
    cdef tuple kept
