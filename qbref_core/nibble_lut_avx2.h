/* nibble_lut.h with AVX2: pshufb looks up 32 table entries at once, and a second pshufb their signs (0 or
 * -1), which are the upper bytes of the same weights as int16; interleaving the two gives them to pmaddwd,
 * 16 at a time. Up to four rows of lhs share the decoding, each with its sum in one register.
 *
 * The processor's own prefetching ends with each page of memory, so codes are asked for 1 KiB ahead, which at
 * batch 1 counts for much.
 */
#ifndef QB_NIBBLE_LUT_AVX2_H
#define QB_NIBBLE_LUT_AVX2_H

#include "dispatch.h"

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>
#include <string.h>

/* one block, 64 weights; `rows` is a literal */
QB_TARGET_AVX2 QB_INLINE void qb_lut_block_avx2(__m256i codes, __m256i table, __m256i signs,
                                                const int16_t *lhs, ptrdiff_t width, const int rows,
                                                __m256i *sums) {
    const __m256i low_nibble = _mm256_set1_epi8(15);
    for (int odd = 0; odd < 2; odd++) {
        __m256i nibbles = _mm256_and_si256(odd ? _mm256_srli_epi16(codes, 4) : codes, low_nibble);
        __m256i low_bytes = _mm256_shuffle_epi8(table, nibbles);
        __m256i high_bytes = _mm256_shuffle_epi8(signs, nibbles);
        __m256i first = _mm256_unpacklo_epi8(low_bytes, high_bytes);
        __m256i second = _mm256_unpackhi_epi8(low_bytes, high_bytes);
        for (int m = 0; m < rows; m++) {
            const __m256i *row = (const __m256i *)(lhs + m * width + 32 * odd);
            __m256i of_first = _mm256_madd_epi16(first, _mm256_loadu_si256(row));
            __m256i of_second = _mm256_madd_epi16(second, _mm256_loadu_si256(row + 1));
            sums[m] = _mm256_add_epi32(sums[m], _mm256_add_epi32(of_first, of_second));
        }
    }
}

QB_TARGET_AVX2 QB_INLINE void qb_lut_tile_avx2(const uint8_t *codes, ptrdiff_t bytes, const int8_t *table16,
                                               const int16_t *lhs, ptrdiff_t width, const int rows,
                                               int32_t *out, ptrdiff_t out_stride) {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table16));
    const __m256i signs = _mm256_cmpgt_epi8(_mm256_setzero_si256(), table);
    __m256i sums[4];
    ptrdiff_t b = 0;
    for (int m = 0; m < rows; m++)
        sums[m] = _mm256_setzero_si256();
    for (; b + 32 <= bytes; b += 32) {
        __m256i block = _mm256_loadu_si256((const __m256i *)(codes + b));
        _mm_prefetch((const char *)codes + b + 1024, _MM_HINT_T0);
        qb_lut_block_avx2(block, table, signs, lhs + 2 * b, width, rows, sums);
    }
    if (b < bytes) {
        uint8_t tail[32] = {0};
        memcpy(tail, codes + b, (size_t)(bytes - b));
        __m256i block = _mm256_loadu_si256((const __m256i *)tail);
        qb_lut_block_avx2(block, table, signs, lhs + 2 * b, width, rows, sums);
    }
    for (int m = 0; m < rows; m++) {
        int32_t lanes[8];
        _mm256_storeu_si256((__m256i *)lanes, sums[m]);
        out[m * out_stride] =
            lanes[0] + lanes[1] + lanes[2] + lanes[3] + lanes[4] + lanes[5] + lanes[6] + lanes[7];
    }
}

QB_TARGET_AVX2 static void qb_lut_column_avx2(const uint8_t *codes, ptrdiff_t bytes, const int8_t *table,
                                              const int16_t *lhs, ptrdiff_t rows, ptrdiff_t width,
                                              int32_t *out, ptrdiff_t out_stride) {
    ptrdiff_t m = 0;
    for (; m + 4 <= rows; m += 4)
        qb_lut_tile_avx2(codes, bytes, table, lhs + m * width, width, 4, out + m * out_stride, out_stride);
    if (rows - m >= 2) {
        qb_lut_tile_avx2(codes, bytes, table, lhs + m * width, width, 2, out + m * out_stride, out_stride);
        m += 2;
    }
    if (m < rows)
        qb_lut_tile_avx2(codes, bytes, table, lhs + m * width, width, 1, out + m * out_stride, out_stride);
}
#endif

#endif
