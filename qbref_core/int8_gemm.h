/* The loops around the tile, the same for every instruction set and for matrices and images.
 *
 *     for a block of rows, arranged in a scratch that stays in the second-level cache
 *         for every panel of columns, which stays in the first-level cache meanwhile
 *             sums = rows x panel                          int8_variant.h
 *             out = epilogue(sums)                         int8_epilogue.h
 *
 * Where sums need nothing more they go straight to `out`; else they pass through a small scratch, 96 rows of
 * one panel at a time.
 */
#ifndef QB_INT8_GEMM_H
#define QB_INT8_GEMM_H

#include "int8_epilogue.h"
#include "int8_rows.h"

enum {
    QB_BLOCK_BYTES = 1 << 18, /* of arranged lhs: half of a small second-level cache */
    QB_SCRATCH_ROWS = 96,     /* a multiple of every variant's rows, 6, 4, 2 and 32 */
    QB_SCRATCH_COLUMNS = 64
};

typedef void (*qb_arrange)(const void *source, qb_conversion c, ptrdiff_t first, ptrdiff_t count,
                           uint8_t *corner, char *to, ptrdiff_t to_stride);

typedef struct {
    const qb_int8_variant *variant;
    qb_arrange arrange; /* rows of lhs, and what they are arranged from */
    const void *source;
    qb_conversion conversion;
    ptrdiff_t m, n, k, depth;
    const int8_t *panels;
    qb_epilogue epilogue;
    int32_t *row_terms; /* of the epilogue: NULL, or a thread's own, to be filled in */
    char *out;
    ptrdiff_t out_stride; /* in results */
} qb_gemm;

/* Long rows are a cache line longer than the depth: equal places of many rows would share few cache sets */
static inline ptrdiff_t qb_row_bytes(const qb_gemm *g) {
    ptrdiff_t bytes = g->depth * qb_element_size(g->conversion.form);
    return bytes < 1024 ? bytes + !bytes : bytes + 64;
}

static ptrdiff_t qb_block_rows(const qb_gemm *g) {
    ptrdiff_t tile = g->variant->rows, rows = QB_BLOCK_BYTES / qb_row_bytes(g) / tile * tile;
    ptrdiff_t needed = (g->m + tile - 1) / tile * tile;
    rows = rows < tile ? tile : rows;
    return rows < needed ? rows : needed;
}

/* row_terms[m] = sum_k l - K zl, over one arranged block */
static void qb_sum_rows(const qb_gemm *g, const char *block, ptrdiff_t first, ptrdiff_t count) {
    ptrdiff_t stride = qb_row_bytes(g);
    int as_int16 = g->conversion.form == QB_INT16;
    int as_int8 = g->conversion.form == QB_AS_STORED && !g->conversion.is_uint8;
    for (ptrdiff_t i = 0; i < count; i++, block += stride) {
        int64_t sum = 0;
        if (as_int16)
            for (ptrdiff_t k = 0; k < g->k; k++)
                sum += ((const int16_t *)block)[k];
        else if (as_int8)
            for (ptrdiff_t k = 0; k < g->k; k++)
                sum += ((const int8_t *)block)[k];
        else
            for (ptrdiff_t k = 0; k < g->k; k++)
                sum += ((const uint8_t *)block)[k];
        g->row_terms[first + i] = (int32_t)(sum - (int64_t)g->k * g->epilogue.lhs_zero_points[first + i]);
    }
}

/* Rows first..first + count, arranged in `block`, times panels from..to */
static void qb_multiply_block(const qb_gemm *g, const char *block, ptrdiff_t first, ptrdiff_t count,
                              ptrdiff_t from, ptrdiff_t to) {
    const qb_epilogue *e = &g->epilogue;
    const qb_int8_variant *v = g->variant;
    qb_multiply multiply = g->conversion.is_uint8 ? v->multiply_uint8 : v->multiply;
    ptrdiff_t stride = qb_row_bytes(g);
    int plain = !e->requantizes && !e->column_sums && !e->rhs_zero_points;
    int32_t scratch[QB_SCRATCH_ROWS * QB_SCRATCH_COLUMNS];
    for (ptrdiff_t p = from; p < to; p++) {
        ptrdiff_t n = p * v->columns, columns = g->n - n < v->columns ? g->n - n : v->columns;
        const int8_t *panel = g->panels + n * g->depth;
        if (plain && columns == v->columns) {
            multiply(block, stride, count, panel, g->depth, e->start + n,
                     (int32_t *)g->out + first * g->out_stride + n, g->out_stride);
            continue;
        }
        for (ptrdiff_t i = 0; i < count; i += QB_SCRATCH_ROWS) {
            ptrdiff_t rows = count - i < QB_SCRATCH_ROWS ? count - i : QB_SCRATCH_ROWS;
            multiply(block + i * stride, stride, rows, panel, g->depth, e->start + n, scratch, v->columns);
            qb_finish_rows(e, scratch, v->columns, first + i, rows, n, columns,
                           g->out + ((first + i) * g->out_stride + n) * e->item, g->out_stride);
        }
    }
}

/* Panels from..to for block b of rows; `arranged` says which block is in the scratch already */
static inline void qb_run_block(const qb_gemm *g, ptrdiff_t b, ptrdiff_t from, ptrdiff_t to, char *scratch,
                         uint8_t *corner, ptrdiff_t *arranged) {
    ptrdiff_t height = qb_block_rows(g), first = b * height;
    ptrdiff_t count = g->m - first < height ? g->m - first : height;
    if (*arranged != b) {
        g->arrange(g->source, g->conversion, first, count, corner, scratch, qb_row_bytes(g));
        *arranged = b;
        if (g->row_terms)
            qb_sum_rows(g, scratch, first, count);
    }
    qb_multiply_block(g, scratch, first, count, from, to);
}

#endif
