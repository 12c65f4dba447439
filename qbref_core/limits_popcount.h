/* Products of signs with all operands in registers: sum += popcount(a xor b), 64 products a word.
 *
 * popcnt counts one word, vpopcntq eight. AVX2 has no count, but vpshufb looks up 32 bytes in a table of 16: how
 * many of four bits differ from four others, for 32 pairs at once; an addition of bytes makes the sum. (W. Mula,
 * N. Kurz, D. Lemire, "Faster Population Counts Using AVX2 Instructions", 2018, take two look-ups, two masks, a
 * shift and an exclusive or for twice the bits. Adding the bytes up to words, now and then, is left out here.)
 *
 * Each word has its own a, which turns into a xor b and back: no copies, and QB_OPAQUE (limits_int8.h) hides
 * from the compiler that it does.
 */
#ifndef QB_LIMITS_POPCOUNT_H
#define QB_LIMITS_POPCOUNT_H

#include "dispatch.h"
#include "limits_int8.h"

#if defined(QB_BUILD_POPCNT)
#include <nmmintrin.h>
enum { QB_POPCNT_SUMS = 6 };

#if defined(__GNUC__)
#define QB_OPAQUE_WORDS(x, y) __asm__ volatile("" : "+r"(x), "+r"(y))
#else
#define QB_OPAQUE_WORDS(x, y) ((void)0)
#endif

QB_TARGET_POPCNT static double qb_xnor_popcnt(int64_t rounds) {
    uint64_t sum[QB_POPCNT_SUMS], a[QB_POPCNT_SUMS], b = 0x5555555555555555u;
    for (int i = 0; i < QB_POPCNT_SUMS; i++)
        sum[i] = a[i] = (uint64_t)i;
    for (int64_t round = 0; round < rounds; round++)
        for (int i = 0; i < QB_POPCNT_SUMS; i++) {
            uint64_t x = a[i] ^ b, next = sum[i] + (uint64_t)_mm_popcnt_u64(x);
            QB_OPAQUE_WORDS(x, next);
            a[i] = x;
            sum[i] = next;
        }
    for (int i = 1; i < QB_POPCNT_SUMS; i++)
        sum[0] += sum[i];
    return (double)sum[0];
}
#endif

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>
enum { QB_LOOKUP_SUMS = 12 };

QB_TARGET_AVX2 static double qb_xnor_avx2(int64_t rounds) {
    __m256i sum[QB_LOOKUP_SUMS], mismatches = _mm256_set1_epi32(0x02010100), b = _mm256_set1_epi8(7);
    for (int i = 0; i < QB_LOOKUP_SUMS; i++)
        sum[i] = _mm256_set1_epi8((char)i);
    for (int64_t round = 0; round < rounds; round++)
        for (int i = 0; i < QB_LOOKUP_SUMS; i++) {
            __m256i next = _mm256_add_epi8(sum[i], _mm256_shuffle_epi8(mismatches, b));
            QB_OPAQUE(b, next);
            sum[i] = next;
        }
    for (int i = 1; i < QB_LOOKUP_SUMS; i++)
        sum[0] = _mm256_add_epi8(sum[0], sum[i]);
    return (double)_mm_cvtsi128_si32(_mm256_castsi256_si128(sum[0]));
}
#endif

#if defined(QB_BUILD_AVX512VPOPCNTDQ)
enum { QB_VPOPCNT_SUMS = 12 };

QB_TARGET_AVX512VPOPCNTDQ static double qb_xnor_avx512vpopcntdq(int64_t rounds) {
    __m512i sum[QB_VPOPCNT_SUMS], a[QB_VPOPCNT_SUMS], b = _mm512_set1_epi8(0x55);
    for (int i = 0; i < QB_VPOPCNT_SUMS; i++)
        sum[i] = a[i] = _mm512_set1_epi64(i);
    for (int64_t round = 0; round < rounds; round++)
        for (int i = 0; i < QB_VPOPCNT_SUMS; i++) {
            __m512i x = _mm512_xor_si512(a[i], b), next = _mm512_add_epi64(sum[i], _mm512_popcnt_epi64(x));
            QB_OPAQUE(x, next);
            a[i] = x;
            sum[i] = next;
        }
    for (int i = 1; i < QB_VPOPCNT_SUMS; i++)
        sum[0] = _mm512_add_epi64(sum[0], sum[i]);
    return (double)_mm_cvtsi128_si32(_mm512_castsi512_si128(sum[0]));
}
#endif

#endif
