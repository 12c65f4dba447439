/* The XNOR product by vpopcntq, which counts the bits of eight words at once.
 *
 * A section is [2][words][32 columns]. Four rows and 32 columns have their sums in 16 registers of eight
 * words; four registers of b are loaded once for all rows, and a word of a is broadcast as it is read.
 */
#ifndef QB_XNOR_AVX512VPOPCNTDQ_H
#define QB_XNOR_AVX512VPOPCNTDQ_H

#include "xnor_variant.h"

#if defined(QB_BUILD_AVX512VPOPCNTDQ)
#include <immintrin.h>

enum { QB_VPOPCNT_GROUP = 32, QB_VPOPCNT_WIDTH = QB_VPOPCNT_GROUP / 8 };

static void qb_xnor_pack_section_vpopcnt(const uint64_t *const columns[QB_XNOR_COLUMNS], ptrdiff_t words,
                                         uint8_t *section) {
    qb_xnor_interleave(columns, QB_XNOR_COLUMNS, QB_VPOPCNT_GROUP, words, section);
}

QB_TARGET_AVX512VPOPCNTDQ QB_INLINE __m512i qb_add_mismatches(__m512i sum, __m512i a, __m512i b) {
    return _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(a, b)));
}

QB_TARGET_AVX512VPOPCNTDQ QB_INLINE void qb_subtract_twice_vpopcnt(__m512i mismatches, int32_t *sums) {
    __m256i *to = (__m256i *)sums;
    __m256i twice = _mm256_slli_epi32(_mm512_cvtepi64_epi32(mismatches), 1);
    _mm256_storeu_si256(to, _mm256_sub_epi32(_mm256_loadu_si256(to), twice));
}

/* the sums of a tile for 32 columns, from sums[0] on */
QB_TARGET_AVX512VPOPCNTDQ QB_INLINE void qb_tile_vpopcnt(const uint64_t *a, const uint64_t *b,
                                                         ptrdiff_t words, int32_t *sums) {
    __m512i sum[QB_XNOR_TILE][QB_VPOPCNT_WIDTH], columns[QB_VPOPCNT_WIDTH];
    for (int r = 0; r < QB_XNOR_TILE; r++)
        for (int c = 0; c < QB_VPOPCNT_WIDTH; c++)
            sum[r][c] = _mm512_setzero_si512();
    for (ptrdiff_t w = 0; w < words; w++, a += QB_XNOR_TILE, b += QB_VPOPCNT_GROUP) {
        for (int c = 0; c < QB_VPOPCNT_WIDTH; c++)
            columns[c] = _mm512_loadu_si512(b + 8 * c);
        for (int r = 0; r < QB_XNOR_TILE; r++) {
            __m512i row = _mm512_set1_epi64((long long)a[r]);
            for (int c = 0; c < QB_VPOPCNT_WIDTH; c++)
                sum[r][c] = qb_add_mismatches(sum[r][c], row, columns[c]);
        }
    }
    for (int r = 0; r < QB_XNOR_TILE; r++)
        for (int c = 0; c < QB_VPOPCNT_WIDTH; c++)
            qb_subtract_twice_vpopcnt(sum[r][c], sums + r * QB_XNOR_COLUMNS + 8 * c);
}

QB_TARGET_AVX512VPOPCNTDQ static void qb_xnor_multiply_vpopcnt(const uint8_t *tile, ptrdiff_t tile_stride,
                                                               ptrdiff_t tiles, const uint8_t *section,
                                                               ptrdiff_t bits, qb_xnor_sums *sums) {
    ptrdiff_t words = (bits + 63) / 64;
    for (ptrdiff_t j = 0; j < QB_XNOR_COLUMNS; j += QB_VPOPCNT_GROUP) {
        const uint64_t *b = (const uint64_t *)(const void *)section + j * words;
        for (ptrdiff_t t = 0; t < tiles; t++) {
            const void *rows = tile + t * tile_stride;
            qb_tile_vpopcnt((const uint64_t *)rows, b, words, sums[t * QB_XNOR_TILE] + j);
        }
    }
}

QB_TARGET_AVX512VPOPCNTDQ static void qb_xnor_multiply_row_vpopcnt(const uint64_t *a, const uint64_t *b,
                                                                   ptrdiff_t words, ptrdiff_t columns,
                                                                   int32_t *sums) {
    ptrdiff_t whole = words / 8 * 8;
    __mmask8 rest = (__mmask8)((1u << (words - whole)) - 1);
    for (ptrdiff_t j = 0; j < columns; j++, b += words) {
        __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
        ptrdiff_t w = 0;
        for (; w + 16 <= whole; w += 16) {
            even = qb_add_mismatches(even, _mm512_loadu_si512(a + w), _mm512_loadu_si512(b + w));
            odd = qb_add_mismatches(odd, _mm512_loadu_si512(a + w + 8), _mm512_loadu_si512(b + w + 8));
        }
        if (w < whole)
            even = qb_add_mismatches(even, _mm512_loadu_si512(a + w), _mm512_loadu_si512(b + w));
        odd = qb_add_mismatches(odd, _mm512_maskz_loadu_epi64(rest, a + whole),
                                _mm512_maskz_loadu_epi64(rest, b + whole));
        sums[j] -= 2 * (int32_t)_mm512_reduce_add_epi64(_mm512_add_epi64(even, odd));
    }
}

static const qb_xnor_variant qb_xnor_avx512vpopcntdq = {8,
                                                        2000,
                                                        qb_xnor_interleave_tile,
                                                        qb_xnor_pack_section_vpopcnt,
                                                        qb_xnor_multiply_vpopcnt,
                                                        qb_xnor_multiply_row_vpopcnt};
#endif

#endif
