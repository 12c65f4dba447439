/* The product of sign matrices under xnor_matmul:  out[m][n] = k - 2 * popcount(a[m] xor b[n]) */
#ifndef QB_POPCOUNT_H
#define QB_POPCOUNT_H

#include "dispatch.h"

#if defined(__GNUC__)
#define qb_popcount(x) __builtin_popcountll(x)
#else
/* sums of neighbouring bits, pairs and nibbles, and of all bytes at once */
static inline int qb_popcount(uint64_t x) {
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (int)(x * 0x0101010101010101u >> 56);
}
#endif

/* one row of a against all rows of b, four at a time: each word of a is loaded once for four popcounts */
QB_INLINE void qb_xnor_row_loop(const uint64_t *a, const uint64_t *b, ptrdiff_t words, ptrdiff_t columns,
                                int64_t k, int32_t *out) {
    ptrdiff_t n = 0;
    for (; n + 4 <= columns; n += 4) {
        const uint64_t *b0 = b + n * words, *b1 = b0 + words, *b2 = b1 + words, *b3 = b2 + words;
        int64_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (ptrdiff_t w = 0; w < words; w++) {
            s0 += qb_popcount(a[w] ^ b0[w]);
            s1 += qb_popcount(a[w] ^ b1[w]);
            s2 += qb_popcount(a[w] ^ b2[w]);
            s3 += qb_popcount(a[w] ^ b3[w]);
        }
        out[n] = (int32_t)(k - 2 * s0);
        out[n + 1] = (int32_t)(k - 2 * s1);
        out[n + 2] = (int32_t)(k - 2 * s2);
        out[n + 3] = (int32_t)(k - 2 * s3);
    }
    for (; n < columns; n++) {
        int64_t sum = 0;
        for (ptrdiff_t w = 0; w < words; w++)
            sum += qb_popcount(a[w] ^ b[n * words + w]);
        out[n] = (int32_t)(k - 2 * sum);
    }
}
QB_TWO_TARGETS(qb_xnor_row,
               (const uint64_t *a, const uint64_t *b, ptrdiff_t words, ptrdiff_t columns, int64_t k,
                int32_t *out),
               (a, b, words, columns, k, out))

#endif
