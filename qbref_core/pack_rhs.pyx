# Compiled twin of qbref/kernels/pack_rhs.py
#
# Packing chooses the variant: the fastest that the processor has and that is in use (cpu.pyx). What is packed
# is laid out for that variant and carries it along.

import numpy as np

from qbref.kernels._checks import UINT8
from qbref.kernels._checks_int8 import check_rhs
from qbref_core import cpu

from libc.stdint cimport uint8_t

from qbref_core.cpu cimport flags

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

cdef extern from "int8_panels.h" nogil:
    void qb_pack_panel(const qb_int8_variant *variant, const uint8_t *rhs, Py_ssize_t k_stride,
                       Py_ssize_t n_stride, Py_ssize_t k, Py_ssize_t count, uint8_t flip, int8_t *panel,
                       int32_t *sums)
    int8_t qb_packed_value(const qb_int8_variant *variant, const int8_t *panels, Py_ssize_t depth,
                           Py_ssize_t k, Py_ssize_t n)

cdef extern from *:
    """
    #include "int8_amx.h"
    #include "int8_avx2.h"
    #include "int8_avx512vnni.h"
    #include "int8_avxvnni.h"
    #include "int8_generic.h"
    #include "int8_sse2.h"

    static const qb_int8_variant *const qb_int8_variants[] = {
        &qb_int8_generic,
    #ifdef QB_BUILD_SSE2
        &qb_int8_sse2,
    #endif
    #ifdef QB_BUILD_AVX2
        &qb_int8_avx2,
    #endif
    #ifdef QB_BUILD_AVXVNNI
        &qb_int8_avxvnni,
    #endif
    #ifdef QB_BUILD_AVX512VNNI
        &qb_int8_avx512vnni,
    #endif
    #ifdef QB_BUILD_AMX
        &qb_int8_amx,
    #endif
        NULL,
    };
    """
    const qb_int8_variant *qb_int8_variants[]

qb_connect(flags())

cdef enum:
    LINE = 64  # bytes in a cache line, where panels begin


cdef class PackedRhs:
    """Compiled twin of :class:`qbref.kernels.PackedRhs`, made by :func:`pack_rhs`."""

    @property
    def shape(self):
        """(K, N)."""
        return self.k, self.n

    @property
    def variant(self):
        """Name of the variant it was packed for."""
        return self.chosen.name.decode()

    @property
    def nbytes(self):
        """Bytes of the panels and the sums of columns."""
        return self.panels.nbytes + self.column_sums.nbytes

    def unpack(self):
        """Return the (K, N) matrix that was packed."""
        rhs = np.empty((self.k, self.n), np.int8)
        if rhs.size:
            unpack(self, rhs)
        return rhs if self.dtype != UINT8 else rhs.view(np.uint8) ^ np.uint8(128)

    def __reduce__(self):
        return pack_rhs, (self.unpack(),)

    def __repr__(self):
        return f"PackedRhs({self.k}×{self.n} {self.dtype}, {self.variant})"


def pack_rhs(rhs):
    """Compiled twin of :func:`qbref.kernels.pack_rhs`."""
    check_rhs(rhs)
    cdef PackedRhs packed = PackedRhs.__new__(PackedRhs)
    packed.chosen = variant_named(cpu.kernel_in_use("int8_matmul").encode())
    packed.k, packed.n = rhs.shape
    packed.dtype = rhs.dtype
    packed.depth = -(-packed.k // packed.chosen.multiple) * packed.chosen.multiple
    columns = -(-packed.n // packed.chosen.columns) * packed.chosen.columns
    panels = _aligned_zeros(packed.depth * columns)
    column_sums = np.zeros(columns, np.int32)
    if packed.depth * columns:
        flip = 128 if rhs.dtype == UINT8 else 0
        pack(rhs.view(np.uint8), flip, packed.chosen, packed.depth, panels, column_sums)
    packed.panels, packed.column_sums = panels, column_sums
    return packed


cdef const qb_int8_variant *variant_named(const char *name):
    cdef Py_ssize_t i = 0
    while qb_int8_variants[i + 1] != NULL and qb_int8_variants[i].name != <bytes>name:
        i += 1
    return qb_int8_variants[i]


def _aligned_zeros(nbytes):
    """`nbytes` of zeros that begin at a cache line, as int8."""
    memory = np.zeros(nbytes + LINE, np.int8)
    offset = -memory.ctypes.data % LINE
    return memory[offset : offset + nbytes]


cdef pack(const uint8_t[:, :] rhs, uint8_t flip, const qb_int8_variant *variant, Py_ssize_t depth,
          int8_t[::1] panels, int32_t[::1] column_sums):
    cdef Py_ssize_t k = rhs.shape[0], n = rhs.shape[1], p, first
    with nogil:
        for p in range(column_sums.shape[0] // variant.columns):
            first = p * variant.columns
            qb_pack_panel(variant, &rhs[0, first], rhs.strides[0], rhs.strides[1], k,
                          min(n - first, variant.columns), flip, &panels[first * depth], &column_sums[first])


cdef unpack(PackedRhs packed, int8_t[:, ::1] rhs):
    cdef Py_ssize_t i, j
    for i in range(packed.k):
        for j in range(packed.n):
            rhs[i, j] = qb_packed_value(packed.chosen, &packed.panels[0], packed.depth, i, j)
