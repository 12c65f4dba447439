"""Where the signs of an image and of a filter differ, counted over each window, borders included."""

import math

import numpy as np

from qbref.binary.checks import check_choice
from qbref.conventions.larq.bitpacking import widened
from qbref.kernels import backend
from qbref.quant.checks import as_integer

POP_OPTIONS = {"stride": 1, "dilation": 1, "padding": "VALID", "pad_values": 0}


def popcounts(x_words, filter_words, channels, **geometry):
    """pop[n, i, j, o] = popcount over taps and channels of (x xor filter).

    Parameters
    ----------
    x_words : int32 array, shape (N, H, W, ceil(C / 32))
    filter_words : int32 array, shape (O, KH, KW, ceil(C / 32))
        Both from :func:`qbref.conventions.larq.quantize`.
    channels : int
        C.
    stride, dilation : int or (int, int), optional
    padding : {"VALID", "SAME"}, optional
        "SAME" is TensorFlow's: ceil(H / stride) rows, and an odd pixel goes below and to the right.
    pad_values : {0, 1}, optional
        What "SAME" pads with. 1, a sign, is bit 0. For 0 each tap outside counts C / 2 differing signs.

    Returns
    -------
    int32 array, shape (N, OH, OW, O)

    Raises
    ------
    TypeError, ValueError
        If an operand does not fit the description, or C is odd where padding is 0.

    Examples
    --------
    >>> x, w = np.array([[[[1]]]], np.int32), np.zeros((1, 2, 2, 1), np.int32)  # one pixel -+, four taps ++
    >>> popcounts(x, w, channels=2, padding="SAME", pad_values=1).ravel()
    array([1], dtype=int32)
    >>> popcounts(x, w, channels=2, padding="SAME").ravel()  # three taps outside, one differing sign each
    array([4], dtype=int32)
    """
    x_words, filter_words = as_images(x_words, filter_words)
    size, stride, dilation, pads = _geometry(x_words, filter_words, geometry)
    zero_padded = pads_with_zero(geometry)
    if zero_padded and as_integer("channels", channels) % 2:
        raise ValueError(f"channels must be even where 'SAME' pads with 0, got {channels}")
    x, filters = widened(x_words, channels), widened(filter_words, channels)
    x = np.pad(x, ((0, 0), *pads, (0, 0)))
    accumulator = backend.default().binary_conv2d(
        x, filters.reshape(len(filters), math.prod(filters.shape[1:])), channels, size, stride, 0, dilation
    )
    k = math.prod(size) * channels
    pop = (k - accumulator) // 2
    if zero_padded:
        pop += outside_sums(x_words, filter_words, channels, **geometry) // 2
    return pop


def outside_sums(x_words, filter_words, channels, **geometry):
    """Sum of the weights whose taps lie outside the image, int32 (OH, OW, O)."""
    size, stride, dilation, pads = _geometry(x_words, filter_words, geometry)
    filters = widened(filter_words, channels)
    tap_sums = channels - 2 * np.bitwise_count(filters).sum(axis=-1, dtype=np.int32)
    border = np.pad(
        np.zeros((1, *x_words.shape[1:3], 1), np.int8), ((0, 0), *pads, (0, 0)), constant_values=1
    )
    taps = backend.default().im2col(border, size, stride, 0, dilation).astype(np.int32)
    sides = [
        (sum(pad) + n - d * (k - 1) - 1) // s + 1
        for pad, n, k, s, d in zip(pads, x_words.shape[1:3], size, stride, dilation, strict=True)
    ]
    tap_sums = tap_sums.reshape(len(filters), math.prod(size))
    return (taps @ tap_sums.T).reshape(*sides, len(filters))


def as_images(x_words, filter_words):
    """Return both as int32 arrays of four axes."""
    arrays = np.asarray(x_words), np.asarray(filter_words)
    for name, words in zip(("x_words", "filter_words"), arrays, strict=True):
        if words.dtype != np.int32 or words.ndim != 4:
            raise ValueError(f"{name} must be int32 with 4 axes, got {words.dtype} of shape {words.shape}")
    return arrays


def pads_with_zero(geometry):
    """Whether the options of :func:`popcounts` ask for what no bit stands for."""
    options = POP_OPTIONS | geometry
    return options["padding"] == "SAME" and options["pad_values"] == 0


def check_filter_fits(x_words, filter_words, **geometry):
    """Raise a ValueError if the filter, spread by its dilation, is larger than the image."""
    size, _, dilation, _ = _geometry(x_words, filter_words, geometry)
    reach = tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))
    if any(r > n for r, n in zip(reach, x_words.shape[1:3], strict=True)):
        raise ValueError(f"filter_words must span at most the image {x_words.shape[1:3]}, got {reach}")


def _geometry(x_words, filter_words, geometry):
    """Filter size, stride and dilation as pairs, and ((top, bottom), (left, right))."""
    unknown = sorted(geometry.keys() - POP_OPTIONS.keys())
    if unknown:
        raise TypeError(f"geometry must be of {list(POP_OPTIONS)}, got {unknown}")
    options = POP_OPTIONS | geometry
    check_choice("padding", options["padding"], ("VALID", "SAME"))
    check_choice("pad_values", options["pad_values"], (0, 1))
    size = filter_words.shape[1:3]
    stride, dilation = (_pair(name, options[name]) for name in ("stride", "dilation"))
    if options["padding"] == "VALID":
        return size, stride, dilation, ((0, 0), (0, 0))
    pads = []
    for n, k, s, d in zip(x_words.shape[1:3], size, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return size, stride, dilation, tuple(pads)


def _pair(name, value):
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or min(as_integer(name, v) for v in pair) < 1:
        raise ValueError(f"{name} must be one or two positive integers, got {value}")
    return pair
