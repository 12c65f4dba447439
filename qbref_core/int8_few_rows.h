/* The product for one row of lhs and a rhs that was not packed: packing would take longer than using it, so
 * every value of rhs is read once, in the order of memory. Plain C, which the compiler vectorizes.
 *
 * uint8 q is int8 (q ^ 128) plus 128, so both dtypes go through one loop: `flip` is 128 for uint8 and 0 for
 * int8. Zero points are taken off while values are widened to int16.
 */
#ifndef QB_INT8_FEW_ROWS_H
#define QB_INT8_FEW_ROWS_H

#include <string.h>

#include "dispatch.h"

QB_INLINE int16_t qb_widen(uint8_t q, uint8_t flip, int16_t zero_point) {
    return (int16_t)((int8_t)(q ^ flip) + flip - zero_point);
}

/* out = one row of lhs */
QB_INLINE void qb_widen_row_loop(const uint8_t *row, ptrdiff_t stride, ptrdiff_t count, uint8_t flip,
                                 int16_t zero_point, int16_t *out) {
    if (stride == 1)
        for (ptrdiff_t k = 0; k < count; k++)
            out[k] = qb_widen(row[k], flip, zero_point);
    else
        for (ptrdiff_t k = 0; k < count; k++)
            out[k] = qb_widen(row[k * stride], flip, zero_point);
}
QB_TWO_TARGETS(qb_widen_row,
               (const uint8_t *row, ptrdiff_t stride, ptrdiff_t count, uint8_t flip, int16_t zero_point,
                int16_t *out),
               (row, stride, count, flip, zero_point, out))

/* sum_k lhs[k] * (column[k] - zero_point), for rhs contiguous along k */
QB_INLINE void qb_row_times_column_loop(const int16_t *lhs, const uint8_t *column, ptrdiff_t count,
                                        uint8_t flip, int16_t zero_point, int32_t *out) {
    int32_t sum = 0;
    for (ptrdiff_t k = 0; k < count; k++) {
        int16_t wide = qb_widen(column[k], flip, zero_point);
        sum += lhs[k] * wide;
    }
    *out = sum;
}
QB_TWO_TARGETS(qb_row_times_column,
               (const int16_t *lhs, const uint8_t *column, ptrdiff_t count, uint8_t flip, int16_t zero_point,
                int32_t *out),
               (lhs, column, count, flip, zero_point, out))

/* out = lhs @ rhs, for rhs contiguous along n: four rows of rhs in every pass over out */
QB_INLINE void qb_row_times_rows_loop(const int16_t *lhs, const uint8_t *rhs, ptrdiff_t k_stride,
                                      ptrdiff_t count, ptrdiff_t columns, uint8_t flip,
                                      const int16_t *zero_points, int32_t *out) {
    ptrdiff_t k = 0;
    memset(out, 0, (size_t)columns * sizeof *out);
    for (; k + 4 <= count; k += 4, lhs += 4, rhs += 4 * k_stride) {
        const uint8_t *r0 = rhs, *r1 = r0 + k_stride, *r2 = r1 + k_stride, *r3 = r2 + k_stride;
        for (ptrdiff_t n = 0; n < columns; n++)
            out[n] += lhs[0] * qb_widen(r0[n], flip, zero_points[n]) +
                      lhs[1] * qb_widen(r1[n], flip, zero_points[n]) +
                      lhs[2] * qb_widen(r2[n], flip, zero_points[n]) +
                      lhs[3] * qb_widen(r3[n], flip, zero_points[n]);
    }
    for (; k < count; k++, lhs++, rhs += k_stride)
        for (ptrdiff_t n = 0; n < columns; n++)
            out[n] += lhs[0] * qb_widen(rhs[n], flip, zero_points[n]);
}
QB_TWO_TARGETS(qb_row_times_rows,
               (const int16_t *lhs, const uint8_t *rhs, ptrdiff_t k_stride, ptrdiff_t count,
                ptrdiff_t columns, uint8_t flip, const int16_t *zero_points, int32_t *out),
               (lhs, rhs, k_stride, count, columns, flip, zero_points, out))

#endif
