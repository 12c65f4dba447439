/* From 8-bit operands to the int16 that panels.h multiplies, with the zero points taken off on the way.
 *
 * uint8 q is int8 (q ^ 128) plus 128, so both dtypes go through one loop: `flip` is 128 for uint8
 * and 0 for int8.
 */
#ifndef QB_WIDEN_H
#define QB_WIDEN_H

#include "panels.h"

QB_INLINE int16_t qb_widen(uint8_t q, uint8_t flip, int16_t zero_point) {
    return (int16_t)((int8_t)(q ^ flip) + flip - zero_point);
}

/* out[:2 * pairs] = one row of lhs, with a 0 behind an odd `count` */
QB_INLINE void qb_widen_row_loop(const uint8_t *row, ptrdiff_t stride, ptrdiff_t count, uint8_t flip,
                                 int16_t zero_point, int16_t *out) {
    if (stride == 1)
        for (ptrdiff_t k = 0; k < count; k++)
            out[k] = qb_widen(row[k], flip, zero_point);
    else
        for (ptrdiff_t k = 0; k < count; k++)
            out[k] = qb_widen(row[k * stride], flip, zero_point);
    if (count % 2)
        out[count] = 0;
}
QB_TWO_TARGETS(qb_widen_row,
               (const uint8_t *row, ptrdiff_t stride, ptrdiff_t count, uint8_t flip, int16_t zero_point,
                int16_t *out),
               (row, stride, count, flip, zero_point, out))

/* panel = 16 neighbouring columns of rhs with even `count`; the compiler interleaves rows in registers */
QB_INLINE void qb_widen_panel_loop(const uint8_t *rhs, ptrdiff_t k_stride, ptrdiff_t pairs, uint8_t flip,
                                   const int16_t *zero_points, int16_t *panel) {
    for (ptrdiff_t i = 0; i < pairs; i++) {
        const uint8_t *even = rhs + 2 * i * k_stride, *odd = even + k_stride;
        for (int j = 0; j < QB_PANEL; j++) {
            panel[(i * QB_PANEL + j) * 2] = qb_widen(even[j], flip, zero_points[j]);
            panel[(i * QB_PANEL + j) * 2 + 1] = qb_widen(odd[j], flip, zero_points[j]);
        }
    }
}
QB_TWO_TARGETS(qb_widen_panel,
               (const uint8_t *rhs, ptrdiff_t k_stride, ptrdiff_t pairs, uint8_t flip,
                const int16_t *zero_points, int16_t *panel),
               (rhs, k_stride, pairs, flip, zero_points, panel))

/* column j of panel = row, which has 2 * pairs values */
static inline void qb_place_column(const int16_t *row, ptrdiff_t pairs, int j, int16_t *panel) {
    for (ptrdiff_t i = 0; i < pairs; i++)
        memcpy(panel + (i * QB_PANEL + j) * 2, row + 2 * i, 2 * sizeof *row);
}

#endif
