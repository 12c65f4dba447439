/* From an int32 accumulator to an integer on the output's grid, one value at a time, in every mode of
 * qbref/kernels/requantize.py. The integer modes work in int64, where nothing can overflow:
 * |x * multiplier| < 2**62, and rounding adds at most 2**61.
 */
#ifndef QB_REQUANTIZE_H
#define QB_REQUANTIZE_H

#include <math.h>
#include <stdint.h>

typedef enum { QB_SINGLE, QB_DOUBLE, QB_HALF_UP_TWICE, QB_FLOAT32, QB_FLOAT64 } qb_mode;

/* (x << shift, modulo 2**32) * multiplier / 2**31, half up */
static inline int64_t qb_high_product(int32_t x, int64_t multiplier, int shift) {
    int32_t shifted = shift > 0 ? (int32_t)((uint32_t)x << shift) : x;
    return (shifted * multiplier + ((int64_t)1 << 30)) >> 31;
}

static inline int64_t qb_divide_half_away(int64_t x, int exponent) {
    int64_t mask = ((int64_t)1 << exponent) - 1;
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0));
}

static inline int64_t qb_divide_half_up(int64_t x, int exponent) {
    return (x + (((int64_t)1 << exponent) >> 1)) >> exponent;
}

/* real is multiplier * 2**(shift - 31) */
static inline int64_t qb_rounded(qb_mode mode, int32_t x, int64_t multiplier, int shift, double real) {
    int right = shift < 0 ? -shift : 0;
    switch (mode) {
    case QB_SINGLE: return (x * multiplier + ((int64_t)1 << (30 - shift))) >> (31 - shift);
    case QB_DOUBLE: return qb_divide_half_away(qb_high_product(x, multiplier, shift), right);
    case QB_HALF_UP_TWICE: return qb_divide_half_up(qb_high_product(x, multiplier, shift), right);
    case QB_FLOAT32: return llrintf((float)x * (float)real); /* half to even, the processor's own rounding */
    default: return llround(x * real);
    }
}

#endif
