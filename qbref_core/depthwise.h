/* Depthwise convolution: one filter per channel, nothing summed over channels.
 *
 *     sums[c] = start[c] + sum over taps inside the image of (x[tap][c] - z) * weight[tap][c]
 *
 * A product of matrices one column wide would waste a tile; but neighbouring channels are neighbours in
 * memory, so the loop runs over them, and the compiler vectorizes it. Taps outside hold the zero point and
 * would add 0.
 */
#ifndef QB_DEPTHWISE_H
#define QB_DEPTHWISE_H

#include "int8_epilogue.h"
#include "int8_rows.h"

enum { QB_DEPTHWISE_CHANNELS = 256 }; /* sums kept at a time */

QB_INLINE void qb_depthwise_tap_loop(const uint8_t *x, int is_uint8, int zero_point, const int16_t *weight,
                                     ptrdiff_t count, int32_t *QB_RESTRICT sums) {
    if (is_uint8)
        for (ptrdiff_t c = 0; c < count; c++)
            sums[c] += (int16_t)(x[c] - zero_point) * weight[c];
    else
        for (ptrdiff_t c = 0; c < count; c++)
            sums[c] += (int16_t)((int8_t)x[c] - zero_point) * weight[c];
}
QB_TWO_TARGETS(qb_depthwise_tap,
               (const uint8_t *x, int is_uint8, int zero_point, const int16_t *weight, ptrdiff_t count,
                int32_t *QB_RESTRICT sums),
               (x, is_uint8, zero_point, weight, count, sums))

/* One row of the output, of image n; weights are (taps, channels) with their zero points taken off */
static void qb_depthwise_row(const qb_image *im, int is_uint8, int zero_point, const int16_t *weights,
                             const qb_epilogue *e, ptrdiff_t n, ptrdiff_t row, char *out) {
    int32_t sums[QB_DEPTHWISE_CHANNELS];
    const uint8_t *image = im->data + n * im->height * im->width * im->channels;
    for (ptrdiff_t column = 0; column < im->out_w; column++)
        for (ptrdiff_t c = 0; c < im->channels; c += QB_DEPTHWISE_CHANNELS) {
            ptrdiff_t left = im->channels - c;
            ptrdiff_t count = left < QB_DEPTHWISE_CHANNELS ? left : QB_DEPTHWISE_CHANNELS;
            memcpy(sums, e->start + c, (size_t)count * sizeof *sums);
            for (ptrdiff_t kh = 0; kh < im->kernel_h; kh++) {
                ptrdiff_t y = row * im->stride_h - im->padding_h + kh * im->dilation_h;
                if (y < 0 || y >= im->height)
                    continue;
                for (ptrdiff_t kw = 0; kw < im->kernel_w; kw++) {
                    ptrdiff_t x = column * im->stride_w - im->padding_w + kw * im->dilation_w;
                    if (x >= 0 && x < im->width)
                        qb_depthwise_tap(image + (y * im->width + x) * im->channels + c, is_uint8, zero_point,
                                         weights + (kh * im->kernel_w + kw) * im->channels + c, count, sums);
                }
            }
            qb_finish_rows(e, sums, count, 0, 1, c, count, out + (column * im->channels + c) * e->item, 0);
        }
}

#endif
