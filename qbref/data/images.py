"""Labelled images: the two bundled sets, and the step from stored bytes to network input."""

from typing import NamedTuple

import numpy as np

from qbref.data.bundle import load_arrays

DIGIT_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
FASHION_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class ImageData(NamedTuple):
    """Images and labels of a training and a test half; label i means ``class_names[i]``.

    Images are uint8, (n, height, width) for grey ones and (n, 3, height, width) for colour; labels
    are uint8, (n,).
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]


def fashion_mnist():
    """Fashion-MNIST: 3,000 training images, 300 of each class, and the whole test half of 10,000.

    Returns
    -------
    ImageData
        Images (n, 28, 28) with values 0..255; 0 is the background.

    Notes
    -----
    The test half is whole because few test images cannot tell close methods apart: at 86 % accuracy
    a 95 % interval is ±0.7 points wide with 10,000 images and ±2.2 with 1,000.

    Xiao, Rasul, Vollgraf: "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
    Algorithms", arXiv:1708.07747. The full training half is read by `read_mnist_folder`.

    Examples
    --------
    >>> images = fashion_mnist()
    >>> images.x_train.shape, images.x_test.shape, images.class_names[images.y_test[0]]
    ((3000, 28, 28), (10000, 28, 28), 'Ankle boot')
    """
    return ImageData(**load_arrays("fashion_mnist"), class_names=FASHION_NAMES)


def uci_digits():
    """Handwritten digits, 8 x 8, 1,437 training and 360 test images: small enough for quick trials.

    Returns
    -------
    ImageData
        Images (n, 8, 8) with values 0..16: the ink counted in 4 x 4 cells of a 32 x 32 bitmap.

    Notes
    -----
    The same people wrote training and test digits, so accuracy says nothing about new writers.

    Alpaydin, Kaynak: Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
    doi:10.24432/C50P49.

    Examples
    --------
    >>> digits = uci_digits()
    >>> digits.x_train.shape, digits.x_train.max()
    ((1437, 8, 8), np.uint8(16))
    """
    return ImageData(**load_arrays("uci_digits"), class_names=DIGIT_NAMES)


def normalize(images, mean, std, max_value=255):
    """(x / max_value - mean) / std as float32, grey images with a channel axis of one.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w) or (n, c, h, w)
    mean, std : float, or one per channel
        In units of x / max_value. Measured on the *training* half, used on both.
    max_value : int
        What counts as 1.0: 255 for bytes, 16 for `uci_digits`.

    Returns
    -------
    ndarray of float32, (n, 1, h, w) or (n, c, h, w)

    Examples
    --------
    >>> normalize(np.array([[[0, 51, 255]]], np.uint8), mean=0.2, std=0.4)
    array([[[[-0.5,  0. ,  2. ]]]], dtype=float32)
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise TypeError(
            f"images must be an ndarray of uint8, got {getattr(images, 'dtype', type(images).__name__)}"
        )
    if images.ndim not in (3, 4):
        raise ValueError(f"images must have shape (n, h, w) or (n, c, h, w), got {images.shape}")
    if not np.all(np.asarray(std) > 0):
        raise ValueError(f"std must be positive, got {std}")
    if not max_value > 0:
        raise ValueError(f"max_value must be positive, got {max_value}")
    x = images[:, None] if images.ndim == 3 else images
    mean, std = (_per_channel(value, x.shape[1], name) for value, name in ((mean, "mean"), (std, "std")))
    return ((x / max_value - mean) / std).astype(np.float32)


def _per_channel(value, channels, name):
    value = np.asarray(value, np.float64)
    if value.ndim > 1 or value.size not in (1, channels):
        raise ValueError(f"{name} must be one number or {channels}, one per channel, got {value.tolist()}")
    return value.reshape(-1, 1, 1)
