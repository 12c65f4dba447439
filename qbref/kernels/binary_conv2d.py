"""Convolution of signs with signs, on images whose channels are packed."""

import numpy as np

from qbref.binary.threshold import apply_threshold
from qbref.kernels._checks_binary import check_binary_conv2d
from qbref.kernels.im2col import im2col
from qbref.kernels.pack_bits import pack_bits
from qbref.kernels.xnor_matmul import xnor_matmul


def binary_conv2d(
    x_words,
    weight_words,
    channels,
    kernel_size,
    stride=1,
    padding=0,
    dilation=1,
    padding_value=1,
    threshold=None,
):
    """accumulator[n, i, j, o] = sum over taps and channels of x * weight, signs summed exactly.

    Parameters
    ----------
    x_words : uint64 array, shape (N, H, W, ceil(C / 64))
        Signs of the image, each pixel's channels packed by :func:`qbref.kernels.pack_bits`.
    weight_words : uint64 array, shape (O, KH * KW * ceil(C / 64))
        For each output the taps row by row, each tap's channels packed into whole words.
    channels : int
        C, at least 1. All of them meet every output: there are no groups.
    kernel_size, stride, padding, dilation : int or pair of int
        For height and width, as in PyTorch.
    padding_value : int
        1, 0 or -1: what stands outside the image.
    threshold : Threshold or None
        If given, the accumulators become signs, packed for the next layer.

    Returns
    -------
    accumulator : int32 array, shape (N, OH, OW, O)
    words : uint64 array, shape (N, OH, OW, ceil(O / 64))
        With a threshold, in place of the accumulator, as from :func:`qbref.kernels.xnor_matmul`.

    Raises
    ------
    TypeError
        If an operand is not a uint64 array, or the threshold not a Threshold of int32 and bool arrays.
    ValueError
        If shapes do not fit, an unused bit is set, the kernel is larger than the padded image, or
        padding_value is not one of the three.

    Notes
    -----
    The patches of packed words are the rows of an XNOR product. Outside the image their bits are 0, +1,
    which costs nothing. For another value v each weight out there counts v instead of 1, so that
    ``accumulator += (v - 1) * sum of the weights of the taps outside``. v = 0, which is no sign, pads like
    a float convolution; +1 is Larq's ``pad_values=1``.

    Examples
    --------
    >>> x = pack_bits(np.array([1.0, -1.0, -1.0]).reshape(1, 1, 3, 1))
    >>> weight = pack_bits(np.array([[[-1.0], [1.0]]])).reshape(1, 2)  # two taps of one channel
    >>> binary_conv2d(x, weight, channels=1, kernel_size=(1, 2)).ravel()
    array([-2,  0], dtype=int32)
    >>> binary_conv2d(x, weight, 1, (1, 2), padding=(0, 1), padding_value=0).ravel()
    array([ 1, -2,  0,  1], dtype=int32)
    """
    channels, geometry, size, padding_value, threshold = check_binary_conv2d(
        x_words, weight_words, channels, kernel_size, stride, padding, dilation, padding_value, threshold
    )
    patches = im2col(x_words, *geometry)
    words_per_pixel = x_words.shape[3]
    accumulator = xnor_matmul(patches, weight_words, 64 * weight_words.shape[1])
    # unused bits agree, and xnor_matmul counted each as +1
    taps = geometry[0][0] * geometry[0][1]
    accumulator -= np.int32(taps * (64 * words_per_pixel - channels))
    accumulator = accumulator.reshape(len(x_words), *size, len(weight_words))
    if padding_value != 1:
        tap_words = weight_words.reshape(-1, taps, words_per_pixel)
        tap_sums = channels - 2 * np.bitwise_count(tap_words).sum(axis=-1, dtype=np.int32)
        accumulator += np.int32(padding_value - 1) * _outside(x_words.shape[1:3], geometry, size) @ tap_sums.T
    if threshold is None:
        return accumulator
    return pack_bits(~apply_threshold(accumulator, *threshold))


def _outside(image_size, geometry, size):
    """1 for each tap of each patch that lies outside the image, int32 (OH, OW, KH * KW)."""
    image = np.zeros((1, *image_size, 1), np.int8)
    return im2col(image, *geometry, pad_value=1).astype(np.int32).reshape(*size, -1)
