/* Reading memory from end to end, and doing nothing with it but a sum.
 *
 * Rows of 32 words, each word of the row with its own sum: eight registers of AVX2, so that no addition waits
 * for the one before. Beyond the first-level cache the loop waits for memory alone.
 */
#ifndef QB_LIMITS_READ_H
#define QB_LIMITS_READ_H

#include "dispatch.h"

enum { QB_READ_ROW = 32 };

/* `words` is a multiple of QB_READ_ROW */
QB_INLINE void qb_read_loop(const uint64_t *memory, ptrdiff_t words, uint64_t *total) {
    uint64_t sum[QB_READ_ROW] = {0};
    for (ptrdiff_t row = 0; row < words; row += QB_READ_ROW)
        for (int i = 0; i < QB_READ_ROW; i++)
            sum[i] += memory[row + i];
    for (int i = 0; i < QB_READ_ROW; i++)
        *total += sum[i];
}
QB_TWO_TARGETS(qb_read, (const uint64_t *memory, ptrdiff_t words, uint64_t *total), (memory, words, total))

#endif
