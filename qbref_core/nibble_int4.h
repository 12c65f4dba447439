/* Rows of int8 times int4 weights, for a few rows:  out[m][n] = sum_k lhs[m][k] * (w[n][k] + 8)
 *
 * At batch 1 every weight is used once, so a layer takes as long as reading its weights: 4 bits each if they
 * are decoded in registers. 32 bytes of packed weights are 64 of them; the low nibbles are those with even
 * k, the high ones those with odd k, and lhs is laid out to meet them: in blocks of 64, first the 32 values
 * of even k, then the 32 of odd k.
 *
 * Flipping the top bit of a two's complement nibble adds 8, so w + 8 lies in 0..15 without any further
 * decoding. The caller takes off the eights, 8 * sum_k lhs[m][k].
 */
#ifndef QB_NIBBLE_INT4_H
#define QB_NIBBLE_INT4_H

#include "dispatch.h"
#include "nibble_int4_avx2.h"

enum { QB_INT4_BLOCK = 64 };

static int32_t qb_int4_dot(const uint8_t *packed, ptrdiff_t bytes, const int8_t *lhs) {
    int32_t sum = 0;
    for (ptrdiff_t b = 0; b < bytes; b += 32, lhs += QB_INT4_BLOCK) {
        ptrdiff_t count = bytes - b < 32 ? bytes - b : 32;
        for (ptrdiff_t i = 0; i < count; i++) {
            uint8_t raised = packed[b + i] ^ 0x88;
            sum += lhs[i] * (int16_t)(raised & 15) + lhs[32 + i] * (int16_t)(raised >> 4);
        }
    }
    return sum;
}

/* Columns of out, each from one row of `bytes` packed weights; lhs (rows, width), width a multiple of 64. */
static void qb_int4_columns(const uint8_t *packed, ptrdiff_t bytes, ptrdiff_t columns, const int8_t *lhs,
                            ptrdiff_t rows, ptrdiff_t width, int32_t *out, ptrdiff_t out_stride) {
    for (ptrdiff_t n = 0; n < columns; n++, packed += bytes) {
#if defined(QB_BUILD_AVX2)
        if (qb_in_use(QB_AVX2)) {
            qb_int4_column_avx2(packed, bytes, lhs, rows, width, out + n, out_stride);
            continue;
        }
#endif
        for (ptrdiff_t m = 0; m < rows; m++)
            out[m * out_stride + n] = qb_int4_dot(packed, bytes, lhs + m * width);
    }
}

#endif
