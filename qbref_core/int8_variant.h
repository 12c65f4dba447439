/* What one instruction set contributes to the 8-bit product; everything else is shared.
 *
 *     out[m][n] = start[n] + sum_k lhs[m][k] * rhs[k][n]           8 bits * 8 bits -> int32, modulo 2**32
 *
 * rhs is packed ahead (int8_panels.h) into panels of `columns` columns, [depth / group][columns][group]: the
 * `group` neighbours in k that one instruction multiplies and sums lie side by side, so that one load brings
 * them for a whole register of columns. rhs is always int8 in there.
 *
 * lhs is arranged row by row (int8_rows.h) into what the instruction wants to meet: int8, uint8 or int16.
 *
 * multiply() takes some rows against one panel. It keeps a tile of sums, `rows` x `columns`, in registers
 * while k runs to the end: a value of rhs that was loaded is used `rows` times, one of lhs `columns` times.
 */
#ifndef QB_INT8_VARIANT_H
#define QB_INT8_VARIANT_H

#include "dispatch.h"

typedef enum {
    QB_AS_STORED, /* both signs of lhs as they are */
    QB_UNSIGNED,  /* an int8 lhs becomes uint8 by adding 128 */
    QB_INT16      /* both signs become int16 */
} qb_lhs_form;

typedef void (*qb_multiply)(const void *lhs, ptrdiff_t lhs_stride, ptrdiff_t rows, const int8_t *panel,
                            ptrdiff_t depth, const int32_t *start, int32_t *out, ptrdiff_t out_stride);

typedef struct {
    const char *name;
    qb_lhs_form lhs_form;
    int rows, columns;          /* of a tile */
    int group;                  /* neighbours in k */
    int multiple;               /* depth, the padded K, is a multiple of this */
    double gops;                /* roughly, to guess how long a call will take */
    qb_multiply multiply;       /* lhs_stride in bytes, out_stride in int32 */
    qb_multiply multiply_uint8; /* the same for a uint8 lhs, where it differs */
} qb_int8_variant;

#endif
