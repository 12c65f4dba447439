/* Rows of float32 times 4-bit codes into a table of float32:  out[m][n] = sum_k lhs[m][k] * w[n][k]
 *
 * The order of summation is part of the definition (qbref/kernels/_lanes.py): 16 lanes, lane l adding the
 * rounded products with k = l mod 16, then halves are added until one lane is left. Lanes are independent,
 * so an instruction set may compute them side by side as it likes and gets the same bits. A fused
 * multiply-add would round once instead of twice, so none is used.
 *
 * Weights are decoded on the way, once for up to four rows of lhs; the lanes of these and a block of 32
 * weights are what the registers of AVX2 can hold.
 */
#ifndef QB_NIBBLE_FLOAT_H
#define QB_NIBBLE_FLOAT_H

#include <string.h>

#include "dispatch.h"

enum { QB_FLOAT_LANES = 16, QB_FLOAT_BLOCK = 32, QB_FLOAT_ROWS = 4 };

#include "nibble_float_avx2.h"

static void qb_float_tile(const uint8_t *codes, ptrdiff_t bytes, const float *table, const float *lhs,
                          ptrdiff_t rows, ptrdiff_t width, float lanes[][QB_FLOAT_LANES]) {
    float weights[QB_FLOAT_LANES] = {0}; /* beyond the last byte lhs is 0 */
    memset(lanes, 0, (size_t)rows * sizeof lanes[0]);
    for (ptrdiff_t b = 0; b < bytes; b += QB_FLOAT_LANES / 2, lhs += QB_FLOAT_LANES) {
        for (ptrdiff_t i = 0; i < QB_FLOAT_LANES / 2 && b + i < bytes; i++) {
            weights[2 * i] = table[codes[b + i] & 15];
            weights[2 * i + 1] = table[codes[b + i] >> 4];
        }
        for (ptrdiff_t m = 0; m < rows; m++)
            for (ptrdiff_t l = 0; l < QB_FLOAT_LANES; l++)
                lanes[m][l] += lhs[m * width + l] * weights[l];
    }
}

static float qb_float_total(float *lanes) {
    for (ptrdiff_t half = QB_FLOAT_LANES / 2; half > 0; half /= 2)
        for (ptrdiff_t l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
}

/* Columns of out, each from one row of `bytes` codes and a table that is `table_stride` (0 or 16) after the
 * one before; lhs (rows, width), width a multiple of 32. Four rows of lhs pass all columns before the next
 * four do, for they stay in the second-level cache. */
static void qb_float_columns(const uint8_t *codes, ptrdiff_t bytes, ptrdiff_t columns, const float *table,
                             ptrdiff_t table_stride, const float *lhs, ptrdiff_t rows, ptrdiff_t width,
                             float *out, ptrdiff_t out_stride) {
    float lanes[QB_FLOAT_ROWS][QB_FLOAT_LANES];
    for (ptrdiff_t m = 0; m < rows; m += QB_FLOAT_ROWS) {
        ptrdiff_t height = rows - m < QB_FLOAT_ROWS ? rows - m : QB_FLOAT_ROWS;
        for (ptrdiff_t n = 0; n < columns; n++) {
            const uint8_t *row = codes + n * bytes;
            const float *row_table = table + n * table_stride;
#if defined(QB_BUILD_AVX2)
            if (qb_in_use(QB_AVX2))
                qb_float_tile_avx2(row, bytes, row_table, lhs + m * width, height, width, lanes);
            else
#endif
                qb_float_tile(row, bytes, row_table, lhs + m * width, height, width, lanes);
            for (ptrdiff_t i = 0; i < height; i++)
                out[(m + i) * out_stride + n] = qb_float_total(lanes[i]);
        }
    }
}

#endif
