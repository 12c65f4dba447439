/* What happens to sums before they leave: the zero points' terms, the bias, and requantization to bytes.
 *
 * With the values q of both operands, zero points z and offsets already in them (int8_panels.h, int8_rows.h),
 *
 *     sum_k (l - zl)(r - zr) = sum_k l r  -  zl sum_k r  -  zr (sum_k l - K zl)
 *
 * so the product itself runs on what is stored, and the rest costs one value per column and one per row. What
 * depends on the column alone is where the sums start (`start`); two products are left for zero points of
 * rows, and for zero points of rhs. All of it is exact modulo 2**32, and the result fits int32.
 *
 * Then q = clip(zero_point + M * sum, qmin, qmax), while a few rows of sums are still in the first-level
 * cache: bytes are written, int32 is not.
 */
#ifndef QB_INT8_EPILOGUE_H
#define QB_INT8_EPILOGUE_H

#include "requantize.h"
#include "single.h"

typedef struct {
    /* per column, as many as there are columns in all panels */
    const int32_t *start;
    const int32_t *column_sums;     /* NULL where zl is one number, which is in start */
    const int32_t *rhs_zero_points; /* NULL where they are all 0 */
    /* per row; each NULL with its partner above */
    const int32_t *lhs_zero_points; /* zl */
    const int32_t *row_terms;       /* sum_k l - K zl */
    /* requantization */
    int requantizes;
    qb_mode mode;
    int is_fast; /* mode single, no left shift, one byte out: single.h */
    const int32_t *multiplier, *shift, *right;
    const double *real;
    int32_t zero_point, qmin, qmax;
    int item; /* bytes of one result */
} qb_epilogue;

QB_INLINE void qb_add_row_terms_loop(int32_t *sums, ptrdiff_t count, int32_t lhs_zero_point,
                                     const int32_t *column_sums, int32_t row_term,
                                     const int32_t *rhs_zero_points) {
    if (column_sums)
        for (ptrdiff_t j = 0; j < count; j++)
            sums[j] = (int32_t)((uint32_t)sums[j] - (uint32_t)lhs_zero_point * (uint32_t)column_sums[j]);
    if (rhs_zero_points)
        for (ptrdiff_t j = 0; j < count; j++)
            sums[j] = (int32_t)((uint32_t)sums[j] - (uint32_t)row_term * (uint32_t)rhs_zero_points[j]);
}
QB_TWO_TARGETS(qb_add_row_terms,
               (int32_t * sums, ptrdiff_t count, int32_t lhs_zero_point, const int32_t *column_sums,
                int32_t row_term, const int32_t *rhs_zero_points),
               (sums, count, lhs_zero_point, column_sums, row_term, rhs_zero_points))

/* One sum, of column n, as an integer on the output's grid, to place j of `out` */
static inline void qb_requantize_one(const qb_epilogue *e, int32_t sum, ptrdiff_t n, ptrdiff_t j, char *out) {
    int64_t q = e->zero_point + qb_rounded(e->mode, sum, e->multiplier[n], e->shift[n], e->real[n]);
    q = q < e->qmin ? e->qmin : q > e->qmax ? e->qmax : q;
    switch (e->item) { /* two's complement: the low bytes are the value, signed or not */
    case 1: ((uint8_t *)out)[j] = (uint8_t)q; break;
    case 2: ((uint16_t *)out)[j] = (uint16_t)q; break;
    default: ((int32_t *)out)[j] = (int32_t)q;
    }
}

/* Rows from m on of sums, `count` columns from n on, to `out`; strides in elements */
static void qb_finish_rows(const qb_epilogue *e, int32_t *sums, ptrdiff_t stride, ptrdiff_t m, ptrdiff_t rows,
                           ptrdiff_t n, ptrdiff_t count, char *out, ptrdiff_t out_stride) {
    if (e->column_sums || e->rhs_zero_points)
        for (ptrdiff_t i = 0; i < rows; i++)
            qb_add_row_terms(sums + i * stride, count, e->column_sums ? e->lhs_zero_points[m + i] : 0,
                             e->column_sums ? e->column_sums + n : NULL,
                             e->rhs_zero_points ? e->row_terms[m + i] : 0,
                             e->rhs_zero_points ? e->rhs_zero_points + n : NULL);
    if (e->is_fast) {
        qb_single_rows(sums, stride, rows, e->multiplier + n, e->right + n, count, e->qmin - e->zero_point,
                       e->qmax - e->zero_point, e->zero_point, (uint8_t *)out, out_stride);
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i++, sums += stride, out += out_stride * e->item) {
        if (!e->requantizes)
            memcpy(out, sums, (size_t)count * sizeof *sums);
        else
            for (ptrdiff_t j = 0; j < count; j++)
                qb_requantize_one(e, sums[j], n + j, j, out);
    }
}

#endif
