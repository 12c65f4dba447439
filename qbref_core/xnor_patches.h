/* Patches of an image of packed signs, as rows of bits for the XNOR product.
 *
 * A pixel's channels fill whole words, with unused bits in the last. In a patch, pixels follow one another
 * without a gap, so that 3 x 3 taps of 16 channels are 144 bits and not 9 words.
 */
#ifndef QB_XNOR_PATCHES_H
#define QB_XNOR_PATCHES_H

#include "xnor_variant.h"

typedef struct {
    const uint64_t *pixels; /* (images, height, width, words) */
    const uint64_t *border; /* one pixel, what stands outside */
    ptrdiff_t height, width, words, channels;
    ptrdiff_t kernel[2], stride[2], padding[2], dilation[2];
    ptrdiff_t out[2]; /* height and width of the result */
} qb_sign_image;

typedef struct {
    uint64_t *out;
    uint64_t pending; /* the lowest `count` bits of the next word */
    ptrdiff_t count;
} qb_bit_stream;

QB_INLINE void qb_append_word(qb_bit_stream *stream, uint64_t word, ptrdiff_t bits) {
    stream->pending |= word << stream->count;
    if (stream->count + bits < 64) {
        stream->count += bits;
        return;
    }
    *stream->out++ = stream->pending;
    stream->pending = stream->count ? word >> (64 - stream->count) : 0;
    stream->count += bits - 64;
}

QB_INLINE void qb_append_pixel(qb_bit_stream *stream, const uint64_t *pixel, ptrdiff_t channels) {
    for (; channels > 64; channels -= 64)
        qb_append_word(stream, *pixel++, 64);
    qb_append_word(stream, *pixel, channels);
}

QB_INLINE void qb_append_end(qb_bit_stream *stream) {
    if (stream->count)
        *stream->out++ = stream->pending;
}

/* count pixels in a row, as those of a weight's taps */
static inline void qb_join_pixels(const uint64_t *pixels, ptrdiff_t count, ptrdiff_t words,
                                  ptrdiff_t channels, uint64_t *out) {
    qb_bit_stream stream = {out, 0, 0};
    for (ptrdiff_t i = 0; i < count; i++)
        qb_append_pixel(&stream, pixels + i * words, channels);
    qb_append_end(&stream);
}

/* one coordinate of a tap of a patch; beyond the image it is negative or at least its size */
QB_INLINE ptrdiff_t qb_tap(const qb_sign_image *image, int axis, ptrdiff_t patch, ptrdiff_t tap) {
    return patch * image->stride[axis] - image->padding[axis] + tap * image->dilation[axis];
}

static inline void qb_append_patch(const qb_sign_image *image, const uint64_t *pixels, ptrdiff_t i,
                                   ptrdiff_t j, uint64_t *out) {
    qb_bit_stream stream = {out, 0, 0};
    for (ptrdiff_t a = 0; a < image->kernel[0]; a++) {
        const ptrdiff_t y = qb_tap(image, 0, i, a);
        for (ptrdiff_t b = 0; b < image->kernel[1]; b++) {
            const ptrdiff_t x = qb_tap(image, 1, j, b);
            const int inside = y >= 0 && y < image->height && x >= 0 && x < image->width;
            const uint64_t *pixel = inside ? pixels + (y * image->width + x) * image->words : image->border;
            qb_append_pixel(&stream, pixel, image->channels);
        }
    }
    qb_append_end(&stream);
}

/* `count` patches from number `first` on, each of row_words words */
static inline void qb_gather_patches(const qb_sign_image *image, ptrdiff_t first, ptrdiff_t count,
                                     ptrdiff_t row_words, uint64_t *out) {
    for (ptrdiff_t r = first; r < first + count; r++, out += row_words) {
        const ptrdiff_t n = r / (image->out[0] * image->out[1]), j = r % image->out[1];
        const ptrdiff_t i = r / image->out[1] % image->out[0];
        const uint64_t *pixels = image->pixels + n * image->height * image->width * image->words;
        qb_append_patch(image, pixels, i, j, out);
    }
}

/* A border of zeros: patches were gathered with +1 there, so the weights of taps outside are taken off again.
   tap_sums is (taps, columns); sums has the `count` patches from `first` on, for the panel at `column`. */
static inline void qb_subtract_border(const qb_sign_image *image, const int32_t *tap_sums, ptrdiff_t columns,
                                      ptrdiff_t column, ptrdiff_t first, ptrdiff_t count,
                                      qb_xnor_sums *sums) {
    for (ptrdiff_t r = 0; r < count; r++) {
        const ptrdiff_t i = (first + r) / image->out[1] % image->out[0], j = (first + r) % image->out[1];
        const int32_t *weights = tap_sums + column;
        for (ptrdiff_t a = 0; a < image->kernel[0]; a++)
            for (ptrdiff_t b = 0; b < image->kernel[1]; b++, weights += columns) {
                const ptrdiff_t y = qb_tap(image, 0, i, a), x = qb_tap(image, 1, j, b);
                if (y >= 0 && y < image->height && x >= 0 && x < image->width)
                    continue;
                for (int c = 0; c < QB_XNOR_COLUMNS; c++)
                    sums[r][c] -= weights[c];
            }
    }
}

#endif
