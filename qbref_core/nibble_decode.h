/* Packed codes decoded to bytes, out[n][k] = table[code[n][k]], for large batches: the decoding then costs
 * little beside the product, which is int8_matmul's. AVX2 looks up 32 codes a time and interleaves those with
 * even k (the low nibbles) and those with odd k. */
#ifndef QB_NIBBLE_DECODE_H
#define QB_NIBBLE_DECODE_H

#include "dispatch.h"

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>

/* the first bytes of a row in blocks of 32; returns how many */
QB_TARGET_AVX2 static ptrdiff_t qb_decode_blocks_avx2(const uint8_t *codes, ptrdiff_t bytes,
                                                      const int8_t *table16, int8_t *out) {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table16));
    const __m256i low_nibble = _mm256_set1_epi8(15);
    ptrdiff_t b = 0;
    for (; b + 32 <= bytes; b += 32) {
        __m256i block = _mm256_loadu_si256((const __m256i *)(codes + b));
        __m256i even = _mm256_shuffle_epi8(table, _mm256_and_si256(block, low_nibble));
        __m256i odd = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(block, 4), low_nibble));
        __m256i low = _mm256_unpacklo_epi8(even, odd), high = _mm256_unpackhi_epi8(even, odd);
        __m256i *to = (__m256i *)(out + 2 * b);
        _mm256_storeu_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
    }
    return b;
}
#endif

/* one row of k weights */
static void qb_decode_row(const uint8_t *codes, ptrdiff_t k, const int8_t *table, int8_t *out) {
    ptrdiff_t b = 0;
#if defined(QB_BUILD_AVX2)
    if (qb_in_use(QB_AVX2))
        b = qb_decode_blocks_avx2(codes, k / 2, table, out);
#endif
    for (; b < k / 2; b++) {
        out[2 * b] = table[codes[b] & 15];
        out[2 * b + 1] = table[codes[b] >> 4];
    }
    if (k % 2)
        out[k - 1] = table[codes[b] & 15];
}

#endif
