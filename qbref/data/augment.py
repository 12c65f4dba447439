"""Random changes of training images that keep their class. Each image of a batch draws its own.

A factory fixes the settings and returns ``augment(x, rng=None) -> new x``, what `Loader` calls. Images are
(n, h, w) or (n, c, h, w) of any dtype, which is kept; all channels of an image change alike.
"""

import numpy as np

from qbref.random import default_rng


def random_flip(p=0.5):
    """Mirror each image left to right with probability `p`.

    Parameters
    ----------
    p : float in [0, 1]

    Returns
    -------
    callable
        ``augment(x, rng=None)``

    Examples
    --------
    >>> random_flip(p=1)(np.array([[[1, 2, 3]]]))
    array([[[3, 2, 1]]])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in [0, 1], got {p}")

    def augment(x, rng=None):
        _check_images(x)
        flipped = default_rng(rng).random(len(x)) < p
        return np.where(flipped.reshape(-1, *[1] * (x.ndim - 1)), x[..., ::-1], x)

    return augment


def random_shift(max_pixels, fill=0):
    """Move each image by whole numbers of pixels, uniform in -max_pixels..max_pixels on both axes.

    Parameters
    ----------
    max_pixels : int
    fill : number
        What comes in at the border: the background's value, so not 0 once images are normalized.

    Returns
    -------
    callable
        ``augment(x, rng=None)``

    Examples
    --------
    >>> x = np.full((1000, 1, 3), 7, np.uint8)
    >>> np.unique(random_shift(1)(x, np.random.default_rng(0)), axis=0).reshape(-1, 3)
    array([[0, 0, 0],
           [0, 7, 7],
           [7, 7, 0],
           [7, 7, 7]], dtype=uint8)
    """
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, (int, np.integer)) or max_pixels < 0:
        raise ValueError(f"max_pixels must be a non-negative integer, got {max_pixels!r}")

    def augment(x, rng=None):
        _check_images(x)
        if x.dtype.kind in "iu" and fill not in range(np.iinfo(x.dtype).min, np.iinfo(x.dtype).max + 1):
            raise ValueError(f"fill must be a value of {x.dtype}, got {fill}")
        images = x[:, None] if x.ndim == 3 else x  # (n, c, h, w)
        n, channels, h, w = images.shape
        border = (max_pixels, max_pixels)
        padded = np.pad(images, ((0, 0), (0, 0), border, border), constant_values=fill)
        # Output pixel (i, j) comes from padded pixel (i + down, j + right), 0 <= down, right <= 2 max_pixels.
        down, right = default_rng(rng).integers(0, 2 * max_pixels + 1, size=(2, n, 1))
        image = np.arange(n)[:, None, None, None]
        channel = np.arange(channels)[:, None, None]
        rows = (down + np.arange(h))[:, None, :, None]
        columns = (right + np.arange(w))[:, None, None, :]
        return padded[image, channel, rows, columns].reshape(x.shape)

    return augment


def compose(*augments):
    """Apply several augmentations, the first one first.

    Examples
    --------
    >>> augment = compose(random_flip(), random_shift(2))
    >>> augment(np.zeros((8, 28, 28), np.uint8)).shape
    (8, 28, 28)
    """
    for augment in augments:
        if not callable(augment):
            raise TypeError(f"augments must be callable, got {type(augment).__name__}")

    def augment_all(x, rng=None):
        for augment in augments:
            x = augment(x, rng)
        return x

    return augment_all


def _check_images(x):
    if not isinstance(x, np.ndarray) or x.ndim not in (3, 4):
        raise ValueError(f"x must have shape (n, h, w) or (n, c, h, w), got {np.shape(x)}")
