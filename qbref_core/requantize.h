/* The default mode of requantize, in the form that compilers vectorize: 64-bit sums, plain arrays, no branches.
 *
 *     out[c] = clip(((x[c] * multiplier[c] + half[c]) >> right[c]) + zero_point, qmin, qmax)
 *
 * for half = 2**(right - 1) and right = 31 - shift, from 1 to 62. |x * multiplier| < 2**62 and half <= 2**61, so the
 * sum fits. Right shifts of negative numbers are arithmetic with every compiler that is supported.
 */
#ifndef QB_REQUANTIZE_H
#define QB_REQUANTIZE_H

#include "dispatch.h"

QB_INLINE void qb_single_loop(const int32_t *x, ptrdiff_t count, const int64_t *multiplier, const int64_t *half,
                              const int64_t *right, int64_t zero_point, int64_t qmin, int64_t qmax,
                              int32_t *QB_RESTRICT out) {
    for (ptrdiff_t c = 0; c < count; c++) {
        int64_t q = ((x[c] * multiplier[c] + half[c]) >> right[c]) + zero_point;
        q = q < qmin ? qmin : q;
        q = q > qmax ? qmax : q;
        out[c] = (int32_t)q;
    }
}
QB_TWO_TARGETS(qb_single,
               (const int32_t *x, ptrdiff_t count, const int64_t *multiplier, const int64_t *half, const int64_t *right,
                int64_t zero_point, int64_t qmin, int64_t qmax, int32_t *out),
               (x, count, multiplier, half, right, zero_point, qmin, qmax, out))

#endif
