/* Words cut into four-bit pieces for xnor_avx2.h, with the same piece of neighbouring rows side by side. */
#ifndef QB_XNOR_AVX2_PACK_H
#define QB_XNOR_AVX2_PACK_H

#include <immintrin.h>

#include "xnor_variant.h"

/* the 16 pieces of a word, lowest first, each in the upper half of its byte */
QB_TARGET_AVX2 QB_INLINE __m128i qb_pieces(const uint64_t *word) {
    const __m128i upper = _mm_set1_epi8((char)0xf0);
    __m128i x = _mm_loadl_epi64((const __m128i *)word);
    return _mm_unpacklo_epi8(_mm_and_si128(_mm_slli_epi16(x, 4), upper), _mm_and_si128(x, upper));
}

QB_TARGET_AVX2 static void qb_xnor_pack_tile_avx2(const uint64_t *const rows[QB_XNOR_TILE], ptrdiff_t words,
                                                  uint8_t *tile) {
    __m128i *out = (__m128i *)tile;
    for (ptrdiff_t w = 0; w < words; w++, out += 4) {
        __m128i a = qb_pieces(rows[0] + w), b = qb_pieces(rows[1] + w);
        __m128i c = qb_pieces(rows[2] + w), d = qb_pieces(rows[3] + w);
        __m128i low_ab = _mm_unpacklo_epi8(a, b), high_ab = _mm_unpackhi_epi8(a, b);
        __m128i low_cd = _mm_unpacklo_epi8(c, d), high_cd = _mm_unpackhi_epi8(c, d);
        _mm_storeu_si128(out, _mm_unpacklo_epi16(low_ab, low_cd));
        _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(low_ab, low_cd));
        _mm_storeu_si128(out + 2, _mm_unpacklo_epi16(high_ab, high_cd));
        _mm_storeu_si128(out + 3, _mm_unpackhi_epi16(high_ab, high_cd));
    }
}

/* bytes[p] = byte p of a word of each of 16 columns; the rounds interleave columns 8, 4, 2 and 1 apart */
QB_TARGET_AVX2 QB_INLINE void qb_transpose_bytes(const uint64_t *const columns[16], ptrdiff_t w,
                                                 __m128i bytes[8]) {
    __m128i x[8], y[8];
    for (int j = 0; j < 8; j++)
        x[j] = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)(columns[j] + w)),
                                 _mm_loadl_epi64((const __m128i *)(columns[j + 8] + w)));
    for (int j = 0; j < 4; j++) {
        y[j] = _mm_unpacklo_epi8(x[j], x[j + 4]); /* bytes 0 to 3 */
        y[j + 4] = _mm_unpackhi_epi8(x[j], x[j + 4]);
    }
    for (int half = 0; half < 8; half += 4)
        for (int j = 0; j < 2; j++) {
            x[half + j] = _mm_unpacklo_epi8(y[half + j], y[half + j + 2]); /* bytes 0, 1 of the half */
            x[half + j + 2] = _mm_unpackhi_epi8(y[half + j], y[half + j + 2]);
        }
    for (int p = 0; p < 8; p += 2) {
        bytes[p] = _mm_unpacklo_epi8(x[p], x[p + 1]);
        bytes[p + 1] = _mm_unpackhi_epi8(x[p], x[p + 1]);
    }
}

QB_TARGET_AVX2 static void qb_xnor_pack_section_avx2(const uint64_t *const columns[QB_XNOR_COLUMNS],
                                                     ptrdiff_t words, uint8_t *section) {
    const __m128i lower = _mm_set1_epi8(15);
    for (ptrdiff_t w = 0; w < words; w++)
        for (ptrdiff_t j = 0; j < QB_XNOR_COLUMNS; j += 16) {
            __m128i bytes[8];
            qb_transpose_bytes(columns + j, w, bytes);
            uint8_t *out = section + 16 * w * QB_XNOR_COLUMNS + j;
            for (int p = 0; p < 8; p++, out += 2 * QB_XNOR_COLUMNS) {
                __m128i odd = _mm_and_si128(_mm_srli_epi16(bytes[p], 4), lower);
                _mm_storeu_si128((__m128i *)out, _mm_and_si128(bytes[p], lower));
                _mm_storeu_si128((__m128i *)(out + QB_XNOR_COLUMNS), odd);
            }
        }
}

#endif
