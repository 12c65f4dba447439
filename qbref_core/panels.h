/* The int16 matrix product under int8_matmul and lut_matmul:
 *
 *     out[m][n] = sum_k lhs[m][k] * rhs[k][n]        int16 * int16 -> int32
 *
 * Eight bits minus a zero point need nine, so the operands come widened to int16. The x86 instruction made
 * for this is pmaddwd: it multiplies pairs of int16 and adds neighbouring products to int32, exactly.
 *
 *     lhs     rows of 2 * pairs values; where K is odd, the last value is 0
 *     panel   16 columns of rhs as [pairs][16 columns][2 neighbours in k]; columns and k beyond the end are 0
 *
 * A tile of 6 rows and 16 columns keeps its sums in 12 registers and uses every value it loads several times.
 */
#ifndef QB_PANELS_H
#define QB_PANELS_H

#include <string.h>
#include "dispatch.h"

enum { QB_PANEL = 16 };

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>

#define TARGET QB_TARGET_AVX2
#define TILE qb_tile_avx2
#define MULTIPLY qb_multiply_avx2
#define ROWS 6
#define VECTOR __m256i
#define LANES 8
#define LOAD _mm256_loadu_si256
#define STORE _mm256_storeu_si256
#define FILL _mm256_set1_epi32
#define ADD _mm256_add_epi32
#define MULTIPLY_ADD_PAIRS _mm256_madd_epi16
#include "panel_x86.h"

#else
#define qb_multiply_avx2 qb_multiply_plain
#endif

#if defined(__x86_64__) || defined(_M_X64)
#include <emmintrin.h>

#define TARGET
#define TILE qb_tile_sse2
#define MULTIPLY qb_multiply_plain
#define ROWS 2
#define VECTOR __m128i
#define LANES 4
#define LOAD _mm_loadu_si128
#define STORE _mm_storeu_si128
#define FILL _mm_set1_epi32
#define ADD _mm_add_epi32
#define MULTIPLY_ADD_PAIRS _mm_madd_epi16
#include "panel_x86.h"

#else

static void qb_multiply_plain(const int16_t *lhs, ptrdiff_t rows, const int16_t *panel, ptrdiff_t pairs,
                              int32_t *out, ptrdiff_t out_stride) {
    for (ptrdiff_t m = 0; m < rows; m++) {
        int32_t sum[QB_PANEL] = {0};
        for (ptrdiff_t k = 0; k < pairs; k++) {
            const int16_t *a = lhs + (m * pairs + k) * 2, *b = panel + k * QB_PANEL * 2;
            for (int j = 0; j < QB_PANEL; j++)
                sum[j] += a[0] * b[2 * j] + a[1] * b[2 * j + 1];
        }
        memcpy(out + m * out_stride, sum, sizeof sum);
    }
}
#endif

/* out[:rows, :columns] = lhs @ panel; a panel with fewer than 16 columns goes through a small whole one */
static void qb_multiply_panel(const int16_t *lhs, ptrdiff_t rows, const int16_t *panel, ptrdiff_t pairs,
                              int32_t *out, ptrdiff_t out_stride, ptrdiff_t columns) {
    void (*multiply)(const int16_t *, ptrdiff_t, const int16_t *, ptrdiff_t, int32_t *, ptrdiff_t) =
        qb_in_use(QB_AVX2) ? qb_multiply_avx2 : qb_multiply_plain;
    if (columns == QB_PANEL) {
        multiply(lhs, rows, panel, pairs, out, out_stride);
        return;
    }
    enum { ROWS = 24 };
    int32_t whole[ROWS * QB_PANEL];
    for (ptrdiff_t m = 0; m < rows; m += ROWS) {
        ptrdiff_t count = rows - m < ROWS ? rows - m : ROWS;
        multiply(lhs + m * 2 * pairs, count, panel, pairs, whole, QB_PANEL);
        for (ptrdiff_t i = 0; i < count; i++)
            memcpy(out + (m + i) * out_stride, whole + i * QB_PANEL, (size_t)columns * sizeof *out);
    }
}

#endif
