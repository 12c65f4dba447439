/* The 8-bit product on AVX-VNNI (256 bits: Alder Lake, Sapphire Rapids, Zen 5 and later).
 *
 * vpdpbusd multiplies 32 uint8 by 32 int8 and adds each four neighbours to one of eight int32, modulo 2**32:
 * it does not saturate (vpdpbusds would). lhs is the uint8 side. An int8 lhs becomes uint8 by adding 128,
 * which adds 128 * sum_k rhs[k][n] to column n: the driver takes that off with the zero points.
 */
#ifndef QB_INT8_AVXVNNI_H
#define QB_INT8_AVXVNNI_H

#include <string.h>

#include "int8_variant.h"

#if defined(QB_BUILD_AVXVNNI)
#include <immintrin.h>

#define TARGET QB_TARGET_AVXVNNI
#define TILE qb_int8_tile_avxvnni
#define MULTIPLY qb_int8_multiply_avxvnni
#define ROWS 6
#define WIDTH 2
#define VECTOR __m256i
#define LANES 8
#define GROUP 4
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define LOAD_RHS LOAD
#define FILL _mm256_set1_epi32
#define DOT _mm256_dpbusd_avx_epi32
#include "int8_tile.h"

static const qb_int8_variant qb_int8_avxvnni = {
    "avxvnni", QB_UNSIGNED, 6, 16, 4, 4, 400, qb_int8_multiply_avxvnni, qb_int8_multiply_avxvnni,
};
#endif

#endif
