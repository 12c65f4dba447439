# Compiled twin of qbref/kernels/xnor_matmul.py
#
# b is packed into panels once, a block of rows of a whenever a thread comes to it, and the units of work are
# blocks of the result (xnor_variant.h). A product of few rows reads b where it is: there, packing would take
# longer than multiplying.

import numpy as np

from qbref.kernels._checks_binary import check_xnor_matmul

from libc.stdint cimport int32_t, uint8_t, uint64_t

from qbref_core.cpu cimport flags
from qbref_core.xnor cimport *

from qbref_core import threads
from qbref_core.pack_bits import pack_bits

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

qb_connect(flags())

cdef enum:
    FEW_ROWS = 6
    BLOCK_ROWS = 64
    BLOCK_BYTES = 65536  # of packed rows, or one tile if that is more


def xnor_matmul(a_words, b_words, k, threshold=None):
    """Compiled twin of :func:`qbref.kernels.xnor_matmul`."""
    k, threshold = check_xnor_matmul(a_words, b_words, k, threshold)
    m, n = len(a_words), len(b_words)
    result = Result((m,), n, threshold)
    if m == 0 or n == 0:
        return result.array
    if k == 0:
        a_words, b_words = np.zeros((m, 1), np.uint64), np.zeros((n, 1), np.uint64)
    a, b = np.require(a_words, requirements="CA"), np.require(b_words, requirements="CA")
    panels = Panels(a.shape[1], n)
    if m <= FEW_ROWS:
        units = panels.count
        work = lambda first, last: rows_by_panels(panels, a, b, k, result, first, last)
    else:
        panels.pack(b)
        units = panels.units(m)
        work = lambda first, last: blocks_by_panels(panels, a, k, result, first, last)
    threads.run(work, units, panels.seconds(m))
    return result.array


cdef class Panels:
    """Rows of b, packed for the variant in use."""

    def __init__(self, Py_ssize_t words, Py_ssize_t columns):
        self.variant = qb_xnor_choose()
        self.words, self.columns = words, columns
        self.count = (columns + QB_XNOR_COLUMNS - 1) // QB_XNOR_COLUMNS
        self.panel_bytes = words * QB_XNOR_COLUMNS * self.variant.word_bytes
        rows = BLOCK_BYTES // (words * self.variant.word_bytes)
        self.block_rows = max(QB_XNOR_TILE, min(rows, BLOCK_ROWS) // QB_XNOR_TILE * QB_XNOR_TILE)

    def units(self, rows):
        """Blocks of the result for so many rows of a; unit u is panel u % count of rows block u // count."""
        return self.count * ((rows + self.block_rows - 1) // self.block_rows)

    def seconds(self, rows):
        """A guess of the work that so many rows are on one thread."""
        return 128e-9 * self.words * self.columns * rows / self.variant.gops

    def pack(self, b):
        self.data = np.empty(self.count * self.panel_bytes, np.uint8)
        threads.run(lambda first, last: self.fill(b, first, last), self.count, b.nbytes / 5e9)

    cdef fill(self, const uint64_t[:, ::1] b, Py_ssize_t first, Py_ssize_t last):
        cdef Py_ssize_t p, row
        with nogil:
            for p in range(first, last):
                row = p * QB_XNOR_COLUMNS
                qb_xnor_pack_panel(self.variant, &b[row, 0], self.words, self.columns - row,
                                   &self.data[p * self.panel_bytes])


cdef class Result:
    """int32 sums of shape (..., columns), or with a threshold the words of their signs."""

    def __init__(self, rows, Py_ssize_t columns, threshold):
        cdef int32_t[::1] sums, thresholds
        cdef uint64_t[::1] words, flips
        cdef Py_ssize_t panels = (columns + QB_XNOR_COLUMNS - 1) // QB_XNOR_COLUMNS
        if threshold is None:
            self.array = np.empty((*rows, columns), np.int32)
        else:
            self.array = np.empty((*rows, panels), np.uint64)
        self.c.columns = columns
        self.c.sums, self.c.words, self.c.thresholds, self.c.flips = NULL, NULL, NULL, NULL
        if self.array.size == 0:
            return
        if threshold is None:
            sums = self.array.reshape(-1)
            self.c.sums = &sums[0]
            return
        padded = np.zeros(panels * QB_XNOR_COLUMNS, np.int32)
        padded[:columns] = threshold[0]
        words, thresholds, flips = self.array.reshape(-1), padded, pack_bits(threshold[1])
        self.c.words, self.c.thresholds, self.c.flips = &words[0], &thresholds[0], &flips[0]
        self.kept = thresholds, flips


cdef rows_by_panels(Panels panels, const uint64_t[:, ::1] a, const uint64_t[:, ::1] b, int32_t k,
                    Result result, Py_ssize_t first, Py_ssize_t last):
    cdef int32_t[:, ::1] scratch = np.empty((FEW_ROWS, QB_XNOR_COLUMNS), np.int32)
    cdef qb_xnor_sums* sums = <qb_xnor_sums*>&scratch[0, 0]
    cdef Py_ssize_t rows = a.shape[0], p, row
    with nogil:
        for p in range(first, last):
            row = p * QB_XNOR_COLUMNS
            qb_xnor_multiply_rows(panels.variant, &a[0, 0], rows, &b[row, 0],
                                  min(QB_XNOR_COLUMNS, b.shape[0] - row), a.shape[1], k, sums)
            qb_xnor_finish(&result.c, sums, 0, rows, p)


cdef blocks_by_panels(Panels panels, const uint64_t[:, ::1] a, int32_t k, Result result, Py_ssize_t first,
                      Py_ssize_t last):
    cdef int32_t[:, ::1] scratch = np.empty((panels.block_rows, QB_XNOR_COLUMNS), np.int32)
    cdef uint8_t[::1] tiles = np.empty(panels.block_rows * panels.words * panels.variant.word_bytes, np.uint8)
    cdef qb_xnor_sums* sums = <qb_xnor_sums*>&scratch[0, 0]
    cdef Py_ssize_t unit, p, row, rows = 0
    with nogil:
        for unit in range(first, last):
            p = unit % panels.count
            row = unit // panels.count * panels.block_rows
            if p == 0 or unit == first:
                rows = min(panels.block_rows, a.shape[0] - row)
                qb_xnor_pack_tiles(panels.variant, &a[row, 0], panels.words, rows, &tiles[0])
            qb_xnor_multiply(panels.variant, &tiles[0], rows, &panels.data[p * panels.panel_bytes],
                             panels.words, k, sums)
            qb_xnor_finish(&result.c, sums, row, rows, p)
