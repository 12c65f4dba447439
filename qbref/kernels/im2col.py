"""Image patches laid out as the rows of a matrix, so that convolution becomes a matrix product."""

import numpy as np

from qbref.kernels._checks import check_im2col


def im2col(x, kernel_size, stride=1, padding=0, dilation=1, pad_value=0):
    """columns[(n, oh, ow), (kh, kw, c)] = x[n, oh * stride + kh * dilation - padding, ..., c], padded.

    Parameters
    ----------
    x : int8, uint8 or uint64 array, shape (N, H, W, C)
        Quantized channels, or words of packed signs: pack first, 64 channels a word, then im2col the words.
    kernel_size, stride, padding, dilation : int or pair of int
        For height and width, as in PyTorch. Padding is added on both sides.
    pad_value : int
        What stands outside the image. Quantized images take their zero point here, which is what the real
        number 0 becomes; for packed signs 0 means +1 ("one padding").

    Returns
    -------
    columns : array of x's dtype, shape (N * OH * OW, KH * KW * C)
        OH = (H + 2 * padding - dilation * (KH - 1) - 1) // stride + 1, and OW likewise.

    Raises
    ------
    TypeError
        If `x` has another dtype or an argument is not an integer.
    ValueError
        If the kernel is larger than the padded image, or pad_value is not a value of x's dtype.

    Notes
    -----
    Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for Document
    Processing", 2006, section 2.

    Examples
    --------
    >>> x = np.arange(1, 5, dtype=np.int8).reshape(1, 2, 2, 1)
    >>> im2col(x, kernel_size=(2, 2), padding=(0, 1), pad_value=9)
    array([[9, 1, 9, 3],
           [1, 2, 3, 4],
           [2, 9, 4, 9]], dtype=int8)
    """
    (kh, kw), (sh, sw), (ph, pw), (dh, dw), (oh, ow), pad_value = check_im2col(
        x, kernel_size, stride, padding, dilation, pad_value
    )
    n, _, _, c = x.shape
    padded = np.pad(x, ((0, 0), (ph, ph), (pw, pw), (0, 0)), constant_values=pad_value)
    columns = np.empty((n, oh, ow, kh, kw, c), x.dtype)
    for i in range(kh):
        for j in range(kw):
            top, left = i * dh, j * dw
            tap = padded[:, top : top + (oh - 1) * sh + 1 : sh, left : left + (ow - 1) * sw + 1 : sw]
            columns[:, :, :, i, j] = tap
    return columns.reshape(n * oh * ow, kh * kw * c)
