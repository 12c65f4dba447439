/* The XNOR product in AVX2: four bits of k and 32 columns at a time, by table look-up.
 *
 * vpshufb looks up 32 bytes in a table of 16. Here a table belongs to four bits of a row of a, and says for
 * any four bits how many of them differ; the places are four bits each of 32 rows of b. One look-up and one
 * addition then do what takes xor, masks, a shift, two look-ups and two additions where bits are counted as
 * such, and no sum across a register is left for the end. Product-quantization search knows this as "fast
 * scan" (Andre, Kermarrec and Le Scouarnec, VLDB 2015); T-MAC (Wei et al., EuroSys 2025) multiplies low-bit
 * weights this way.
 *
 *     tile       [16 * words][4 rows] bytes: 16 times four bits, which is where their table begins
 *     section    [16 * words][64 columns] bytes of four bits
 *
 * The sums of a tile are bytes in 8 registers. Before they could pass 255, they are added to 16-bit sums,
 * which hold a section.
 */
#ifndef QB_XNOR_AVX2_H
#define QB_XNOR_AVX2_H

#include "xnor_variant.h"

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>

#include "xnor_avx2_pack.h"
#include "xnor_avx2_row.h"

enum { QB_BYTE_LOOKUPS = 60 }; /* each adds up to 4 to a byte */

/* What keeps gcc from moving sums between registers (not unrolled), adding in pairs that do not fit in them
   (unrolled by hand), or storing one on the stack (inlined). */
#if defined(__GNUC__) && !defined(__clang__)
#define QB_UNROLL_BY_4 _Pragma("GCC unroll 4")
#define QB_NOT_INLINED __attribute__((noinline))
#else
#define QB_UNROLL_BY_4
#define QB_NOT_INLINED
#endif

/* [x][y]: how many of the four bits of x and y differ */
static const uint8_t qb_mismatches[16][16] = {
    {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4}, {1, 0, 2, 1, 2, 1, 3, 2, 2, 1, 3, 2, 3, 2, 4, 3},
    {1, 2, 0, 1, 2, 3, 1, 2, 2, 3, 1, 2, 3, 4, 2, 3}, {2, 1, 1, 0, 3, 2, 2, 1, 3, 2, 2, 1, 4, 3, 3, 2},
    {1, 2, 2, 3, 0, 1, 1, 2, 2, 3, 3, 4, 1, 2, 2, 3}, {2, 1, 3, 2, 1, 0, 2, 1, 3, 2, 4, 3, 2, 1, 3, 2},
    {2, 3, 1, 2, 1, 2, 0, 1, 3, 4, 2, 3, 2, 3, 1, 2}, {3, 2, 2, 1, 2, 1, 1, 0, 4, 3, 3, 2, 3, 2, 2, 1},
    {1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3}, {2, 1, 3, 2, 3, 2, 4, 3, 1, 0, 2, 1, 2, 1, 3, 2},
    {2, 3, 1, 2, 3, 4, 2, 3, 1, 2, 0, 1, 2, 3, 1, 2}, {3, 2, 2, 1, 4, 3, 3, 2, 2, 1, 1, 0, 3, 2, 2, 1},
    {2, 3, 3, 4, 1, 2, 2, 3, 1, 2, 2, 3, 0, 1, 1, 2}, {3, 2, 4, 3, 2, 1, 3, 2, 2, 1, 3, 2, 1, 0, 2, 1},
    {3, 4, 2, 3, 2, 3, 1, 2, 2, 3, 1, 2, 1, 2, 0, 1}, {4, 3, 3, 2, 3, 2, 2, 1, 3, 2, 2, 1, 2, 1, 1, 0}};

QB_TARGET_AVX2 QB_INLINE __m256i qb_mismatch_table(uint8_t start) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(qb_mismatches[0] + start)));
}

