/* Rows of int16 times 4-bit codes into a table of int8:  out[m][n] = sum_k lhs[m][k] * w[n][k]
 *
 * Meant for a few rows, which are widened to int16 with their zero points subtracted, so there is nothing to
 * correct afterwards: int16 by int16 is exact in int32 whatever the table holds. Codes are decoded on the
 * way.
 *
 * A block is 32 bytes of codes, that is 64 weights; the low nibbles are those with even k. AVX2 decodes a
 * nibble of all 32 bytes at once and leaves the weights in an order of its own, in which lhs is laid out
 * once, instead of reordering weights all the time: even k before odd k, and among the 32 of each kind 0-7,
 * 16-23, 8-15, 24-31. The plain variant decodes into the same order.
 */
#ifndef QB_NIBBLE_LUT_H
#define QB_NIBBLE_LUT_H

#include <string.h>

#include "dispatch.h"
#include "nibble_lut_avx2.h"

enum { QB_LUT_BLOCK = 64 };

/* one row of `bytes` codes and all rows of lhs */
static void qb_lut_column(const uint8_t *codes, ptrdiff_t bytes, const int8_t *table, const int16_t *lhs,
                          ptrdiff_t rows, ptrdiff_t width, int32_t *out, ptrdiff_t out_stride) {
    uint8_t block[32] = {0};
    int16_t weights[QB_LUT_BLOCK];
    for (ptrdiff_t m = 0; m < rows; m++)
        out[m * out_stride] = 0;
    for (ptrdiff_t b = 0; b < bytes; b += 32, lhs += QB_LUT_BLOCK) {
        memcpy(block, codes + b, (size_t)(bytes - b < 32 ? bytes - b : 32)); /* beyond them lhs is 0 */
        for (ptrdiff_t i = 0; i < 32; i++) {
            ptrdiff_t place = (i & 7) + (i & 8) * 2 + (i & 16) / 2;
            weights[place] = table[block[i] & 15];
            weights[place + 32] = table[block[i] >> 4];
        }
        for (ptrdiff_t m = 0; m < rows; m++) {
            int32_t sum = 0;
            for (ptrdiff_t k = 0; k < QB_LUT_BLOCK; k++)
                sum += lhs[m * width + k] * weights[k];
            out[m * out_stride] += sum;
        }
    }
}

/* Columns of out, each from one row of `bytes` codes and a table that is `table_stride` (0 or 16) after the
 * one before; lhs (rows, width), width a multiple of 64. */
static void qb_lut_columns(const uint8_t *codes, ptrdiff_t bytes, ptrdiff_t columns, const int8_t *table,
                           ptrdiff_t table_stride, const int16_t *lhs, ptrdiff_t rows, ptrdiff_t width,
                           int32_t *out, ptrdiff_t out_stride) {
    for (ptrdiff_t n = 0; n < columns; n++, codes += bytes, table += table_stride) {
#if defined(QB_BUILD_AVX2)
        if (qb_in_use(QB_AVX2)) {
            qb_lut_column_avx2(codes, bytes, table, lhs, rows, width, out + n, out_stride);
            continue;
        }
#endif
        qb_lut_column(codes, bytes, table, lhs, rows, width, out + n, out_stride);
    }
}

#endif
