/* Products of int8 tiles that stay in their registers: tdpbssd adds 16 x 16 sums of 64 products each.
 *
 * It takes 52 cycles and one may start every 16, so four tiles of sums keep the unit busy; with two tiles for
 * each factor, all eight are in use, as in a matrix product.
 */
#ifndef QB_LIMITS_AMX_H
#define QB_LIMITS_AMX_H

#include "dispatch.h"

#if defined(QB_BUILD_AMX)
#include <immintrin.h>
#include <string.h>

enum { QB_AMX_PRODUCTS = 4 * 16 * 16 * 64 };

QB_TARGET_AMX static double qb_int8_amx(int64_t rounds) {
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes_per_row[16];
        uint8_t rows[16];
    } shape;
    uint8_t factors[16 * 64];
    int32_t sums[16 * 16];
    memset(&shape, 0, sizeof shape);
    memset(factors, 3, sizeof factors);
    shape.palette = 1;
    for (int tile = 0; tile < 8; tile++) {
        shape.bytes_per_row[tile] = 64;
        shape.rows[tile] = 16;
    }
    _tile_loadconfig(&shape);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, factors, 64);
    _tile_loadd(5, factors, 64);
    _tile_loadd(6, factors, 64);
    _tile_loadd(7, factors, 64);
    for (int64_t round = 0; round < rounds; round++) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, sums, 64);
    _tile_release();
    return sums[0];
}
#endif

#endif
