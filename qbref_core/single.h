/* The commonest requantization, fast: mode "single", no left shift, bytes out.
 *
 * With right = 31 - shift >= 31 the quotient (x * multiplier + 2**(right - 1)) >> right fits 32 bits, so
 * eight values travel in one AVX2 register, and are multiplied as four even and four odd ones in 64-bit
 * lanes. AVX2 has no arithmetic shift of those: 2**63 is added first, which makes the dividend unsigned, and
 * its share 2**63 >> right is taken off afterwards. The same floor, with a logical shift.
 *
 * Channels repeat and rows are short, so the caller repeats the channels' constants to a block of a few
 * hundred values (`count`, a multiple of 8 but in the last block) and calls once per block.
 */
#ifndef QB_SINGLE_H
#define QB_SINGLE_H

#include <string.h>

#include "dispatch.h"

static void qb_single_plain(const int32_t *x, const int32_t *multiplier, const int32_t *right,
                            ptrdiff_t count, int32_t low, int32_t high, int32_t zero_point, uint8_t *q) {
    for (ptrdiff_t i = 0; i < count; i++) {
        int64_t dividend = (int64_t)x[i] * multiplier[i] + ((int64_t)1 << (right[i] - 1));
        int64_t quotient = dividend >> right[i];
        quotient = quotient < low ? low : quotient > high ? high : quotient;
        q[i] = (uint8_t)(quotient + zero_point);
    }
}

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>

/* four quotients, in the low halves of the 64-bit lanes */
QB_TARGET_AVX2 static inline __m256i qb_quotients(__m256i x, __m256i multiplier, __m256i right) {
    const __m256i one = _mm256_set1_epi64x(1), top = _mm256_set1_epi64x((int64_t)((uint64_t)1 << 63));
    __m256i half = _mm256_sllv_epi64(one, _mm256_sub_epi64(right, one));
    __m256i dividend = _mm256_add_epi64(_mm256_add_epi64(_mm256_mul_epi32(x, multiplier), half), top);
    return _mm256_sub_epi64(_mm256_srlv_epi64(dividend, right), _mm256_srlv_epi64(top, right));
}

QB_TARGET_AVX2 static void qb_single_avx2(const int32_t *x, const int32_t *multiplier, const int32_t *right,
                                   ptrdiff_t count, int32_t low, int32_t high, int32_t zero_point,
                                   uint8_t *q) {
    const __m256i even_lanes = _mm256_set1_epi64x(0xffffffff), zero_points = _mm256_set1_epi32(zero_point);
    const __m256i lows = _mm256_set1_epi32(low), highs = _mm256_set1_epi32(high);
    const __m256i low_bytes = _mm256_set1_epi32(0x0c080400); /* byte 0 of each 32-bit lane, side by side */
    ptrdiff_t i = 0;
    for (; i + 8 <= count; i += 8) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(x + i));
        __m256i m = _mm256_loadu_si256((const __m256i *)(multiplier + i));
        __m256i r = _mm256_loadu_si256((const __m256i *)(right + i));
        __m256i even = qb_quotients(v, m, _mm256_and_si256(r, even_lanes));
        __m256i odd =
            qb_quotients(_mm256_srli_epi64(v, 32), _mm256_srli_epi64(m, 32), _mm256_srli_epi64(r, 32));
        v = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
        v = _mm256_add_epi32(_mm256_min_epi32(_mm256_max_epi32(v, lows), highs), zero_points);
        v = _mm256_shuffle_epi8(v, low_bytes);
        int32_t bytes[2] = {_mm256_extract_epi32(v, 0), _mm256_extract_epi32(v, 4)};
        memcpy(q + i, bytes, 8);
    }
    qb_single_plain(x + i, multiplier + i, right + i, count - i, low, high, zero_point, q + i);
}
#endif

