/* What the XNOR product asks of a variant, and the packing that most variants share.
 *
 * The result is made in blocks of at most 64 rows of a by 64 rows of b: 64 columns of the result, or one word
 * of thresholded bits. The block's rows of a are packed into tiles of four, its rows of b into a panel of 64;
 * what a packed word looks like is the variant's choice. Along k, a panel is cut into sections of 1024 bits:
 * 8 or 16 KiB, which stay in the first-level cache while all tiles of the block meet them.
 */
#ifndef QB_XNOR_VARIANT_H
#define QB_XNOR_VARIANT_H

#include "dispatch.h"

enum {
    QB_XNOR_TILE = 4,     /* rows */
    QB_XNOR_COLUMNS = 64, /* of a panel */
    QB_XNOR_SECTION = 16  /* words */
};

typedef int32_t qb_xnor_sums[QB_XNOR_COLUMNS];

typedef struct {
    ptrdiff_t word_bytes; /* a word of a tile takes 4 times as much, one of a panel 64 times */
    double gops;          /* roughly, to guess how long a call will take */

    void (*pack_tile)(const uint64_t *const rows[QB_XNOR_TILE], ptrdiff_t words, uint8_t *tile);

    void (*pack_section)(const uint64_t *const columns[QB_XNOR_COLUMNS], ptrdiff_t words, uint8_t *section);

    /* sums[i][j] -= 2 * popcount(row i xor column j), over the first `bits` of a section; the same section of
       the next tile is tile_stride bytes further */
    void (*multiply)(const uint8_t *tile, ptrdiff_t tile_stride, ptrdiff_t tiles, const uint8_t *section,
                     ptrdiff_t bits, qb_xnor_sums *sums);

    /* sums[j] -= 2 * popcount(a xor row j of b), nothing being packed: for a product of few rows */
    void (*multiply_row)(const uint64_t *a, const uint64_t *b, ptrdiff_t words, ptrdiff_t columns,
                         int32_t *sums);
} qb_xnor_variant;

/* Rows as [count / group][words][group]: the words of `group` rows side by side. */
QB_INLINE void qb_xnor_interleave(const uint64_t *const *rows, ptrdiff_t count, ptrdiff_t group,
                                  ptrdiff_t words, void *packed) {
    uint64_t *out = (uint64_t *)packed;
    for (ptrdiff_t first = 0; first < count; first += group)
        for (ptrdiff_t w = 0; w < words; w++)
            for (ptrdiff_t j = 0; j < group; j++)
                *out++ = rows[first + j][w];
}

static void qb_xnor_interleave_tile(const uint64_t *const rows[QB_XNOR_TILE], ptrdiff_t words,
                                    uint8_t *tile) {
    qb_xnor_interleave(rows, QB_XNOR_TILE, QB_XNOR_TILE, words, tile);
}

#endif
