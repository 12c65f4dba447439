/* The XNOR product block by block, on whichever variant is in use; xnor_variant.h says what a block is. */
#ifndef QB_XNOR_BLOCK_H
#define QB_XNOR_BLOCK_H

#include <string.h>

#include "xnor_avx2.h"
#include "xnor_avx512vpopcntdq.h"
#include "xnor_generic.h"
#include "xnor_popcnt.h"

static inline const qb_xnor_variant *qb_xnor_choose(void) {
#if defined(QB_BUILD_AVX512VPOPCNTDQ)
    if (qb_in_use(QB_AVX512VPOPCNTDQ))
        return &qb_xnor_avx512vpopcntdq;
#endif
#if defined(QB_BUILD_AVX2)
    if (qb_in_use(QB_AVX2))
        return &qb_xnor_avx2;
#endif
#if defined(QB_BUILD_POPCNT)
    if (qb_in_use(QB_POPCNT))
        return &qb_xnor_popcnt;
#endif
    return &qb_xnor_generic;
}

/* pointers to `count` rows; those that do not exist repeat the last one, and nobody reads their sums */
QB_INLINE void qb_xnor_rows(const uint64_t *rows, ptrdiff_t words, ptrdiff_t existing, ptrdiff_t count,
                            const uint64_t **pointers) {
    for (ptrdiff_t i = 0; i < count; i++)
        pointers[i] = rows + (i < existing ? i : existing - 1) * words;
}

static inline void qb_xnor_pack_tiles(const qb_xnor_variant *variant, const uint64_t *a, ptrdiff_t words,
                                      ptrdiff_t rows, uint8_t *tiles) {
    const uint64_t *pointers[QB_XNOR_TILE];
    for (ptrdiff_t i = 0; i < rows; i += QB_XNOR_TILE) {
        qb_xnor_rows(a + i * words, words, rows - i, QB_XNOR_TILE, pointers);
        variant->pack_tile(pointers, words, tiles + i * words * variant->word_bytes);
    }
}

/* a panel of up to 64 rows of b, section after section */
static inline void qb_xnor_pack_panel(const qb_xnor_variant *variant, const uint64_t *b, ptrdiff_t words,
                                      ptrdiff_t columns, uint8_t *panel) {
    const uint64_t *pointers[QB_XNOR_COLUMNS];
    for (ptrdiff_t w = 0; w < words; w += QB_XNOR_SECTION) {
        qb_xnor_rows(b + w, words, columns, QB_XNOR_COLUMNS, pointers);
        variant->pack_section(pointers, words - w < QB_XNOR_SECTION ? words - w : QB_XNOR_SECTION,
                              panel + w * QB_XNOR_COLUMNS * variant->word_bytes);
    }
}

static inline void qb_xnor_start(ptrdiff_t rows, int32_t k, qb_xnor_sums *sums) {
    for (ptrdiff_t i = 0; i < rows; i++)
        for (int j = 0; j < QB_XNOR_COLUMNS; j++)
            sums[i][j] = k;
}

/* sums = k - 2 * popcount(a xor b), for rows in tiles and a panel; the last tile is written to its end */
static inline void qb_xnor_multiply(const qb_xnor_variant *variant, const uint8_t *tiles, ptrdiff_t rows,
                                    const uint8_t *panel, ptrdiff_t words, int32_t k, qb_xnor_sums *sums) {
    const ptrdiff_t row_bytes = variant->word_bytes, section_bits = 64 * QB_XNOR_SECTION;
    ptrdiff_t count = (rows + QB_XNOR_TILE - 1) / QB_XNOR_TILE;
    qb_xnor_start(count * QB_XNOR_TILE, k, sums);
    for (ptrdiff_t w = 0; w < words; w += QB_XNOR_SECTION) {
        ptrdiff_t bits = k - 64 * w < section_bits ? k - 64 * w : section_bits;
        variant->multiply(tiles + w * QB_XNOR_TILE * row_bytes, words * QB_XNOR_TILE * row_bytes, count,
                          panel + w * QB_XNOR_COLUMNS * row_bytes, bits, sums);
    }
}

/* the same for rows and columns as they are */
static inline void qb_xnor_multiply_rows(const qb_xnor_variant *variant, const uint64_t *a, ptrdiff_t rows,
                                         const uint64_t *b, ptrdiff_t columns, ptrdiff_t words, int32_t k,
                                         qb_xnor_sums *sums) {
    qb_xnor_start(rows, k, sums);
    for (ptrdiff_t i = 0; i < rows; i++)
        variant->multiply_row(a + i * words, b, words, columns, sums[i]);
}

/* Where sums go: as they are, or as bits, 1 for -1. */
typedef struct {
    ptrdiff_t columns;         /* of the whole result */
    int32_t *sums;             /* (rows, columns), or NULL for */
    uint64_t *words;           /* (rows, panels) */
    const int32_t *thresholds; /* 64 a panel */
    const uint64_t *flips;     /* one word a panel */
} qb_xnor_result;

/* bit j = (sums[j] < thresholds[j]) */
QB_INLINE uint64_t qb_xnor_below_loop(const int32_t *sums, const int32_t *thresholds) {
    uint64_t bits = 0;
    for (int j = 0; j < QB_XNOR_COLUMNS; j++)
        bits |= (uint64_t)(sums[j] < thresholds[j]) << j;
    return bits;
}

#if defined(QB_BUILD_AVX2)
QB_TARGET_AVX2 static uint64_t qb_xnor_below_avx2(const int32_t *sums, const int32_t *thresholds) {
    uint64_t bits = 0;
    for (int j = 0; j < QB_XNOR_COLUMNS; j += 8) {
        __m256i sum = _mm256_loadu_si256((const __m256i *)(sums + j));
        __m256i threshold = _mm256_loadu_si256((const __m256i *)(thresholds + j));
        int below = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(threshold, sum)));
        bits |= (uint64_t)below << j;
    }
    return bits;
}
#else
#define qb_xnor_below_avx2 qb_xnor_below_loop
#endif

static inline void qb_xnor_finish(const qb_xnor_result *result, qb_xnor_sums *sums, ptrdiff_t first_row,
                                  ptrdiff_t rows, ptrdiff_t panel) {
    const ptrdiff_t first = panel * QB_XNOR_COLUMNS, left = result->columns - first;
    const ptrdiff_t columns = left < QB_XNOR_COLUMNS ? left : QB_XNOR_COLUMNS;
    if (result->sums) {
        int32_t *out = result->sums + first_row * result->columns + first;
        for (ptrdiff_t i = 0; i < rows; i++)
            memcpy(out + i * result->columns, sums[i], (size_t)columns * sizeof *out);
        return;
    }
    const ptrdiff_t panels = (result->columns + QB_XNOR_COLUMNS - 1) / QB_XNOR_COLUMNS;
    const uint64_t existing = ~(uint64_t)0 >> (QB_XNOR_COLUMNS - columns);
    for (ptrdiff_t i = 0; i < rows; i++) {
        uint64_t below = qb_in_use(QB_AVX2) ? qb_xnor_below_avx2(sums[i], result->thresholds + first)
                                            : qb_xnor_below_loop(sums[i], result->thresholds + first);
        result->words[(first_row + i) * panels + panel] = (below ^ result->flips[panel]) & existing;
    }
}

#endif
