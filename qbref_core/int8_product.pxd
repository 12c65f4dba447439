from libc.stdint cimport int32_t

from qbref_core.int8_gemm cimport qb_conversion, qb_epilogue, qb_gemm
from qbref_core.pack_rhs cimport PackedRhs


cdef class Epilogue:
    cdef qb_epilogue c
    cdef list arrays  # what its pointers point into

    cdef const int32_t *keep(self, array)
    cdef requantize_with(self, requantization, Py_ssize_t first, Py_ssize_t n, Py_ssize_t padded)


cdef qb_conversion conversion_for(PackedRhs packed, bint lhs_is_uint8)
cdef Epilogue epilogue_of(PackedRhs packed, bint lhs_is_uint8, Py_ssize_t m, lhs_zero_point, rhs_zero_point,
                          bias)
cdef run(qb_gemm g, Epilogue epilogue)
