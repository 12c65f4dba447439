from libc.stdint cimport int8_t, int32_t

from qbref_core.int8_gemm cimport qb_int8_variant


cdef class PackedRhs:
    cdef const qb_int8_variant *chosen
    cdef Py_ssize_t k, n, depth
    cdef readonly object dtype
    cdef const int8_t[::1] panels
    cdef const int32_t[::1] column_sums  # as many as there are columns in all panels
