# Shared with lut_matmul, which widens its lhs in the same way.

from libc.stdint cimport int16_t, uint8_t

cdef widen_rows(const uint8_t[:, :] lhs, uint8_t flip, const int16_t[::1] zero_points,
                int16_t[:, ::1] wide_lhs)
