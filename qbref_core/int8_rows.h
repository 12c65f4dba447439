/* Arranging rows of lhs the way a variant wants to meet them: contiguous along k, padded to its depth, as
 * int8, uint8 or int16 (qb_lhs_form of int8_variant.h).
 *
 * The rows come from a matrix in any strides, or from an image: the patches that im2col would lay out,
 * gathered a few rows at a time, so that a convolution needs no matrix of all patches.
 */
#ifndef QB_INT8_ROWS_H
#define QB_INT8_ROWS_H

#include <string.h>

#include "copy.h"
#include "int8_variant.h"

/* A scratch for an arranger, of so many bytes or of one arranged row, whichever is more */
enum { QB_CORNER = 8192 };

/* How values change on the way: to int16, or with the upper bit turned over (int8 + 128 = uint8) */
typedef struct {
    int is_uint8; /* lhs */
    qb_lhs_form form;
} qb_conversion;

static inline int qb_element_size(qb_lhs_form form) { return form == QB_INT16 ? 2 : 1; }

/* what `form` adds to every value of lhs, and hence to its zero points */
static inline int32_t qb_lhs_offset(qb_conversion c) {
    return c.form == QB_UNSIGNED && !c.is_uint8 ? 128 : 0;
}

QB_INLINE void qb_convert_strided_loop(qb_conversion c, const uint8_t *from, ptrdiff_t stride,
                                       ptrdiff_t count, void *to) {
    if (c.form == QB_INT16) {
        int16_t *wide = to;
        if (c.is_uint8)
            for (ptrdiff_t k = 0; k < count; k++)
                wide[k] = from[k * stride];
        else
            for (ptrdiff_t k = 0; k < count; k++)
                wide[k] = (int8_t)from[k * stride];
    } else {
        uint8_t *bytes = to, flip = qb_lhs_offset(c) ? 128 : 0;
        for (ptrdiff_t k = 0; k < count; k++)
            bytes[k] = from[k * stride] ^ flip;
    }
}
QB_TWO_TARGETS(qb_convert_strided,
               (qb_conversion c, const uint8_t *from, ptrdiff_t stride, ptrdiff_t count, void *to),
               (c, from, stride, count, to))
QB_INLINE void qb_convert_contiguous_loop(qb_conversion c, const uint8_t *from, ptrdiff_t count, void *to) {
    qb_convert_strided_loop(c, from, 1, count, to);
}
QB_TWO_TARGETS(qb_convert_contiguous, (qb_conversion c, const uint8_t *from, ptrdiff_t count, void *to),
               (c, from, count, to))

static inline void qb_convert(qb_conversion c, const uint8_t *from, ptrdiff_t stride, ptrdiff_t count,
                              void *to) {
    if (stride == 1)
        qb_convert_contiguous(c, from, count, to);
    else
        qb_convert_strided(c, from, stride, count, to);
}

/* ---- from a matrix ---- */

typedef struct {
    const uint8_t *data;
    ptrdiff_t row_stride, k_stride, k;
} qb_matrix;

static inline void qb_arrange_matrix(const void *source, qb_conversion c, ptrdiff_t first, ptrdiff_t count,
                              uint8_t *corner, char *to, ptrdiff_t to_stride) {
    const qb_matrix *x = source;
    (void)corner;
    ptrdiff_t used = x->k * qb_element_size(c.form);
    for (ptrdiff_t i = 0; i < count; i++, to += to_stride) {
        qb_convert(c, x->data + (first + i) * x->row_stride, x->k_stride, x->k, to);
        memset(to + used, 0, (size_t)(to_stride - used));
    }
}

/* ---- from an image (N, H, W, C), contiguous ---- */

typedef struct {
    const uint8_t *data;
    ptrdiff_t height, width, channels;
    ptrdiff_t first_channel, used_channels; /* those of one group */
    ptrdiff_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;
    ptrdiff_t out_h, out_w;
    uint8_t outside; /* what stands beyond the border: the zero point's byte */
} qb_image;

