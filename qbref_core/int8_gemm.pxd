# The C structures under the 8-bit products; int8_gemm.h and what it includes say what they mean.

from libc.stdint cimport int8_t, int32_t, uint8_t

cdef extern from "int8_gemm.h" nogil:
    ctypedef enum qb_lhs_form:
        QB_AS_STORED, QB_UNSIGNED, QB_INT16

    ctypedef struct qb_int8_variant:
        const char *name
        qb_lhs_form lhs_form
        int rows, columns, group, multiple
        double gops

    ctypedef struct qb_conversion:
        int is_uint8
        qb_lhs_form form
    int qb_lhs_offset(qb_conversion c)

    ctypedef struct qb_matrix:
        const uint8_t *data
        Py_ssize_t row_stride, k_stride, k

    ctypedef struct qb_image:
        const uint8_t *data
        Py_ssize_t height, width, channels, first_channel, used_channels
        Py_ssize_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w
        Py_ssize_t out_h, out_w
        uint8_t outside

    ctypedef enum qb_mode:
        QB_SINGLE, QB_DOUBLE, QB_HALF_UP_TWICE, QB_FLOAT32, QB_FLOAT64

    ctypedef struct qb_epilogue:
        const int32_t *start
        const int32_t *column_sums
        const int32_t *rhs_zero_points
        const int32_t *lhs_zero_points
        const int32_t *row_terms
        int requantizes, is_fast
        qb_mode mode
        const int32_t *multiplier
        const int32_t *shift
        const int32_t *right
        const double *real
        int32_t zero_point, qmin, qmax
        int item

    enum:
        QB_CORNER
    ctypedef void (*qb_arrange)(const void *, qb_conversion, Py_ssize_t, Py_ssize_t, uint8_t *, char *,
                                Py_ssize_t) noexcept nogil
    void qb_arrange_matrix(const void *, qb_conversion, Py_ssize_t, Py_ssize_t, uint8_t *, char *, Py_ssize_t)
    void qb_arrange_patches(const void *, qb_conversion, Py_ssize_t, Py_ssize_t, uint8_t *, char *, Py_ssize_t)

    ctypedef struct qb_gemm:
        const qb_int8_variant *variant
        qb_arrange arrange
        const void *source
        qb_conversion conversion
        Py_ssize_t m, n, k, depth
        const int8_t *panels
        qb_epilogue epilogue
        int32_t *row_terms
        char *out
        Py_ssize_t out_stride
    Py_ssize_t qb_row_bytes(const qb_gemm *g)
    Py_ssize_t qb_block_rows(const qb_gemm *g)
    void qb_run_block(const qb_gemm *g, Py_ssize_t b, Py_ssize_t first, Py_ssize_t last, char *scratch,
                      uint8_t *corner, Py_ssize_t *arranged)

