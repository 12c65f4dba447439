/* 64 signs to a word: bit i = (x[i] < 0), so that NaN and -0.0 give 0; and back.
 *
 * In plain C, 64 comparisons make 64 bytes of 0 or 1, which compilers do in vectors. One multiplication then
 * gathers eight such bytes into eight bits: it moves byte j to bit 56 + j, and no two bits of the product
 * meet below.
 */
#ifndef QB_PACK_SIGNS_H
#define QB_PACK_SIGNS_H

#include "pack_signs_avx2.h"

static inline uint64_t qb_gather_bytes(const uint8_t bytes[64]) {
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t octet = 0;
        for (int j = 0; j < 8; j++)
            octet |= (uint64_t)bytes[8 * i + j] << (8 * j); /* one load, if little-endian */
        bits |= (octet * 0x0102040810204080u >> 56) << (8 * i);
    }
    return bits;
}

static inline uint64_t qb_word_float(const float *x) {
#if defined(QB_BUILD_AVX2)
    if (qb_in_use(QB_AVX2))
        return qb_word_float_avx2(x);
#endif
    uint8_t minus[64];
    for (int i = 0; i < 64; i++)
        minus[i] = x[i] < 0;
    return qb_gather_bytes(minus);
}

static inline uint64_t qb_word_double(const double *x) {
#if defined(QB_BUILD_AVX2)
    if (qb_in_use(QB_AVX2))
        return qb_word_double_avx2(x);
#endif
    uint8_t minus[64];
    for (int i = 0; i < 64; i++)
        minus[i] = x[i] < 0;
    return qb_gather_bytes(minus);
}

static inline uint64_t qb_word_int8(const int8_t *x) {
#if defined(QB_BUILD_AVX2)
    if (qb_in_use(QB_AVX2))
        return qb_word_int8_avx2(x);
#endif
    uint8_t minus[64];
    for (int i = 0; i < 64; i++)
        minus[i] = x[i] < 0;
    return qb_gather_bytes(minus);
}

/* a bool is the bit */
static inline uint64_t qb_word_bool(const uint8_t *x) {
#if defined(QB_BUILD_AVX2)
    if (qb_in_use(QB_AVX2))
        return qb_word_bool_avx2(x);
#endif
    uint8_t minus[64];
    for (int i = 0; i < 64; i++)
        minus[i] = x[i] != 0;
    return qb_gather_bytes(minus);
}

/* x[i] = -1 where bit i is set, else +1 */
static inline void qb_unpack_word(uint64_t word, int8_t *x) {
#if defined(QB_BUILD_AVX2)
    if (qb_in_use(QB_AVX2)) {
        qb_unpack_word_avx2(word, x);
        return;
    }
#endif
    for (int i = 0; i < 64; i++)
        x[i] = (int8_t)(1 - 2 * (int)(word >> i & 1));
}

#endif