static inline ptrdiff_t qb_clamp(ptrdiff_t value, ptrdiff_t low, ptrdiff_t high) {
    return value < low ? low : value > high ? high : value;
}

/* The taps of one kernel row, from (y, x) on, as bytes; those beyond the border are `outside` */
static void qb_gather_row(const qb_image *im, const uint8_t *image, ptrdiff_t y, ptrdiff_t x, uint8_t *to) {
    ptrdiff_t pixel = im->used_channels, taps = im->kernel_w;
    if (y < 0 || y >= im->height) {
        memset(to, im->outside, (size_t)(taps * pixel));
        return;
    }
    const uint8_t *row = image + y * im->width * im->channels + im->first_channel;
    if (im->dilation_w == 1 && pixel == im->channels) { /* neighbours in the image, too: one copy */
        ptrdiff_t left = qb_clamp(-x, 0, taps), right = qb_clamp(im->width - x, left, taps);
        if (left > 0)
            memset(to, im->outside, (size_t)(left * pixel));
        if (right > left)
            qb_copy(to + left * pixel, row + (x + left) * pixel, (right - left) * pixel);
        if (taps > right)
            memset(to + right * pixel, im->outside, (size_t)((taps - right) * pixel));
        return;
    }
    for (ptrdiff_t tap = 0; tap < taps; tap++, x += im->dilation_w, to += pixel)
        if (x >= 0 && x < im->width)
            qb_copy(to, row + x * im->channels, pixel);
        else
            memset(to, im->outside, (size_t)pixel);
}

/* The patch whose window begins at (y, x) */
static inline void qb_gather_patch(const qb_image *im, const uint8_t *image, ptrdiff_t y, ptrdiff_t x,
                                   uint8_t *patch) {
    ptrdiff_t run = im->kernel_w * im->used_channels, line = im->width * im->channels;
    int dense = im->dilation_w == 1 && im->used_channels == im->channels;
    if (dense && x >= 0 && x + im->kernel_w <= im->width && y >= 0 &&
        y + (im->kernel_h - 1) * im->dilation_h < im->height) { /* inside, as most are */
        const uint8_t *from = image + y * line + x * im->channels;
        for (ptrdiff_t kh = 0; kh < im->kernel_h; kh++)
            qb_copy(patch + kh * run, from + kh * im->dilation_h * line, run);
    } else {
        for (ptrdiff_t kh = 0; kh < im->kernel_h; kh++)
            qb_gather_row(im, image, y + kh * im->dilation_h, x, patch + kh * run);
    }
}

/* Patches are gathered as bytes into a corner of the first-level cache, as many as fit, and converted there
 * in one go: a loop over a kernel row of five bytes would be over before it has begun. */
static inline void qb_arrange_patches(const void *source, qb_conversion c, ptrdiff_t first, ptrdiff_t count,
                               uint8_t *corner, char *to, ptrdiff_t to_stride) {
    const qb_image *im = source;
    ptrdiff_t k = im->kernel_h * im->kernel_w * im->used_channels, per_image = im->out_h * im->out_w;
    ptrdiff_t pitch = to_stride / qb_element_size(c.form), together = QB_CORNER / pitch, held = 0;
    ptrdiff_t row = first % per_image / im->out_w, column = first % im->out_w;
    const uint8_t *image = im->data + first / per_image * (im->height * im->width * im->channels);
    for (ptrdiff_t i = 0; i < count; i++) {
        uint8_t *patch = corner + held * pitch;
        qb_gather_patch(im, image, row * im->stride_h - im->padding_h,
                        column * im->stride_w - im->padding_w, patch);
        memset(patch + k, 0, (size_t)(pitch - k)); /* meets zeros of rhs */
        if (++held >= together || i + 1 == count) {
            qb_convert(c, corner, 1, held * pitch, to);
            to += held * to_stride;
            held = 0;
        }
        if (++column == im->out_w) {
            column = 0;
            if (++row == im->out_h) {
                row = 0;
                image += im->height * im->width * im->channels;
            }
        }
    }
}

#endif
