/* The tile of int8_variant.h on vector registers. A file for one instruction set includes this one, after
 * defining
 *
 *     TARGET             the attribute that lets the compiler use it
 *     TILE, MULTIPLY     names of the two functions defined here
 *     ROWS               rows in a tile, as many as the registers hold
 *     WIDTH              registers in a row of a tile
 *     VECTOR, LANES      a register, and how many int32 sums it holds
 *     GROUP              neighbours in k of one instruction; the group of lhs fills 4 bytes
 *     LOAD, STORE        of LANES int32, from and to any address
 *     LOAD_RHS(p)        GROUP * LANES values of rhs
 *     FILL(i)            the 4 bytes of lhs, in every lane
 *     DOT(sum, a, b)     sum[lane] += a[group] . b[lane][group]
 */

/* `rows` is a literal in every call, so the sums become registers instead of an array in memory */
TARGET QB_INLINE void TILE(int rows, const char *lhs, ptrdiff_t lhs_stride, const int8_t *panel,
                           ptrdiff_t groups, const int32_t *start, int32_t *out, ptrdiff_t out_stride) {
    VECTOR sum[ROWS][WIDTH], b[WIDTH];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < WIDTH; j++)
            sum[i][j] = LOAD(start + j * LANES);
#pragma GCC unroll 2
    for (ptrdiff_t k = 0; k < groups; k++) {
        const int8_t *step = panel + k * WIDTH * LANES * GROUP;
        if (rows == 1) /* rhs comes from far away: ask for it early */
            for (int ahead = 0; ahead < WIDTH * LANES * GROUP; ahead += 64)
                _mm_prefetch((const char *)step + 2048 + ahead, _MM_HINT_T0);
        for (int j = 0; j < WIDTH; j++)
            b[j] = LOAD_RHS(step + j * LANES * GROUP);
        for (int i = 0; i < rows; i++) {
            int32_t neighbours;
            memcpy(&neighbours, lhs + i * lhs_stride + k * 4, sizeof neighbours);
            VECTOR a = FILL(neighbours);
            for (int j = 0; j < WIDTH; j++)
                sum[i][j] = DOT(sum[i][j], a, b[j]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < WIDTH; j++)
            STORE(out + i * out_stride + j * LANES, sum[i][j]);
}

TARGET static void MULTIPLY(const void *lhs, ptrdiff_t lhs_stride, ptrdiff_t rows, const int8_t *panel,
                            ptrdiff_t depth, const int32_t *start, int32_t *out, ptrdiff_t out_stride) {
    const char *row = lhs;
    ptrdiff_t groups = depth / GROUP;
    /* loops even where they turn once: outside of one, gcc moves the sums from register to register */
#define ROWS_AT_A_TIME(count)                                                                  \
    for (; rows >= count; rows -= count, row += count * lhs_stride, out += count * out_stride) \
        TILE(count, row, lhs_stride, panel, groups, start, out, out_stride);
    ROWS_AT_A_TIME(ROWS)
#if ROWS > 4
    ROWS_AT_A_TIME(4)
#endif
    ROWS_AT_A_TIME(2)
    ROWS_AT_A_TIME(1)
#undef ROWS_AT_A_TIME
}
#undef TARGET
#undef TILE
#undef MULTIPLY
#undef ROWS
#undef WIDTH
#undef VECTOR
#undef LANES
#undef GROUP
#undef LOAD
#undef STORE
#undef LOAD_RHS
#undef FILL
#undef DOT
