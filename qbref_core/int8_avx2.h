/* The 8-bit product on AVX2: exact, by way of int16.
 *
 * The instruction for bytes, vpmaddubsw, saturates its int16 sums: 255 * 127 + 255 * 127 is more than 32767.
 * vpmaddwd does not: it multiplies sixteen int16 pairwise and adds neighbours to eight int32. So lhs is
 * arranged as int16, and rhs, stored in bytes, is widened as it is loaded: two of 26 vector instructions in
 * a step of 6 rows by 16 columns, which the multiplications hide. Its sums take 12 of the 16 registers, rhs
 * two, lhs one.
 */
#ifndef QB_INT8_AVX2_H
#define QB_INT8_AVX2_H

#include <string.h>

#include "int8_variant.h"

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>

#define TARGET QB_TARGET_AVX2
#define TILE qb_int8_tile_avx2
#define MULTIPLY qb_int8_multiply_avx2
#define ROWS 6
#define WIDTH 2
#define VECTOR __m256i
#define LANES 8
#define GROUP 2
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define LOAD_RHS(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(p)))
#define FILL _mm256_set1_epi32
#define DOT(sum, a, b) _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
#include "int8_tile.h"

static const qb_int8_variant qb_int8_avx2 = {
    "avx2", QB_INT16, 6, 16, 2, 2, 130, qb_int8_multiply_avx2, qb_int8_multiply_avx2,
};
#endif

#endif
