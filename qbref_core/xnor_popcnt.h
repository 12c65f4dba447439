/* The XNOR product by the scalar instruction popcnt (x86-64-v2).
 *
 * Two rows and four columns have their counts in eight general registers: xor, popcnt, add for each word.
 */
#ifndef QB_XNOR_POPCNT_H
#define QB_XNOR_POPCNT_H

#include "xnor_variant.h"

#if defined(QB_BUILD_POPCNT)
#include <immintrin.h>

enum { QB_POPCNT_GROUP = 4 };

static void qb_xnor_pack_section_popcnt(const uint64_t *const columns[QB_XNOR_COLUMNS], ptrdiff_t words,
                                        uint8_t *section) {
    qb_xnor_interleave(columns, QB_XNOR_COLUMNS, QB_POPCNT_GROUP, words, section);
}

QB_TARGET_POPCNT QB_INLINE void qb_two_rows_popcnt(const uint64_t *a, const uint64_t *b, ptrdiff_t words,
                                                   int32_t *sums0, int32_t *sums1) {
    long long c00 = 0, c01 = 0, c02 = 0, c03 = 0, c10 = 0, c11 = 0, c12 = 0, c13 = 0;
    for (ptrdiff_t w = 0; w < words; w++, a += QB_XNOR_TILE, b += QB_POPCNT_GROUP) {
        c00 += _mm_popcnt_u64(a[0] ^ b[0]);
        c01 += _mm_popcnt_u64(a[0] ^ b[1]);
        c02 += _mm_popcnt_u64(a[0] ^ b[2]);
        c03 += _mm_popcnt_u64(a[0] ^ b[3]);
        c10 += _mm_popcnt_u64(a[1] ^ b[0]);
        c11 += _mm_popcnt_u64(a[1] ^ b[1]);
        c12 += _mm_popcnt_u64(a[1] ^ b[2]);
        c13 += _mm_popcnt_u64(a[1] ^ b[3]);
    }
    sums0[0] -= 2 * (int32_t)c00;
    sums0[1] -= 2 * (int32_t)c01;
    sums0[2] -= 2 * (int32_t)c02;
    sums0[3] -= 2 * (int32_t)c03;
    sums1[0] -= 2 * (int32_t)c10;
    sums1[1] -= 2 * (int32_t)c11;
    sums1[2] -= 2 * (int32_t)c12;
    sums1[3] -= 2 * (int32_t)c13;
}

QB_TARGET_POPCNT static void qb_xnor_multiply_popcnt(const uint8_t *tile, ptrdiff_t tile_stride,
                                                     ptrdiff_t tiles, const uint8_t *section, ptrdiff_t bits,
                                                     qb_xnor_sums *sums) {
    ptrdiff_t words = (bits + 63) / 64;
    for (ptrdiff_t j = 0; j < QB_XNOR_COLUMNS; j += QB_POPCNT_GROUP) {
        const uint64_t *b = (const uint64_t *)(const void *)section + j * words;
        for (ptrdiff_t i = 0; i < tiles * QB_XNOR_TILE; i += 2) {
            const void *rows = tile + i / QB_XNOR_TILE * tile_stride;
            const uint64_t *a = (const uint64_t *)rows + i % QB_XNOR_TILE;
            qb_two_rows_popcnt(a, b, words, sums[i] + j, sums[i + 1] + j);
        }
    }
}

QB_TARGET_POPCNT static void qb_xnor_multiply_row_popcnt(const uint64_t *a, const uint64_t *b,
                                                         ptrdiff_t words, ptrdiff_t columns, int32_t *sums) {
    for (ptrdiff_t j = 0; j < columns; j++, b += words) {
        long long even = 0, odd = 0;
        ptrdiff_t w = 0;
        for (; w + 2 <= words; w += 2) {
            even += _mm_popcnt_u64(a[w] ^ b[w]);
            odd += _mm_popcnt_u64(a[w + 1] ^ b[w + 1]);
        }
        if (w < words)
            even += _mm_popcnt_u64(a[w] ^ b[w]);
        sums[j] -= 2 * (int32_t)(even + odd);
    }
}

static const qb_xnor_variant qb_xnor_popcnt = {8,
                                               350,
                                               qb_xnor_interleave_tile,
                                               qb_xnor_pack_section_popcnt,
                                               qb_xnor_multiply_popcnt,
                                               qb_xnor_multiply_row_popcnt};
#endif

#endif
