/* The 8-bit product on AVX512-VNNI: vpdpbusd (see int8_avxvnni.h) on 512 bits.
 *
 * With 32 registers, 6 rows by 64 columns keep 24 of them as sums, 4 for rhs and one for lhs. Each step
 * issues 24 products for 4 loads and 6 broadcasts.
 */
#ifndef QB_INT8_AVX512VNNI_H
#define QB_INT8_AVX512VNNI_H

#include <string.h>

#include "int8_variant.h"

#if defined(QB_BUILD_AVX512VNNI)
#include <immintrin.h>

#define TARGET QB_TARGET_AVX512VNNI
#define TILE qb_int8_tile_avx512vnni
#define MULTIPLY qb_int8_multiply_avx512vnni
#define ROWS 6
#define WIDTH 4
#define VECTOR __m512i
#define LANES 16
#define GROUP 4
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, v)
#define LOAD_RHS LOAD
#define FILL _mm512_set1_epi32
#define DOT _mm512_dpbusd_epi32
#include "int8_tile.h"

static const qb_int8_variant qb_int8_avx512vnni = {
    "avx512vnni", QB_UNSIGNED, 6, 64, 4, 4, 600, qb_int8_multiply_avx512vnni, qb_int8_multiply_avx512vnni,
};
#endif

#endif
