/* The XNOR product in plain C, for any processor.
 *
 * The words of eight columns stand side by side, so that a compiler can count their bits in vectors.
 */
#ifndef QB_XNOR_GENERIC_H
#define QB_XNOR_GENERIC_H

#include "popcount.h"
#include "xnor_variant.h"

enum { QB_GENERIC_GROUP = 8 };

static void qb_xnor_pack_section_generic(const uint64_t *const columns[QB_XNOR_COLUMNS], ptrdiff_t words,
                                         uint8_t *section) {
    qb_xnor_interleave(columns, QB_XNOR_COLUMNS, QB_GENERIC_GROUP, words, section);
}

static void qb_xnor_multiply_generic(const uint8_t *tile, ptrdiff_t tile_stride, ptrdiff_t tiles,
                                     const uint8_t *section, ptrdiff_t bits, qb_xnor_sums *sums) {
    ptrdiff_t words = (bits + 63) / 64;
    for (ptrdiff_t j = 0; j < QB_XNOR_COLUMNS; j += QB_GENERIC_GROUP) {
        const uint64_t *b = (const uint64_t *)(const void *)section + j * words;
        for (ptrdiff_t i = 0; i < tiles * QB_XNOR_TILE; i++) {
            const void *rows = tile + i / QB_XNOR_TILE * tile_stride;
            const uint64_t *a = (const uint64_t *)rows + i % QB_XNOR_TILE;
            uint64_t mismatches[QB_GENERIC_GROUP] = {0};
            for (ptrdiff_t w = 0; w < words; w++)
                for (int c = 0; c < QB_GENERIC_GROUP; c++)
                    mismatches[c] += qb_popcount(a[w * QB_XNOR_TILE] ^ b[w * QB_GENERIC_GROUP + c]);
            for (int c = 0; c < QB_GENERIC_GROUP; c++)
                sums[i][j + c] -= 2 * (int32_t)mismatches[c];
        }
    }
}

static void qb_xnor_multiply_row_generic(const uint64_t *a, const uint64_t *b, ptrdiff_t words,
                                         ptrdiff_t columns, int32_t *sums) {
    for (ptrdiff_t j = 0; j < columns; j++, b += words) {
        uint64_t mismatches = 0;
        for (ptrdiff_t w = 0; w < words; w++)
            mismatches += qb_popcount(a[w] ^ b[w]);
        sums[j] -= 2 * (int32_t)mismatches;
    }
}

static const qb_xnor_variant qb_xnor_generic = {8,
                                                100,
                                                qb_xnor_interleave_tile,
                                                qb_xnor_pack_section_generic,
                                                qb_xnor_multiply_generic,
                                                qb_xnor_multiply_row_generic};

#endif