/* wide[0..3] += the bytes of left and right */
QB_TARGET_AVX2 QB_INLINE void qb_add_bytes(__m256i left, __m256i right, __m256i wide[4]) {
    wide[0] = _mm256_add_epi16(wide[0], _mm256_cvtepu8_epi16(_mm256_castsi256_si128(left)));
    wide[1] = _mm256_add_epi16(wide[1], _mm256_cvtepu8_epi16(_mm256_extracti128_si256(left, 1)));
    wide[2] = _mm256_add_epi16(wide[2], _mm256_cvtepu8_epi16(_mm256_castsi256_si128(right)));
    wide[3] = _mm256_add_epi16(wide[3], _mm256_cvtepu8_epi16(_mm256_extracti128_si256(right, 1)));
}

QB_TARGET_AVX2 QB_INLINE void qb_subtract_twice(const __m256i wide[4], int32_t *sums) {
    for (int j = 0; j < 4; j++) {
        __m256i *to = (__m256i *)sums + 2 * j;
        __m256i twice = _mm256_add_epi16(wide[j], wide[j]);
        __m256i low = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(twice));
        __m256i high = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(twice, 1));
        _mm256_storeu_si256(to, _mm256_sub_epi32(_mm256_loadu_si256(to), low));
        _mm256_storeu_si256(to + 1, _mm256_sub_epi32(_mm256_loadu_si256(to + 1), high));
    }
}

/* wide[r] += mismatches of row r over count <= QB_BYTE_LOOKUPS look-ups */
QB_TARGET_AVX2 QB_NOT_INLINED static void qb_look_up(const uint8_t *tile, const uint8_t *section,
                                                     ptrdiff_t count, __m256i wide[QB_XNOR_TILE][4]) {
    __m256i left[QB_XNOR_TILE], right[QB_XNOR_TILE];
    for (int r = 0; r < QB_XNOR_TILE; r++)
        left[r] = right[r] = _mm256_setzero_si256();
    QB_UNROLL_BY_4
    for (ptrdiff_t n = 0; n < count; n++) {
        const __m256i *b = (const __m256i *)(section + n * QB_XNOR_COLUMNS);
        __m256i b0 = _mm256_loadu_si256(b), b1 = _mm256_loadu_si256(b + 1);
        for (int r = 0; r < QB_XNOR_TILE; r++) {
            __m256i table = qb_mismatch_table(tile[n * QB_XNOR_TILE + r]);
            left[r] = _mm256_add_epi8(left[r], _mm256_shuffle_epi8(table, b0));
            right[r] = _mm256_add_epi8(right[r], _mm256_shuffle_epi8(table, b1));
        }
    }
    for (int r = 0; r < QB_XNOR_TILE; r++)
        qb_add_bytes(left[r], right[r], wide[r]);
}

QB_TARGET_AVX2 static void qb_xnor_multiply_avx2(const uint8_t *tile, ptrdiff_t tile_stride, ptrdiff_t tiles,
                                                 const uint8_t *section, ptrdiff_t bits, qb_xnor_sums *sums) {
    ptrdiff_t lookups = (bits + 3) / 4;
    for (ptrdiff_t t = 0; t < tiles; t++, tile += tile_stride, sums += QB_XNOR_TILE) {
        __m256i wide[QB_XNOR_TILE][4];
        for (int r = 0; r < QB_XNOR_TILE; r++)
            for (int j = 0; j < 4; j++)
                wide[r][j] = _mm256_setzero_si256();
        for (ptrdiff_t n = 0; n < lookups; n += QB_BYTE_LOOKUPS) {
            ptrdiff_t count = lookups - n < QB_BYTE_LOOKUPS ? lookups - n : QB_BYTE_LOOKUPS;
            qb_look_up(tile + n * QB_XNOR_TILE, section + n * QB_XNOR_COLUMNS, count, wide);
        }
        for (int r = 0; r < QB_XNOR_TILE; r++)
            qb_subtract_twice(wide[r], sums[r]);
    }
}

static const qb_xnor_variant qb_xnor_avx2 = {16,
                                             900,
                                             qb_xnor_pack_tile_avx2,
                                             qb_xnor_pack_section_avx2,
                                             qb_xnor_multiply_avx2,
                                             qb_xnor_multiply_row_avx2};
#endif

#endif
