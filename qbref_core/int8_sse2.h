/* The 8-bit product on SSE2, which every x86-64 processor has.
 *
 * pmaddwd multiplies eight int16 pairwise and adds neighbours to four int32, exactly. SSE2 cannot load bytes
 * as int16, so eight bytes of rhs are doubled, and an arithmetic shift of each int16 by 8 leaves its upper
 * byte, with its sign. Four rows by eight columns take 8 of the 16 registers.
 */
#ifndef QB_INT8_SSE2_H
#define QB_INT8_SSE2_H

#include <string.h>

#include "int8_variant.h"

#if defined(QB_BUILD_SSE2)
#include <emmintrin.h>

static inline __m128i qb_widen_sse2(const int8_t *p) {
    __m128i bytes = _mm_loadl_epi64((const __m128i *)p);
    return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}

#define TARGET QB_TARGET_SSE2
#define TILE qb_int8_tile_sse2
#define MULTIPLY qb_int8_multiply_sse2
#define ROWS 4
#define WIDTH 2
#define VECTOR __m128i
#define LANES 4
#define GROUP 2
#define LOAD(p) _mm_loadu_si128((const __m128i *)(p))
#define STORE(p, v) _mm_storeu_si128((__m128i *)(p), v)
#define LOAD_RHS qb_widen_sse2
#define FILL _mm_set1_epi32
#define DOT(sum, a, b) _mm_add_epi32(sum, _mm_madd_epi16(a, b))
#include "int8_tile.h"

static const qb_int8_variant qb_int8_sse2 = {
    "sse2", QB_INT16, 4, 8, 2, 2, 50, qb_int8_multiply_sse2, qb_int8_multiply_sse2,
};
#endif

#endif
