/* nibble_float.h with AVX2: a table of 16 floats is four tables of 16 bytes, one for each byte of a float.
 * pshufb looks up a byte of 32 weights at once; interleaving bytes, then pairs of bytes, makes floats.
 *
 * Interleaving works within each half of a register. For weights to come out in order, the halves must hold
 * the codes 0-3, 8-11, 16-19, 24-27 and 4-7, 12-15, 20-23, 28-31: a first pshufb puts each byte of two codes
 * in both their places.
 *
 * int4's weights -8..7, like all of bfloat16, have zeros in their two lower bytes, which need no looking up.
 */
#ifndef QB_NIBBLE_FLOAT_AVX2_H
#define QB_NIBBLE_FLOAT_AVX2_H

#if defined(QB_BUILD_AVX2)
#include <immintrin.h>

/* planes[i], in both halves: byte i of every table entry */
QB_TARGET_AVX2 QB_INLINE void qb_byte_planes(const float *table, __m256i *planes) {
    const __m128i by_byte = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m128i fours[4]; /* of four entries: their bytes 0, then their bytes 1, 2 and 3 */
    for (int i = 0; i < 4; i++)
        fours[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(table + 4 * i)), by_byte);
    __m128i low01 = _mm_unpacklo_epi32(fours[0], fours[1]), low23 = _mm_unpacklo_epi32(fours[2], fours[3]);
    __m128i high01 = _mm_unpackhi_epi32(fours[0], fours[1]), high23 = _mm_unpackhi_epi32(fours[2], fours[3]);
    planes[0] = _mm256_broadcastsi128_si256(_mm_unpacklo_epi64(low01, low23));
    planes[1] = _mm256_broadcastsi128_si256(_mm_unpackhi_epi64(low01, low23));
    planes[2] = _mm256_broadcastsi128_si256(_mm_unpacklo_epi64(high01, high23));
    planes[3] = _mm256_broadcastsi128_si256(_mm_unpackhi_epi64(high01, high23));
}

/* the codes of 32 weights from 16 bytes, in the order above */
QB_TARGET_AVX2 QB_INLINE __m256i qb_ordered_codes(__m128i codes) {
    const __m256i places = _mm256_setr_epi8(0, 0, 1, 1, 4, 4, 5, 5, 8, 8, 9, 9, 12, 12, 13, 13, 2, 2, 3, 3, 6,
                                            6, 7, 7, 10, 10, 11, 11, 14, 14, 15, 15);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(codes), places);
    __m256i low = _mm256_and_si256(bytes, _mm256_set1_epi16(0x000f));
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi16(0x0f00));
    return _mm256_or_si256(low, high);
}

/* one block, 32 weights; `rows` and `bfloat16` are literals */
QB_TARGET_AVX2 QB_INLINE void qb_float_block_avx2(__m128i codes, const __m256i *planes, const int bfloat16,
                                                  const float *lhs, const int rows, ptrdiff_t width,
                                                  __m256 sums[][2]) {
    __m256i c = qb_ordered_codes(codes);
    for (int half = 0; half < 2; half++) {
        __m256i low = _mm256_setzero_si256();
        __m256i byte2 = _mm256_shuffle_epi8(planes[2], c), byte3 = _mm256_shuffle_epi8(planes[3], c);
        __m256i high = half ? _mm256_unpackhi_epi8(byte2, byte3) : _mm256_unpacklo_epi8(byte2, byte3);
        if (!bfloat16) {
            __m256i byte0 = _mm256_shuffle_epi8(planes[0], c), byte1 = _mm256_shuffle_epi8(planes[1], c);
            low = half ? _mm256_unpackhi_epi8(byte0, byte1) : _mm256_unpacklo_epi8(byte0, byte1);
        }
        __m256 first = _mm256_castsi256_ps(_mm256_unpacklo_epi16(low, high));
        __m256 second = _mm256_castsi256_ps(_mm256_unpackhi_epi16(low, high));
        for (int m = 0; m < rows; m++) {
            const float *row = lhs + m * width + 16 * half;
            sums[m][0] = _mm256_add_ps(sums[m][0], _mm256_mul_ps(first, _mm256_loadu_ps(row)));
            sums[m][1] = _mm256_add_ps(sums[m][1], _mm256_mul_ps(second, _mm256_loadu_ps(row + 8)));
        }
    }
}

QB_TARGET_AVX2 QB_INLINE void qb_float_rows_avx2(const uint8_t *codes, ptrdiff_t bytes, const __m256i *table,
                                                 const int bfloat16, const float *lhs, const int rows,
                                                 ptrdiff_t width, float lanes[][QB_FLOAT_LANES]) {
    const __m256i planes[4] = {table[0], table[1], table[2], table[3]};
    __m256 sums[QB_FLOAT_ROWS][2];
    ptrdiff_t b = 0;
    for (int m = 0; m < rows; m++)
        sums[m][0] = sums[m][1] = _mm256_setzero_ps();
    for (; b + 16 <= bytes; b += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(codes + b));
        _mm_prefetch((const char *)codes + b + 1024, _MM_HINT_T0);
        qb_float_block_avx2(block, planes, bfloat16, lhs + 2 * b, rows, width, sums);
    }
    if (b < bytes) {
        uint8_t tail[16] = {0};
        memcpy(tail, codes + b, (size_t)(bytes - b));
        __m128i block = _mm_loadu_si128((const __m128i *)tail);
        qb_float_block_avx2(block, planes, bfloat16, lhs + 2 * b, rows, width, sums);
    }
    for (int m = 0; m < rows; m++) {
        _mm256_storeu_ps(lanes[m], sums[m][0]);
        _mm256_storeu_ps(lanes[m] + 8, sums[m][1]);
    }
}

/* rows of lhs, 1 to 4, as literals */
QB_TARGET_AVX2 QB_INLINE void qb_float_any_rows_avx2(const uint8_t *codes, ptrdiff_t bytes,
                                                     const __m256i *planes, const int bfloat16,
                                                     const float *lhs, ptrdiff_t rows, ptrdiff_t width,
                                                     float lanes[][QB_FLOAT_LANES]) {
    switch (rows) {
    case 1: qb_float_rows_avx2(codes, bytes, planes, bfloat16, lhs, 1, width, lanes); break;
    case 2: qb_float_rows_avx2(codes, bytes, planes, bfloat16, lhs, 2, width, lanes); break;
    case 3: qb_float_rows_avx2(codes, bytes, planes, bfloat16, lhs, 3, width, lanes); break;
    default: qb_float_rows_avx2(codes, bytes, planes, bfloat16, lhs, 4, width, lanes);
    }
}

QB_TARGET_AVX2 static void qb_float_tile_avx2(const uint8_t *codes, ptrdiff_t bytes, const float *table,
                                              const float *lhs, ptrdiff_t rows, ptrdiff_t width,
                                              float lanes[][QB_FLOAT_LANES]) {
    __m256i planes[4];
    qb_byte_planes(table, planes);
    __m256i low_bytes = _mm256_or_si256(planes[0], planes[1]);
    if (_mm256_testz_si256(low_bytes, low_bytes))
        qb_float_any_rows_avx2(codes, bytes, planes, 1, lhs, rows, width, lanes);
    else
        qb_float_any_rows_avx2(codes, bytes, planes, 0, lhs, rows, width, lanes);
}
#endif

#endif
