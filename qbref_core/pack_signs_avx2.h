/* pack_signs.h in AVX2: a comparison sets all bits of an element, movemask collects the uppermost of each. */
#ifndef QB_PACK_SIGNS_AVX2_H
#define QB_PACK_SIGNS_AVX2_H

#include "dispatch.h"

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>

QB_TARGET_AVX2 static uint64_t qb_word_float_avx2(const float *x) {
    uint64_t bits = 0;
    for (int i = 0; i < 64; i += 8) {
        __m256 below = _mm256_cmp_ps(_mm256_loadu_ps(x + i), _mm256_setzero_ps(), _CMP_LT_OQ);
        bits |= (uint64_t)_mm256_movemask_ps(below) << i;
    }
    return bits;
}

QB_TARGET_AVX2 static uint64_t qb_word_double_avx2(const double *x) {
    uint64_t bits = 0;
    for (int i = 0; i < 64; i += 4) {
        __m256d below = _mm256_cmp_pd(_mm256_loadu_pd(x + i), _mm256_setzero_pd(), _CMP_LT_OQ);
        bits |= (uint64_t)_mm256_movemask_pd(below) << i;
    }
    return bits;
}

QB_TARGET_AVX2 QB_INLINE uint64_t qb_upper_bits(__m256i low, __m256i high) {
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32 | (uint32_t)_mm256_movemask_epi8(low);
}

QB_TARGET_AVX2 static uint64_t qb_word_int8_avx2(const int8_t *x) {
    const __m256i *bytes = (const __m256i *)x;
    return qb_upper_bits(_mm256_loadu_si256(bytes), _mm256_loadu_si256(bytes + 1));
}

QB_TARGET_AVX2 static uint64_t qb_word_bool_avx2(const uint8_t *x) {
    const __m256i *bytes = (const __m256i *)x, zero = _mm256_setzero_si256();
    return ~qb_upper_bits(_mm256_cmpeq_epi8(_mm256_loadu_si256(bytes), zero),
                          _mm256_cmpeq_epi8(_mm256_loadu_si256(bytes + 1), zero));
}

/* 32 bits to 32 bytes, -1 or +1: every byte of the result looks at its own bit of the byte it is made from */
QB_TARGET_AVX2 QB_INLINE __m256i qb_signs(uint32_t bits) {
    const __m256i source = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,  //
                                            2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    const __m256i own_bit = _mm256_set1_epi64x((long long)0x8040201008040201u);
    __m256i octets = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), source);
    __m256i minus = _mm256_cmpeq_epi8(_mm256_and_si256(octets, own_bit), own_bit);
    return _mm256_or_si256(minus, _mm256_set1_epi8(1));
}

QB_TARGET_AVX2 static void qb_unpack_word_avx2(uint64_t word, int8_t *x) {
    _mm256_storeu_si256((__m256i *)x, qb_signs((uint32_t)word));
    _mm256_storeu_si256((__m256i *)(x + 32), qb_signs((uint32_t)(word >> 32)));
}
#endif

#endif
