# The C functions under xnor_matmul and binary_conv2d; xnor_variant.h says what tiles and panels are.

from libc.stdint cimport int32_t, uint8_t, uint64_t

cdef extern from "xnor_block.h" nogil:
    enum:
        QB_XNOR_TILE
        QB_XNOR_COLUMNS
    ctypedef struct qb_xnor_variant:
        Py_ssize_t word_bytes
        double gops
    ctypedef struct qb_xnor_sums:
        pass
    ctypedef struct qb_xnor_result:
        Py_ssize_t columns
        int32_t* sums
        uint64_t* words
        const int32_t* thresholds
        const uint64_t* flips
    const qb_xnor_variant* qb_xnor_choose()
    void qb_xnor_pack_tiles(const qb_xnor_variant* variant, const uint64_t* a, Py_ssize_t words,
                            Py_ssize_t rows, uint8_t* tiles)
    void qb_xnor_pack_panel(const qb_xnor_variant* variant, const uint64_t* b, Py_ssize_t words,
                            Py_ssize_t columns, uint8_t* panel)
    void qb_xnor_multiply(const qb_xnor_variant* variant, const uint8_t* tiles, Py_ssize_t rows,
                          const uint8_t* panel, Py_ssize_t words, int32_t k, qb_xnor_sums* sums)
    void qb_xnor_multiply_rows(const qb_xnor_variant* variant, const uint64_t* a, Py_ssize_t rows,
                               const uint64_t* b, Py_ssize_t columns, Py_ssize_t words, int32_t k,
                               qb_xnor_sums* sums)
    void qb_xnor_finish(const qb_xnor_result* result, qb_xnor_sums* sums, Py_ssize_t first_row,
                        Py_ssize_t rows, Py_ssize_t panel)
