/* Multiply-adds of 8-bit integers with all operands in registers, exact in every bit.
 *
 * pmaddwd multiplies int8 widened to int16 and adds pairs; an addition makes the sum. (maddubs would take int8
 * as they are, but saturates.) vpdpbusd multiplies uint8 by int8 and adds fours to the sum. Twelve sums hide
 * its latency of about five cycles, and leave a register for each factor and one for a product.
 *
 * The factors do not change, so QB_OPAQUE(a, sum) tells the compiler that `a` might have, and that this must
 * wait for the sum: it costs no instruction, no product can be computed once for all rounds, and none early,
 * which would take more registers than there are.
 */
#ifndef QB_LIMITS_INT8_H
#define QB_LIMITS_INT8_H

#include "dispatch.h"

#if defined(__GNUC__) && (defined(__x86_64__) || defined(_M_X64))
#define QB_OPAQUE(x, y) __asm__ volatile("" : "+x"(x), "+x"(y))
#else
#define QB_OPAQUE(x, y) ((void)0)
#endif

enum { QB_INT8_SUMS = 12 };

#define QB_INT8_LIMIT(NAME, TARGET, VECTOR, FILL, ADD, STEP, FIRST_LANE) \
    TARGET static double NAME(int64_t rounds) {                          \
        VECTOR sum[QB_INT8_SUMS], a = FILL(1), b = FILL(2);              \
        for (int i = 0; i < QB_INT8_SUMS; i++)                           \
            sum[i] = FILL(i);                                            \
        for (int64_t round = 0; round < rounds; round++)                 \
            for (int i = 0; i < QB_INT8_SUMS; i++) {                     \
                VECTOR next = STEP(sum[i], a, b);                        \
                QB_OPAQUE(a, next);                                      \
                sum[i] = next;                                           \
            }                                                            \
        for (int i = 1; i < QB_INT8_SUMS; i++)                           \
            sum[0] = ADD(sum[0], sum[i]);                                \
        return FIRST_LANE(sum[0]);                                       \
    }

#if defined(QB_BUILD_SSE2)
#include <emmintrin.h>
#define QB_STEP(sum, a, b) _mm_add_epi32(sum, _mm_madd_epi16(a, b))
QB_INT8_LIMIT(qb_int8_sse2, QB_TARGET_SSE2, __m128i, _mm_set1_epi32, _mm_add_epi32, QB_STEP, _mm_cvtsi128_si32)
#undef QB_STEP
#endif

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>
#define QB_FIRST_LANE(x) _mm_cvtsi128_si32(_mm256_castsi256_si128(x))
#define QB_STEP(sum, a, b) _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
QB_INT8_LIMIT(qb_int8_avx2, QB_TARGET_AVX2, __m256i, _mm256_set1_epi32, _mm256_add_epi32, QB_STEP, QB_FIRST_LANE)
#undef QB_STEP

#if defined(QB_BUILD_AVXVNNI)
QB_INT8_LIMIT(qb_int8_avxvnni, QB_TARGET_AVXVNNI, __m256i, _mm256_set1_epi32, _mm256_add_epi32,
              _mm256_dpbusd_avx_epi32, QB_FIRST_LANE)
#endif
#undef QB_FIRST_LANE
#endif

#if defined(QB_BUILD_AVX512VNNI)
#define QB_FIRST_LANE(x) _mm_cvtsi128_si32(_mm512_castsi512_si128(x))
QB_INT8_LIMIT(qb_int8_avx512vnni, QB_TARGET_AVX512VNNI, __m512i, _mm512_set1_epi32, _mm512_add_epi32,
              _mm512_dpbusd_epi32, QB_FIRST_LANE)
#undef QB_FIRST_LANE
#endif

#endif