static inline void qb_single(const int32_t *x, const int32_t *multiplier, const int32_t *right, ptrdiff_t count,
                      int32_t low, int32_t high, int32_t zero_point, uint8_t *q) {
#if defined(QB_BUILD_AVX2)
    if (qb_in_use(QB_AVX2)) {
        qb_single_avx2(x, multiplier, right, count, low, high, zero_point, q);
        return;
    }
#endif
    qb_single_plain(x, multiplier, right, count, low, high, zero_point, q);
}

/* The same for `rows` rows of a block, all of whose rows have the same constants: eight columns at a time, whose
 * constants stay in registers while the rows go by. */
#if defined(QB_BUILD_AVX2)
QB_TARGET_AVX2 static inline __m256i qb_shifted(__m256i x, __m256i multiplier, __m256i addend, __m256i right,
                                                __m256i share) {
    __m256i dividend = _mm256_add_epi64(_mm256_mul_epi32(x, multiplier), addend);
    return _mm256_sub_epi64(_mm256_srlv_epi64(dividend, right), share);
}

QB_TARGET_AVX2 static void qb_single_columns_avx2(const int32_t *x, ptrdiff_t x_stride, ptrdiff_t rows,
                                                  const int32_t *multiplier, const int32_t *right, int32_t low,
                                                  int32_t high, int32_t zero_point, uint8_t *q,
                                                  ptrdiff_t q_stride) {
    const __m256i one = _mm256_set1_epi64x(1), top = _mm256_set1_epi64x((int64_t)((uint64_t)1 << 63));
    const __m256i lows = _mm256_set1_epi32(low), highs = _mm256_set1_epi32(high);
    const __m256i zero_points = _mm256_set1_epi32(zero_point), low_bytes = _mm256_set1_epi32(0x0c080400);
    __m256i m = _mm256_loadu_si256((const __m256i *)multiplier), r = _mm256_loadu_si256((const __m256i *)right);
    __m256i odd_m = _mm256_srli_epi64(m, 32), odd_r = _mm256_srli_epi64(r, 32);
    __m256i even_r = _mm256_and_si256(r, _mm256_set1_epi64x(0xffffffff));
    __m256i even_addend = _mm256_add_epi64(top, _mm256_sllv_epi64(one, _mm256_sub_epi64(even_r, one)));
    __m256i odd_addend = _mm256_add_epi64(top, _mm256_sllv_epi64(one, _mm256_sub_epi64(odd_r, one)));
    __m256i even_share = _mm256_srlv_epi64(top, even_r), odd_share = _mm256_srlv_epi64(top, odd_r);
    for (ptrdiff_t i = 0; i < rows; i++, x += x_stride, q += q_stride) {
        __m256i v = _mm256_loadu_si256((const __m256i *)x);
        __m256i even = qb_shifted(v, m, even_addend, even_r, even_share);
        __m256i odd = qb_shifted(_mm256_srli_epi64(v, 32), odd_m, odd_addend, odd_r, odd_share);
        v = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
        v = _mm256_add_epi32(_mm256_min_epi32(_mm256_max_epi32(v, lows), highs), zero_points);
        v = _mm256_shuffle_epi8(v, low_bytes);
        int32_t bytes[2] = {_mm256_extract_epi32(v, 0), _mm256_extract_epi32(v, 4)};
        memcpy(q, bytes, 8);
    }
}
#endif

static inline void qb_single_rows(const int32_t *x, ptrdiff_t x_stride, ptrdiff_t rows, const int32_t *multiplier,
                           const int32_t *right, ptrdiff_t count, int32_t low, int32_t high, int32_t zero_point,
                           uint8_t *q, ptrdiff_t q_stride) {
    ptrdiff_t j = 0;
#if defined(QB_BUILD_AVX2)
    if (qb_in_use(QB_AVX2))
        for (; j + 8 <= count; j += 8)
            qb_single_columns_avx2(x + j, x_stride, rows, multiplier + j, right + j, low, high, zero_point,
                                   q + j, q_stride);
#endif
    if (j < count)
        for (ptrdiff_t i = 0; i < rows; i++)
            qb_single_plain(x + i * x_stride + j, multiplier + j, right + j, count - j, low, high, zero_point,
                            q + i * q_stride + j);
}

#endif
