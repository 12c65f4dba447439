# Shared by int8_matmul and int8_conv2d: constants of the epilogue, and blocks of output handed to threads.

import numpy as np

from qbref.kernels._checks import UINT8
from qbref_core import threads
from qbref_core.requantize import MODES

from libc.math cimport ldexp
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from qbref_core.cpu cimport flags
from qbref_core.int8_gemm cimport *
from qbref_core.pack_rhs cimport PackedRhs

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

qb_connect(flags())


cdef class Epilogue:
    """The constants of int8_epilogue.h, and the arrays that hold them."""

    def __cinit__(self):
        self.arrays = []
        self.c.item = 4

    cdef requantize_with(self, requantization, Py_ssize_t first, Py_ssize_t n, Py_ssize_t padded):
        """Take over columns first..first + n of checked constants: arrays are int64 with 0 or 1 axis."""
        multipliers, shifts, zero_point, qmin, qmax, dtype, mode = requantization
        cdef const int64_t[::1] m = multipliers.reshape(-1), s = shifts.reshape(-1)
        cdef Py_ssize_t m_step = m.shape[0] > 1, s_step = s.shape[0] > 1, j
        cdef int32_t[::1] multiplier = np.zeros(padded, np.int32), shift = np.zeros(padded, np.int32)
        cdef int32_t[::1] right = np.zeros(padded, np.int32)
        cdef double[::1] real = np.zeros(padded)
        cdef int64_t highest = -31
        for j in range(n):
            multiplier[j], shift[j] = <int32_t>m[(first + j) * m_step], <int32_t>s[(first + j) * s_step]
            right[j], real[j] = 31 - shift[j], ldexp(multiplier[j], shift[j] - 31)
            highest = max(highest, shift[j])
        self.arrays += [multiplier, shift, right, real]
        self.c.requantizes = 1
        self.c.mode = MODES[mode]
        in_range = qmin <= zero_point <= qmax
        self.c.is_fast = mode == "single" and dtype.itemsize == 1 and in_range and highest <= 0
        self.c.zero_point, self.c.qmin, self.c.qmax, self.c.item = zero_point, qmin, qmax, dtype.itemsize
        self.c.multiplier, self.c.shift, self.c.right = &multiplier[0], &shift[0], &right[0]
        self.c.real = &real[0]

    cdef const int32_t *keep(self, array):
        """The address of an int32 array's first element, valid as long as this object."""
        cdef const int32_t[::1] values = array
        self.arrays.append(values)
        return &values[0]


cdef Epilogue epilogue_of(PackedRhs packed, bint lhs_is_uint8, Py_ssize_t m, lhs_zero_point, rhs_zero_point,
                          bias):
    """Fold zero points and bias into what int8_epilogue.h adds; arrays are int32, single numbers int."""
    cdef Epilogue epilogue = Epilogue()
    cdef Py_ssize_t columns = packed.column_sums.shape[0], j
    cdef int32_t[::1] start = np.zeros(columns, np.int32)
    cdef const int32_t[::1] sums = packed.column_sums, added
    cdef uint32_t z = 0
    cdef int offset = qb_lhs_offset(conversion_for(packed, lhs_is_uint8))
    cdef bint by_row = not isinstance(lhs_zero_point, int)
    lhs_zero_point = lhs_zero_point + offset
    rhs_zero_point = rhs_zero_point - (128 if packed.dtype == UINT8 else 0)
    by_column = rhs_zero_point != 0 if isinstance(rhs_zero_point, int) else rhs_zero_point.any()
    if not by_row:
        z = <uint32_t><int>lhs_zero_point
    for j in range(columns):
        start[j] = <int32_t>(0 - z * <uint32_t>sums[j])  # modulo 2**32
    if bias is not None:
        added = np.require(bias, requirements="CA")
        for j in range(packed.n):
            start[j] = <int32_t>(<uint32_t>start[j] + <uint32_t>added[j])
    epilogue.c.start = epilogue.keep(start)
    if by_row:
        epilogue.c.column_sums = epilogue.keep(sums)
    if by_column:
        zero_points = np.zeros(columns, np.int32)
        zero_points[: packed.n] = rhs_zero_point
        epilogue.c.rhs_zero_points = epilogue.keep(zero_points)
    if by_row or by_column:
        epilogue.c.lhs_zero_points = epilogue.keep(np.array(np.broadcast_to(lhs_zero_point, m), np.int32))
    return epilogue


cdef qb_conversion conversion_for(PackedRhs packed, bint lhs_is_uint8):
    cdef qb_conversion conversion
    conversion.is_uint8, conversion.form = lhs_is_uint8, packed.chosen.lhs_form
    return conversion


cdef run(qb_gemm g, Epilogue epilogue):
    """Compute all of `out`, on one thread or several."""
    cdef Job job = Job()
    cdef Py_ssize_t height, blocks
    g.epilogue = epilogue.c
    height = qb_block_rows(&g)
    blocks = (g.m + height - 1) // height
    job.gemm, job.epilogue = g, epilogue
    job.panels = (g.n + g.variant.columns - 1) // g.variant.columns
    seconds = 2e-9 * g.m * g.n * g.k / g.variant.gops
    parts = threads.PARTS * threads.useful(seconds)
    job.chunks = 1 if parts == threads.PARTS else max(1, min(job.panels, parts // blocks))
    threads.run(job, blocks * job.chunks, seconds)


cdef class Job:
    """Called with a range of parts of the output: a block of rows times a chunk of the panels."""

    cdef qb_gemm gemm
    cdef Epilogue epilogue
    cdef Py_ssize_t panels, chunks

    def __call__(self, Py_ssize_t first, Py_ssize_t last):
        cdef qb_gemm g = self.gemm
        cdef Py_ssize_t part, chunk, arranged = -1
        cdef char[::1] scratch = np.empty(qb_block_rows(&g) * qb_row_bytes(&g), np.int8)
        cdef uint8_t[::1] corner = np.empty(max(QB_CORNER, qb_row_bytes(&g)), np.uint8)
        cdef int32_t[::1] row_terms
        if g.epilogue.rhs_zero_points != NULL:
            row_terms = np.empty(g.m, np.int32)
            g.row_terms = &row_terms[0]
            g.epilogue.row_terms = &row_terms[0]
        with nogil:
            for part in range(first, last):
                chunk = part % self.chunks
                qb_run_block(&g, part // self.chunks, self.panels * chunk // self.chunks,
                             self.panels * (chunk + 1) // self.chunks, &scratch[0], &corner[0],
                             &arranged)
