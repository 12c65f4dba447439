/* The loop of panels.h for one x86 instruction set; panels.h includes this file once for each, after defining
 *
 *     TARGET             the attribute that lets the compiler use it
 *     TILE, MULTIPLY     names of the two functions defined here
 *     ROWS               rows in a tile, as many as the registers hold
 *     VECTOR, LANES      a register of so many int32 sums, or of twice as many int16
 *     LOAD, STORE, FILL, ADD, MULTIPLY_ADD_PAIRS
 */
/* `rows` is a literal at both calls, so the sums become registers instead of an array in memory */
TARGET QB_INLINE void TILE(int rows, const int16_t *lhs, const int16_t *panel, ptrdiff_t pairs, int32_t *out,
                           ptrdiff_t out_stride) {
    enum { WIDTH = QB_PANEL / LANES };
    VECTOR sum[ROWS][WIDTH], b[WIDTH];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < WIDTH; j++)
            sum[i][j] = FILL(0);
    for (ptrdiff_t k = 0; k < pairs; k++) {
        for (int j = 0; j < WIDTH; j++)
            b[j] = LOAD((const VECTOR *)panel + k * WIDTH + j);
        for (int i = 0; i < rows; i++) {
            int32_t neighbours;
            memcpy(&neighbours, lhs + (i * pairs + k) * 2, sizeof neighbours);
            VECTOR a = FILL(neighbours);
            for (int j = 0; j < WIDTH; j++)
                sum[i][j] = ADD(sum[i][j], MULTIPLY_ADD_PAIRS(a, b[j]));
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < WIDTH; j++)
            STORE((VECTOR *)(out + i * out_stride) + j, sum[i][j]);
}

TARGET static void MULTIPLY(const int16_t *lhs, ptrdiff_t rows, const int16_t *panel, ptrdiff_t pairs,
                            int32_t *out, ptrdiff_t out_stride) {
    ptrdiff_t m = 0;
    for (; m + ROWS <= rows; m += ROWS)
        TILE(ROWS, lhs + m * 2 * pairs, panel, pairs, out + m * out_stride, out_stride);
    for (; m < rows; m++)
        TILE(1, lhs + m * 2 * pairs, panel, pairs, out + m * out_stride, out_stride);
}
#undef TARGET
#undef TILE
#undef MULTIPLY
#undef ROWS
#undef VECTOR
#undef LANES
#undef LOAD
#undef STORE
#undef FILL
#undef ADD
#undef MULTIPLY_ADD_PAIRS
