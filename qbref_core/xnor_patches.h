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
    ptrdiff_t words, channels;
    ptrdiff_t size[2], kernel[2], stride[2], padding[2], dilation[2]; /* for height and width */
    ptrdiff_t out[2];                                                 /* of the result */
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
    if (stream->count == 0)
        for (; channels >= 64; channels -= 64)
            *stream->out++ = *pixel++;
    for (; channels > 0; channels -= 64)
        qb_append_word(stream, *pixel++, channels < 64 ? channels : 64);
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

/* where a patch stands: image, row and column of the result */
typedef struct {
    ptrdiff_t n, at[2];
} qb_patch;

QB_INLINE qb_patch qb_patch_number(const qb_sign_image *image, ptrdiff_t number) {
    qb_patch patch = {number / (image->out[0] * image->out[1]),
                      {number / image->out[1] % image->out[0], number % image->out[1]}};
    return patch;
}

QB_INLINE void qb_next_patch(const qb_sign_image *image, qb_patch *patch) {
    if (++patch->at[1] < image->out[1])
        return;
    patch->at[1] = 0;
    if (++patch->at[0] < image->out[0])
        return;
    patch->at[0] = 0;
    patch->n++;
}

/* a coordinate of a tap; beyond the image it is negative or at least its size */
QB_INLINE ptrdiff_t qb_tap(const qb_sign_image *image, const qb_patch *patch, int axis, ptrdiff_t tap) {
    return patch->at[axis] * image->stride[axis] - image->padding[axis] + tap * image->dilation[axis];
}

QB_INLINE int qb_inside(const qb_sign_image *image, int axis, ptrdiff_t coordinate) {
    return coordinate >= 0 && coordinate < image->size[axis];
}

QB_INLINE int qb_all_inside(const qb_sign_image *image, const qb_patch *patch, int axis) {
    return qb_inside(image, axis, qb_tap(image, patch, axis, 0)) &&
           qb_inside(image, axis, qb_tap(image, patch, axis, image->kernel[axis] - 1));
}

QB_INLINE void qb_append_patch(const qb_sign_image *image, const qb_patch *patch, uint64_t *out) {
    const uint64_t *pixels = image->pixels + patch->n * image->size[0] * image->size[1] * image->words;
    const int whole_words = image->channels % 64 == 0 && image->dilation[1] == 1;
    const int gapless = whole_words && qb_all_inside(image, patch, 1);
    const ptrdiff_t left = qb_tap(image, patch, 1, 0);
    qb_bit_stream stream = {out, 0, 0};
    for (ptrdiff_t a = 0; a < image->kernel[0]; a++) {
        const ptrdiff_t y = qb_tap(image, patch, 0, a);
        const int row_inside = qb_inside(image, 0, y);
        const uint64_t *row = pixels + (row_inside ? y : 0) * image->size[1] * image->words;
        if (row_inside && gapless) { /* the taps of a row are like one pixel of many channels */
            qb_append_pixel(&stream, row + left * image->words, image->kernel[1] * image->channels);
            continue;
        }
        for (ptrdiff_t b = 0; b < image->kernel[1]; b++) {
            const ptrdiff_t x = left + b * image->dilation[1];
            const int inside = row_inside && qb_inside(image, 1, x);
            qb_append_pixel(&stream, inside ? row + x * image->words : image->border, image->channels);
        }
    }
    qb_append_end(&stream);
}

/* `count` patches from number `first` on, each of row_words words */
static inline void qb_gather_patches(const qb_sign_image *image, ptrdiff_t first, ptrdiff_t count,
                                     ptrdiff_t row_words, uint64_t *out) {
    qb_patch patch = qb_patch_number(image, first);
    for (ptrdiff_t r = 0; r < count; r++, qb_next_patch(image, &patch))
        qb_append_patch(image, &patch, out + r * row_words);
}

/* A border of zeros: patches were gathered with +1 there, so the weights of taps outside are taken off again.
   tap_sums is (taps, columns); sums has the `count` patches from `first` on, for the panel at `column`. */
static inline void qb_subtract_border(const qb_sign_image *image, const int32_t *tap_sums, ptrdiff_t columns,
                                      ptrdiff_t column, ptrdiff_t first, ptrdiff_t count,
                                      qb_xnor_sums *sums) {
    qb_patch patch = qb_patch_number(image, first);
    for (ptrdiff_t r = 0; r < count; r++, qb_next_patch(image, &patch)) {
        if (qb_all_inside(image, &patch, 0) && qb_all_inside(image, &patch, 1))
            continue;
        const int32_t *weights = tap_sums + column;
        for (ptrdiff_t a = 0; a < image->kernel[0]; a++)
            for (ptrdiff_t b = 0; b < image->kernel[1]; b++, weights += columns)
                if (!qb_inside(image, 0, qb_tap(image, &patch, 0, a)) ||
                    !qb_inside(image, 1, qb_tap(image, &patch, 1, b)))
                    for (int c = 0; c < QB_XNOR_COLUMNS; c++)
                        sums[r][c] -= weights[c];
    }
}

#endif
