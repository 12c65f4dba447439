# The C functions under int8_matmul and lut_matmul; panels.h says what a panel is.

from libc.stdint cimport int16_t, int32_t, uint8_t

cdef extern from "rows.h" nogil:
    enum:
        QB_PANEL
    void qb_widen_row(const uint8_t* row, Py_ssize_t stride, Py_ssize_t count, uint8_t flip,
                      int16_t zero_point, int16_t* out)
    void qb_widen_panel(const uint8_t* rhs, Py_ssize_t k_stride, Py_ssize_t pairs, uint8_t flip,
                        const int16_t* zero_points, int16_t* panel)
    void qb_place_column(const int16_t* row, Py_ssize_t pairs, int j, int16_t* panel)
    void qb_multiply_panel(const int16_t* lhs, Py_ssize_t rows, const int16_t* panel, Py_ssize_t pairs,
                           int32_t* out, Py_ssize_t out_stride, Py_ssize_t columns)
    void qb_row_times_column(const int16_t* lhs, const uint8_t* column, Py_ssize_t count, uint8_t flip,
                             int16_t zero_point, int32_t* out)
    void qb_row_times_rows(const int16_t* lhs, const uint8_t* rhs, Py_ssize_t k_stride, Py_ssize_t count,
                           Py_ssize_t columns, uint8_t flip, const int16_t* zero_points, int32_t* out)
