/* nibble_int4.h with AVX2: w + 8 in 0..15 is just what pmaddubsw wants, which multiplies unsigned by signed
 * bytes and adds pairs of products in int16, saturating. Here a pair is at most 2 * 15 * 128 = 3840, and
 * eight of them, 30720, still fit: the even and odd pairs of four blocks are added before the sums move to
 * int32. (With int8 weights, one pair alone could saturate.)
 *
 * Up to four rows of lhs share the decoding. The processor's own prefetching ends with each page of memory,
 * so the weights are asked for 1 KiB ahead.
 */
#ifndef QB_NIBBLE_INT4_AVX2_H
#define QB_NIBBLE_INT4_AVX2_H

#include "dispatch.h"

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>
#include <string.h>

/* sums[m] += the products of one block; `rows` is a literal */
QB_TARGET_AVX2 QB_INLINE void qb_int4_block_avx2(__m256i bytes, const int8_t *lhs, ptrdiff_t width,
                                                 const int rows, __m256i *sums) {
    const __m256i low_nibble = _mm256_set1_epi8(15);
    bytes = _mm256_xor_si256(bytes, _mm256_set1_epi8((char)0x88));
    __m256i even = _mm256_and_si256(bytes, low_nibble);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_nibble);
    for (int m = 0; m < rows; m++) {
        const __m256i *row = (const __m256i *)(lhs + m * width);
        __m256i of_even = _mm256_maddubs_epi16(even, _mm256_loadu_si256(row));
        __m256i of_odd = _mm256_maddubs_epi16(odd, _mm256_loadu_si256(row + 1));
        sums[m] = _mm256_add_epi16(sums[m], _mm256_add_epi16(of_even, of_odd));
    }
}

QB_TARGET_AVX2 QB_INLINE int32_t qb_int4_total_avx2(__m256i sums) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

/* one row of weights and `rows` (a literal) rows of lhs */
QB_TARGET_AVX2 QB_INLINE void qb_int4_tile_avx2(const uint8_t *packed, ptrdiff_t bytes, const int8_t *lhs,
                                                ptrdiff_t width, const int rows, int32_t *out,
                                                ptrdiff_t out_stride) {
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i totals[4];
    uint8_t tail[32] = {0};
    for (int m = 0; m < rows; m++)
        totals[m] = _mm256_setzero_si256();
    for (ptrdiff_t b = 0; b < bytes;) {
        __m256i sums[4];
        ptrdiff_t end = b + 4 * 32;
        for (int m = 0; m < rows; m++)
            sums[m] = _mm256_setzero_si256();
        for (; b < end && b + 32 <= bytes; b += 32) {
            __m256i block = _mm256_loadu_si256((const __m256i *)(packed + b));
            _mm_prefetch((const char *)packed + b + 1024, _MM_HINT_T0);
            qb_int4_block_avx2(block, lhs + 2 * b, width, rows, sums);
        }
        if (b < end && b < bytes) {
            memcpy(tail, packed + b, (size_t)(bytes - b));
            __m256i block = _mm256_loadu_si256((const __m256i *)tail);
            qb_int4_block_avx2(block, lhs + 2 * b, width, rows, sums);
            b = bytes;
        }
        for (int m = 0; m < rows; m++)
            totals[m] = _mm256_add_epi32(totals[m], _mm256_madd_epi16(sums[m], ones));
    }
    for (int m = 0; m < rows; m++)
        out[m * out_stride] = qb_int4_total_avx2(totals[m]);
}

/* one row of weights and all rows of lhs */
QB_TARGET_AVX2 static void qb_int4_column_avx2(const uint8_t *packed, ptrdiff_t bytes, const int8_t *lhs,
                                               ptrdiff_t rows, ptrdiff_t width, int32_t *out,
                                               ptrdiff_t out_stride) {
    ptrdiff_t m = 0;
    for (; m + 4 <= rows; m += 4)
        qb_int4_tile_avx2(packed, bytes, lhs + m * width, width, 4, out + m * out_stride, out_stride);
    if (rows - m >= 2) {
        qb_int4_tile_avx2(packed, bytes, lhs + m * width, width, 2, out + m * out_stride, out_stride);
        m += 2;
    }
    if (m < rows)
        qb_int4_tile_avx2(packed, bytes, lhs + m * width, width, 1, out + m * out_stride, out_stride);
}
#endif

#endif
