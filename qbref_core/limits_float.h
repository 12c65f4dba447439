/* Multiply-adds of float32 with all operands in registers: what a product of float matrices could reach.
 *
 * A multiply-add takes about four cycles and two may start in each, so twelve independent sums keep the
 * units busy. They start from different values: the compiler would compute equal ones once.
 */
#ifndef QB_LIMITS_FLOAT_H
#define QB_LIMITS_FLOAT_H

#include "dispatch.h"
#include <string.h>

enum { QB_FLOAT_SUMS = 12 };

/* sum = sum / 2 + 1 stays near 2, far from overflow and from denormal numbers, which are slow */
#define QB_FLOAT_LIMIT(NAME, TARGET, VECTOR, FILL, ADD, MULTIPLY_ADD) \
    TARGET static double NAME(int64_t rounds) {                       \
        VECTOR sum[QB_FLOAT_SUMS], half = FILL(0.5f), one = FILL(1.0f); \
        for (int i = 0; i < QB_FLOAT_SUMS; i++)                       \
            sum[i] = FILL((float)i);                                  \
        for (int64_t round = 0; round < rounds; round++)              \
            for (int i = 0; i < QB_FLOAT_SUMS; i++)                   \
                sum[i] = MULTIPLY_ADD(sum[i], half, one);             \
        VECTOR total = sum[0];                                        \
        for (int i = 1; i < QB_FLOAT_SUMS; i++)                       \
            total = ADD(total, sum[i]);                               \
        float lanes[sizeof total / sizeof(float)];                    \
        memcpy(lanes, &total, sizeof total);                          \
        return lanes[0];                                              \
    }

#if defined(QB_BUILD_AVX512)
#include <immintrin.h>
QB_FLOAT_LIMIT(qb_float_avx512, QB_TARGET_AVX512, __m512, _mm512_set1_ps, _mm512_add_ps, _mm512_fmadd_ps)
#endif

/* FMA is an instruction set beside AVX2, which no processor of note has without it */
#if defined(QB_BUILD_AVX2)
#include <immintrin.h>
QB_FLOAT_LIMIT(qb_float_avx2, QB_TARGET("avx2,fma"), __m256, _mm256_set1_ps, _mm256_add_ps, _mm256_fmadd_ps)
#if defined(__GNUC__)
static int qb_has_fma(void) { return __builtin_cpu_supports("fma") != 0; }
#else
static int qb_has_fma(void) { return 1; }
#endif
#endif

/* what every processor of the kind has: fused on ARM64, two instructions on x86-64 */
#if defined(__aarch64__)
#include <arm_neon.h>
#define QB_FUSED(sum, a, b) vfmaq_f32(b, sum, a)
typedef float32x4_t qb_float_lanes;
QB_FLOAT_LIMIT(qb_float_generic, , qb_float_lanes, vdupq_n_f32, vaddq_f32, QB_FUSED)
#undef QB_FUSED
#else
#if defined(__GNUC__)
typedef float qb_float_lanes __attribute__((vector_size(16)));
#define QB_FILL(x) ((qb_float_lanes){x, x, x, x})
#else
typedef float qb_float_lanes;
#define QB_FILL(x) (x)
#endif
#define QB_ADD(a, b) ((a) + (b))
#define QB_MULTIPLY_THEN_ADD(sum, a, b) ((sum) * (a) + (b))
QB_FLOAT_LIMIT(qb_float_generic, , qb_float_lanes, QB_FILL, QB_ADD, QB_MULTIPLY_THEN_ADD)
#undef QB_FILL
#undef QB_ADD
#undef QB_MULTIPLY_THEN_ADD
#endif

#endif
