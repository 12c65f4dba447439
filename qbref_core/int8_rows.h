/* Arranging rows of lhs the way a variant wants to meet them: contiguous along k, padded to its depth, as
 * int8, uint8 or int16 (qb_lhs_form of int8_variant.h).
 *
 * The rows come from a matrix in any strides, or from an image: the patches that im2col would lay out,
 * gathered a few rows at a time, so that a convolution needs no matrix of all patches.
 */
#ifndef QB_INT8_ROWS_H
#define QB_INT8_ROWS_H

#include <string.h>

#include "int8_variant.h"

/* How values change on the way: to int16, or with the upper bit turned over (int8 + 128 = uint8) */
typedef struct {
    int is_uint8; /* lhs */
    qb_lhs_form form;
} qb_conversion;

static inline int qb_element_size(qb_lhs_form form) { return form == QB_INT16 ? 2 : 1; }

/* what `form` adds to every value of lhs, and hence to its zero points */
static inline int32_t qb_lhs_offset(qb_conversion c) { return c.form == QB_UNSIGNED && !c.is_uint8 ? 128 : 0; }

QB_INLINE void qb_convert_strided_loop(qb_conversion c, const uint8_t *from, ptrdiff_t stride, ptrdiff_t count,
                               void *to) {
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

static void qb_arrange_matrix(const void *source, qb_conversion c, ptrdiff_t first, ptrdiff_t count, char *to,
                              ptrdiff_t to_stride) {
    const qb_matrix *x = source;
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

/* The taps of one kernel row, from (y, x) on; those outside the image are `outside` */
static void qb_arrange_taps(const qb_image *im, qb_conversion c, const uint8_t *image, ptrdiff_t y,
                            ptrdiff_t x, char *to) {
    ptrdiff_t size = im->used_channels * qb_element_size(c.form), tap = 0;
    int inside = y >= 0 && y < im->height;
    const uint8_t *row = inside ? image + y * im->width * im->channels + im->first_channel : NULL;
    for (; tap < im->kernel_w; tap++, x += im->dilation_w, to += size) {
        if (inside && x >= 0 && x < im->width)
            qb_convert(c, row + x * im->channels, 1, im->used_channels, to);
        else
            qb_convert(c, &im->outside, 0, im->used_channels, to);
    }
}

static void qb_arrange_patches(const void *source, qb_conversion c, ptrdiff_t first, ptrdiff_t count, char *to,
                               ptrdiff_t to_stride) {
    const qb_image *im = source;
    ptrdiff_t row_values = im->kernel_w * im->used_channels, element = qb_element_size(c.form);
    ptrdiff_t used = im->kernel_h * row_values * element, per_image = im->out_h * im->out_w;
    int dense = im->dilation_w == 1 && im->used_channels == im->channels; /* a kernel row is one run of bytes */
    for (ptrdiff_t i = first; i < first + count; i++, to += to_stride) {
        const uint8_t *image = im->data + i / per_image * (im->height * im->width * im->channels);
        ptrdiff_t y = i % per_image / im->out_w * im->stride_h - im->padding_h;
        ptrdiff_t x = i % im->out_w * im->stride_w - im->padding_w;
        for (ptrdiff_t kh = 0; kh < im->kernel_h; kh++) {
            ptrdiff_t yk = y + kh * im->dilation_h;
            char *part = to + kh * row_values * element;
            if (dense && yk >= 0 && yk < im->height && x >= 0 && x + im->kernel_w <= im->width)
                qb_convert(c, image + (yk * im->width + x) * im->channels, 1, row_values, part);
            else
                qb_arrange_taps(im, c, image, yk, x, part);
        }
        memset(to + used, 0, (size_t)(to_stride - used));
    }
}

#endif
