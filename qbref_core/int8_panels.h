/* Packing rhs, once, into the panels that int8_variant.h describes, and summing its columns on the way.
 *
 *     panel p holds columns p * columns ... of rhs as [depth / group][columns][group] int8
 *
 * k beyond the end of rhs and columns beyond its last are 0, and add nothing. A uint8 rhs is stored as
 * rhs - 128, and its zero points move by as much: (q - 128) - (z - 128) = q - z.
 */
#ifndef QB_INT8_PANELS_H
#define QB_INT8_PANELS_H

#include <string.h>

#include "int8_variant.h"

/* One panel of `count` columns; `flip` is 128 for uint8, whose upper bit it turns over, and 0 for int8. rhs
 * is read in the order of memory: along k where its columns are contiguous, a cache line at a time, else
 * along n.
 */
QB_INLINE void qb_pack_groups(int group, int columns, const uint8_t *rhs, ptrdiff_t k_stride,
                              ptrdiff_t n_stride, ptrdiff_t k, ptrdiff_t count, uint8_t flip,
                              uint8_t *QB_RESTRICT panel) {
    ptrdiff_t whole = k / group, line = k_stride == 1 ? 64 / group : 1;
    for (ptrdiff_t block = 0; block < whole; block += line) {
        ptrdiff_t end = whole - block < line ? whole : block + line;
        for (ptrdiff_t j = 0; j < count; j++)
            for (ptrdiff_t g = block; g < end; g++)
                for (int i = 0; i < group; i++)
                    panel[(g * columns + j) * group + i] =
                        rhs[(g * group + i) * k_stride + j * n_stride] ^ flip;
    }
    for (ptrdiff_t i = whole * group; i < k; i++)
        for (ptrdiff_t j = 0; j < count; j++)
            panel[(whole * columns + j) * group + i % group] = rhs[i * k_stride + j * n_stride] ^ flip;
}

/* sums[j] = sum_k panel[k][j] */
QB_INLINE void qb_sum_groups(int group, int columns, const int8_t *panel, ptrdiff_t groups,
                             int32_t *QB_RESTRICT sums) {
    int32_t lanes[64 * 4] = {0}; /* columns * group of them are used */
    for (ptrdiff_t g = 0; g < groups; g++)
        for (int j = 0; j < columns * group; j++)
            lanes[j] += panel[g * columns * group + j];
    for (int j = 0; j < columns; j++) {
        sums[j] = 0;
        for (int i = 0; i < group; i++)
            sums[j] += lanes[j * group + i];
    }
}

QB_INLINE void qb_pack_panel_loop(const qb_int8_variant *variant, const uint8_t *rhs, ptrdiff_t k_stride,
                                  ptrdiff_t n_stride, ptrdiff_t k, ptrdiff_t count, uint8_t flip,
                                  int8_t *panel, int32_t *sums) {
    int columns = variant->columns, group = variant->group;
    ptrdiff_t groups = (k + group - 1) / group;
    uint8_t *to = (uint8_t *)panel;
    if (n_stride == 1 && group == 2) /* with literal strides and groups the innermost loops become moves */
        qb_pack_groups(2, columns, rhs, k_stride, 1, k, count, flip, to);
    else if (n_stride == 1 && group == 4)
        qb_pack_groups(4, columns, rhs, k_stride, 1, k, count, flip, to);
    else if (k_stride == 1 && group == 2)
        qb_pack_groups(2, columns, rhs, 1, n_stride, k, count, flip, to);
    else if (k_stride == 1 && group == 4)
        qb_pack_groups(4, columns, rhs, 1, n_stride, k, count, flip, to);
    else
        qb_pack_groups(group, columns, rhs, k_stride, n_stride, k, count, flip, to);
    qb_sum_groups(group, columns, panel, groups, sums);
}
QB_TWO_TARGETS(qb_pack_panel,
               (const qb_int8_variant *variant, const uint8_t *rhs, ptrdiff_t k_stride, ptrdiff_t n_stride,
                ptrdiff_t k, ptrdiff_t count, uint8_t flip, int8_t *panel, int32_t *sums),
               (variant, rhs, k_stride, n_stride, k, count, flip, panel, sums))

/* The value of rhs at (k, n) as stored, for looking at what was packed */
static inline int8_t qb_packed_value(const qb_int8_variant *variant, const int8_t *panels, ptrdiff_t depth,
                                     ptrdiff_t k, ptrdiff_t n) {
    ptrdiff_t columns = variant->columns, group = variant->group;
    const int8_t *panel = panels + n / columns * columns * depth;
    return panel[(k / group * columns + n % columns) * group + k % group];
}

#endif
