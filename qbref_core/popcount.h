/* The number of set bits in a word, without an instruction for it.
 *
 * A compiler for ARM64 turns the builtin, in a loop over neighbouring words, into the vector instruction cnt.
 * x86-64 itself has none: there, bits, pairs and nibbles are summed side by side.
 */
#ifndef QB_POPCOUNT_H
#define QB_POPCOUNT_H

#include "dispatch.h"

#if defined(__GNUC__) && defined(__aarch64__)
QB_INLINE uint64_t qb_popcount(uint64_t x) { return (uint64_t)__builtin_popcountll(x); }
#else
QB_INLINE uint64_t qb_popcount(uint64_t x) {
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    x += x >> 8; /* sums of up to 64 fit in a byte */
    x += x >> 16;
    return (x + (x >> 32)) & 0x7f;
}
#endif

#endif
