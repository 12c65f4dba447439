/* One row of a against rows of b as they are: Mula, Kurz and Lemire, "Faster Population Counts Using AVX2
 * Instructions", Computer Journal 2018, figure 10. Every word of b is used once, so reading takes the time.
 */
#ifndef QB_XNOR_AVX2_ROW_H
#define QB_XNOR_AVX2_ROW_H

#include <immintrin.h>

#include "xnor_variant.h"

/* the number of set bits of each byte */
QB_TARGET_AVX2 QB_INLINE __m256i qb_popcount_bytes(__m256i x) {
    const __m256i count = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i lower = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(count, _mm256_and_si256(x, lower));
    __m256i high = _mm256_shuffle_epi8(count, _mm256_and_si256(_mm256_srli_epi16(x, 4), lower));
    return _mm256_add_epi8(low, high);
}

QB_TARGET_AVX2 static void qb_xnor_multiply_row_avx2(const uint64_t *a, const uint64_t *b, ptrdiff_t words,
                                                     ptrdiff_t columns, int32_t *sums) {
    enum { BYTE_SUMS = 31 * 4 }; /* words until a byte could pass 255 */
    for (ptrdiff_t j = 0; j < columns; j++, b += words) {
        __m256i total = _mm256_setzero_si256();
        ptrdiff_t w = 0;
        while (w + 4 <= words) {
            ptrdiff_t end = words - w < BYTE_SUMS ? words : w + BYTE_SUMS;
            __m256i bytes = _mm256_setzero_si256();
            for (; w + 4 <= end; w += 4) {
                __m256i x = _mm256_loadu_si256((const __m256i *)(a + w));
                __m256i y = _mm256_loadu_si256((const __m256i *)(b + w));
                bytes = _mm256_add_epi8(bytes, qb_popcount_bytes(_mm256_xor_si256(x, y)));
            }
            total = _mm256_add_epi64(total, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
        }
        __m128i pair = _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
        long long mismatches = _mm_cvtsi128_si64(pair) + _mm_extract_epi64(pair, 1);
        for (; w < words; w++)
            mismatches += _mm_popcnt_u64(a[w] ^ b[w]);
        sums[j] -= 2 * (int32_t)mismatches;
    }
}

#endif
