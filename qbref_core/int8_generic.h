/* The 8-bit product in plain C, for any processor.
 *
 * lhs as int16 and rhs as int8 meet one k at a time, in 16 columns: a product of two int16 that is added to
 * int32 is what compilers vectorize best (smlal on ARM64). Two rows share each value of rhs.
 */
#ifndef QB_INT8_GENERIC_H
#define QB_INT8_GENERIC_H

#include <string.h>

#include "int8_variant.h"

enum { QB_GENERIC_ROWS = 2, QB_GENERIC_COLUMNS = 16 };

QB_INLINE void qb_int8_tile_generic(int rows, const char *lhs, ptrdiff_t lhs_stride, const int8_t *panel,
                                    ptrdiff_t depth, const int32_t *start, int32_t *out,
                                    ptrdiff_t out_stride) {
    uint32_t sum[QB_GENERIC_ROWS][QB_GENERIC_COLUMNS]; /* unsigned: wrapping is defined */
    for (int i = 0; i < rows; i++)
        memcpy(sum[i], start, sizeof sum[i]);
    for (ptrdiff_t k = 0; k < depth; k++, panel += QB_GENERIC_COLUMNS)
        for (int i = 0; i < rows; i++) {
            int16_t a = ((const int16_t *)(lhs + i * lhs_stride))[k];
            for (int j = 0; j < QB_GENERIC_COLUMNS; j++)
                sum[i][j] += (uint32_t)(a * (int16_t)panel[j]);
        }
    for (int i = 0; i < rows; i++)
        memcpy(out + i * out_stride, sum[i], sizeof sum[i]);
}

static void qb_int8_multiply_generic(const void *lhs, ptrdiff_t lhs_stride, ptrdiff_t rows,
                                     const int8_t *panel, ptrdiff_t depth, const int32_t *start,
                                     int32_t *out, ptrdiff_t out_stride) {
    const char *row = lhs;
    for (; rows >= 2; rows -= 2, row += 2 * lhs_stride, out += 2 * out_stride)
        qb_int8_tile_generic(2, row, lhs_stride, panel, depth, start, out, out_stride);
    if (rows)
        qb_int8_tile_generic(1, row, lhs_stride, panel, depth, start, out, out_stride);
}

static const qb_int8_variant qb_int8_generic = {
    "generic", QB_INT16, QB_GENERIC_ROWS, QB_GENERIC_COLUMNS, 1, 1, 20, qb_int8_multiply_generic,
    qb_int8_multiply_generic,
};

#endif
