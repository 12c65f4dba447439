# Shared by int8_matmul and int8_conv2d: constants of the epilogue, and blocks of output handed to threads.

import numpy as np

from qbref.kernels._checks import UINT8
from qbref_core import threads

from libc.stdint cimport int32_t, uint8_t

from qbref_core.cpu cimport flags
from qbref_core.int8_gemm cimport *
from qbref_core.pack_rhs cimport PackedRhs

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

qb_connect(flags())

MODES = {
    "single": QB_SINGLE,
    "double": QB_DOUBLE,
    "half_up_twice": QB_HALF_UP_TWICE,
    "float32": QB_FLOAT32,
    "float64": QB_FLOAT64,
}


cdef class Epilogue:
    """The constants of int8_epilogue.h, and the arrays that hold them."""

    def __cinit__(self):
        self.arrays = []
        self.c.item = 4

    cdef requantize_with(self, requantization, Py_ssize_t first, Py_ssize_t n, Py_ssize_t padded):
        """Take over columns first..first + n of checked constants: arrays are int64 with 0 or 1 axis."""
        cdef const int32_t[::1] multiplier, shift, right
        cdef const double[::1] real
        multipliers, shifts, zero_point, qmin, qmax, dtype, mode = requantization
        multipliers, shifts = [
            np.broadcast_to(v[first : first + n] if v.ndim else v, (n,)) for v in (multipliers, shifts)
        ]
        # shifts left of nothing in the columns that only pad a panel: 1 << (30 - 0) is defined
        multiplier, shift = _padded(multipliers, padded), _padded(shifts, padded)
        right, real = _padded(31 - shifts, padded), np.ldexp(multiplier, np.asarray(shift) - 31)
        self.arrays += [multiplier, shift, right, real]
        self.c.requantizes = 1
        self.c.mode = MODES[mode]
        self.c.is_fast = (
            mode == "single" and dtype.itemsize == 1 and qmin <= zero_point <= qmax and shifts.max() <= 0
        )
        self.c.zero_point, self.c.qmin, self.c.qmax, self.c.item = zero_point, qmin, qmax, dtype.itemsize
        self.c.multiplier, self.c.shift, self.c.right = &multiplier[0], &shift[0], &right[0]
        self.c.real = &real[0]


cdef Epilogue epilogue_of(PackedRhs packed, bint lhs_is_uint8, Py_ssize_t m, lhs_zero_point, rhs_zero_point, bias):
    """Fold zero points and bias into what int8_epilogue.h adds; arrays are int32, single numbers int."""
    cdef Epilogue epilogue = Epilogue()
    cdef const int32_t[::1] start, sums, rows, columns
    cdef qb_conversion conversion = conversion_for(packed, lhs_is_uint8)
    lhs_zero_point = lhs_zero_point + qb_lhs_offset(conversion)
    rhs_zero_point = rhs_zero_point - (128 if packed.dtype == UINT8 else 0)
    column_sums = packed.column_sums
    first_sums = np.zeros(len(column_sums), np.int64)
    if bias is not None:
        first_sums[: packed.n] = bias
    if isinstance(lhs_zero_point, int):
        first_sums -= column_sums.astype(np.int64) * lhs_zero_point
    start = first_sums.astype(np.int32)  # modulo 2**32
    epilogue.c.start = &start[0]
    epilogue.arrays.append(start)
    by_row, by_column = not isinstance(lhs_zero_point, int), np.any(rhs_zero_point)
    if by_row or by_column:
        rows = np.array(np.broadcast_to(lhs_zero_point, m), np.int32)
        epilogue.c.lhs_zero_points = &rows[0]
        epilogue.arrays.append(rows)
    if by_row:
        sums = column_sums
        epilogue.c.column_sums = &sums[0]
        epilogue.arrays.append(sums)
    if by_column:
        padded = np.zeros(len(column_sums), np.int32)
        padded[: packed.n] = rhs_zero_point
        columns = padded
        epilogue.c.rhs_zero_points = &columns[0]
        epilogue.arrays.append(columns)
    return epilogue


cdef qb_conversion conversion_for(PackedRhs packed, bint lhs_is_uint8):
    cdef qb_conversion conversion
    conversion.is_uint8, conversion.form = lhs_is_uint8, packed.chosen.lhs_form
    return conversion


def _padded(values, length):
    """The values as int32, with zeros behind them."""
    padded = np.zeros(length, np.int32)
    padded[: len(values)] = values
    return padded


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
