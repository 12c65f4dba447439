/* The 8-bit product on AMX (Sapphire Rapids and later): matrices in registers.
 *
 * A tile register holds 16 rows of 64 bytes. tdpbssd multiplies 16 x 64 int8 by 64 x 16 int8 and adds to
 * 16 x 16 int32, modulo 2**32; tdpbusd takes uint8 on the left. Both signs of lhs are met as they are stored.
 *
 *     tiles 0 1     sums: 32 rows x 32 columns         tiles 6 7: rhs, 64 deep x 32 columns
 *           2 3                                        tiles 4 5: lhs, 32 rows x 64 deep
 *
 * Four products for four loads. k runs in blocks of 1024, so that a block of the panel (32 KiB) is still in
 * the first-level cache when the next rows meet it; between blocks the sums wait in `out`.
 * The first block starts from `start`: a tile loaded with stride 0 has it in every row.
 */
#ifndef QB_INT8_AMX_H
#define QB_INT8_AMX_H

#include <string.h>

#include "int8_variant.h"

#if defined(QB_BUILD_AMX)
#include <immintrin.h>

enum { QB_AMX_BLOCK = 1024 };

/* Tell the processor the tiles' shapes: `upper` and `lower` rows of lhs and sums, 64 bytes each */
QB_TARGET_AMX static void qb_amx_configure(int upper, int lower) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes;
    memset(&shapes, 0, sizeof shapes);
    shapes.palette = 1;
    for (int tile = 0; tile < 8; tile++) {
        shapes.row_bytes[tile] = 64;
        shapes.rows[tile] = 16;
    }
    shapes.rows[0] = shapes.rows[1] = shapes.rows[4] = (uint8_t)upper;
    shapes.rows[2] = shapes.rows[3] = shapes.rows[5] = (uint8_t)lower;
    _tile_loadconfig(&shapes);
}

/* Tile numbers are part of the instruction, so this cannot be a function */
#define QB_AMX_PRODUCT(sum, lhs, rhs)       \
    do {                                    \
        if (is_uint8)                       \
            _tile_dpbusd(sum, lhs, rhs);    \
        else                                \
            _tile_dpbssd(sum, lhs, rhs);    \
    } while (0)

/* One tile: up to 16 rows, or with `lower` up to 32; both flags are literals in every call */
QB_TARGET_AMX QB_INLINE void qb_amx_tile(int is_uint8, int lower, const char *lhs, ptrdiff_t lhs_stride,
                                         const int8_t *panel, ptrdiff_t depth, const int32_t *from,
                                         ptrdiff_t from_stride, int32_t *out, ptrdiff_t out_stride) {
    const int32_t *from_lower = from + 16 * from_stride;
    int32_t *out_lower = out + 16 * out_stride;
    _tile_loadd(0, from, from_stride * 4);
    _tile_loadd(1, from + 16, from_stride * 4);
    if (lower) {
        _tile_loadd(2, from_lower, from_stride * 4);
        _tile_loadd(3, from_lower + 16, from_stride * 4);
    }
    for (ptrdiff_t k = 0; k < depth; k += 64) {
        _tile_loadd(6, panel + k * 32, 128);
        _tile_loadd(4, lhs + k, lhs_stride);
        _tile_loadd(7, panel + k * 32 + 64, 128);
        QB_AMX_PRODUCT(0, 4, 6);
        QB_AMX_PRODUCT(1, 4, 7);
        if (lower) {
            _tile_loadd(5, lhs + 16 * lhs_stride + k, lhs_stride);
            QB_AMX_PRODUCT(2, 5, 6);
            QB_AMX_PRODUCT(3, 5, 7);
        }
    }
    _tile_stored(0, out, out_stride * 4);
    _tile_stored(1, out + 16, out_stride * 4);
    if (lower) {
        _tile_stored(2, out_lower, out_stride * 4);
        _tile_stored(3, out_lower + 16, out_stride * 4);
    }
}

QB_TARGET_AMX QB_INLINE void qb_amx_multiply(int is_uint8, const char *lhs, ptrdiff_t lhs_stride,
                                             ptrdiff_t rows, const int8_t *panel, ptrdiff_t depth,
                                             const int32_t *start, int32_t *out, ptrdiff_t out_stride) {
    for (ptrdiff_t k = 0; k == 0 || k < depth; k += QB_AMX_BLOCK) {
        ptrdiff_t part = depth - k < QB_AMX_BLOCK ? depth - k : QB_AMX_BLOCK;
        const char *row = lhs + k;
        int32_t *to = out;
        for (ptrdiff_t left = rows, shaped = 0; left > 0; left -= 32) {
            int now = (int)(left < 32 ? left : 32);
            if (now != shaped)
                qb_amx_configure(now < 16 ? now : 16, now > 16 ? now - 16 : 16);
            shaped = now;
            const int32_t *from = k ? to : start;
            ptrdiff_t from_stride = k ? out_stride : 0;
            if (now > 16)
                qb_amx_tile(is_uint8, 1, row, lhs_stride, panel + k * 32, part, from, from_stride, to,
                            out_stride);
            else
                qb_amx_tile(is_uint8, 0, row, lhs_stride, panel + k * 32, part, from, from_stride, to,
                            out_stride);
            row += 32 * lhs_stride;
            to += 32 * out_stride;
        }
    }
    _tile_release();
}

QB_TARGET_AMX static void qb_int8_multiply_amx(const void *lhs, ptrdiff_t lhs_stride, ptrdiff_t rows,
                                               const int8_t *panel, ptrdiff_t depth, const int32_t *start,
                                               int32_t *out, ptrdiff_t out_stride) {
    qb_amx_multiply(0, lhs, lhs_stride, rows, panel, depth, start, out, out_stride);
}

QB_TARGET_AMX static void qb_int8_multiply_amx_uint8(const void *lhs, ptrdiff_t lhs_stride, ptrdiff_t rows,
                                                     const int8_t *panel, ptrdiff_t depth,
                                                     const int32_t *start, int32_t *out,
                                                     ptrdiff_t out_stride) {
    qb_amx_multiply(1, lhs, lhs_stride, rows, panel, depth, start, out, out_stride);
}

static const qb_int8_variant qb_int8_amx = {
    "amx", QB_AS_STORED, 32, 32, 4, 64, 1500, qb_int8_multiply_amx, qb_int8_multiply_amx_uint8,
};
#endif

#endif
