"""Quantization with a lookup table: a code of a few bits selects one of 2^n_bits real levels.

    code  = argmin_j |x − levels[j]|        x_hat = levels[code]

The levels need no even spacing, so they can crowd where the values do. Han et al., "Deep
Compression" (arXiv 1510.00149, section 3), find them with k-means and call it weight sharing;
:mod:`qbref.quant.codebooks` holds the other methods.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from qbref.quant import codebooks
from qbref.quant.checks import (
    as_float_array,
    as_integer_array,
    as_n_bits,
    check_finite,
    check_no_nan,
    check_not_empty,
    check_within,
)
from qbref.quant.granularity import check_granularity, groups, scale_shape
from qbref.quant.kmeans import kmeans_1d, midpoints

METHODS = ("kmeans", *codebooks.__all__)


@dataclass(frozen=True, eq=False)
class Codebook:
    """The levels a code stands for, checked once and never changed.

    Parameters
    ----------
    levels : float32 array, shape (2^n_bits,)
        Finite, in ascending order; repeats are allowed. With `axis`: (C, 2^n_bits), one row for each
        channel. With `block_size` too: the shape of the tensor, where dimension `axis` counts
        blocks, followed by 2^n_bits.
    n_bits : int
        1 to 8.
    axis, block_size : int, optional
        As for :class:`qbref.quant.QuantParams`.

    Raises
    ------
    TypeError, ValueError
        If any of these rules is broken.

    Examples
    --------
    >>> Codebook([-1.0, 0.0, 0.5, 2.0], n_bits=2).levels
    array([-1. ,  0. ,  0.5,  2. ], dtype=float32)
    """

    levels: np.ndarray
    n_bits: int
    axis: int | None = None
    block_size: int | None = None

    def __post_init__(self):
        n_bits = as_n_bits(self.n_bits, 1, 8)
        with np.errstate(over="ignore"):
            levels = np.array(self.levels, dtype=np.float32)  # a copy
        if levels.ndim == 0 or levels.shape[-1] != 2**n_bits:
            raise ValueError(f"levels must have {2**n_bits} entries on the last axis, got {levels.shape}")
        check_granularity("levels", levels.shape[:-1], self.axis, self.block_size)
        if not np.isfinite(levels).all():
            raise ValueError(f"levels must be finite, got {levels[~np.isfinite(levels)][0]}")
        if (levels[..., :-1] > levels[..., 1:]).any():
            raise ValueError(f"levels must be in ascending order, got {levels}")
        levels.setflags(write=False)
        object.__setattr__(self, "levels", levels)

    def _key(self):
        return self.levels.shape, self.levels.tobytes(), self.axis, self.block_size

    def __eq__(self, other):
        return self._key() == other._key() if isinstance(other, Codebook) else NotImplemented

    def __hash__(self):
        return hash(self._key())

    def __deepcopy__(self, memo):
        return self  # immutable; a copied array would be writable again


def fit_codebook(x, n_bits, method="kmeans", axis=None, block_size=None, init="linear", rng=None):
    """Choose 2^n_bits levels for `x`, by default the centroids of a k-means clustering.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
        Finite, not empty.
    n_bits : int
        1 to 8; from 2 for "power_of_two", "apot" and "mu_law"; 4 for "nf4".
    method : {"kmeans", "lloyd_max", "equal_population", "power_of_two", "apot", "mu_law", "nf4"}
        See :func:`qbref.quant.kmeans.kmeans_1d` and the functions of :mod:`qbref.quant.codebooks`.
    axis, block_size : int, optional
        One table for the whole tensor, for each channel, or for each block.
    init : {"linear", "kmeans++"}
        Start of the iterations of method "kmeans". The default draws nothing.
    rng : numpy.random.Generator, optional
        For "kmeans++".

    Returns
    -------
    Codebook

    Raises
    ------
    TypeError, ValueError
        If `x` is not a float array, is empty, or holds NaN or infinities; for an unknown method, or bits
        that it does not offer.

    Examples
    --------
    >>> fit_codebook([0.9, 1.1, 5.0, 7.0], n_bits=1).levels
    array([1., 6.], dtype=float32)
    """
    x = as_float_array(x)
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    if method != "kmeans" and init != "linear":
        raise ValueError(f"init must be left out for method {method!r}, got {init!r}")
    n_levels = 2 ** as_n_bits(n_bits, 1, 8)
    check_not_empty(x)
    check_finite(x)
    levels = np.empty((*scale_shape(x.shape, axis, block_size), n_levels), np.float32)
    if method == "kmeans":
        fit = partial(kmeans_1d, k=n_levels, init=init, rng=rng)
    else:
        fit = partial(getattr(codebooks, method), n_bits=n_bits)
    for position, index in groups(x.shape, axis, block_size):
        levels[position] = fit(x[index])
    return Codebook(levels, n_bits, axis, block_size)


def quantize_lut(x, codebook):
    """code = argmin_j |x − levels[j]|, the lower level at a tie.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    codebook : Codebook

    Returns
    -------
    uint8 array, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        If `x` is not a float array, holds NaN, or does not fit the codebook.

    Notes
    -----
    ±inf take the outermost levels. Of equal levels the first is chosen. Midpoints are formed in float64.

    Examples
    --------
    >>> quantize_lut([-9.0, 0.25, 0.26, 9.0], Codebook([-1.0, 0.0, 0.5, 2.0], n_bits=2))
    array([0, 1, 2, 3], dtype=uint8)
    """
    x = as_float_array(x)
    check_no_nan(x)
    codes = np.empty(x.shape, np.uint8)
    for levels, index in _tables(codebook, x.shape):
        codes[index] = np.searchsorted(midpoints(levels), x[index], side="left")
    return codes


def dequantize_lut(codes, codebook):
    """x_hat = levels[code].

    Parameters
    ----------
    codes : integer array with values in [0, 2^n_bits)
    codebook : Codebook

    Returns
    -------
    float32 array, the shape of `codes`

    Raises
    ------
    TypeError, ValueError
        If `codes` is not an integer array, a code is out of range, or the shape does not fit.

    Examples
    --------
    >>> dequantize_lut(np.array([0, 3, 1], np.uint8), Codebook([-1.0, 0.0, 0.5, 2.0], n_bits=2))
    array([-1.,  2.,  0.], dtype=float32)
    """
    codes = as_integer_array("codes", codes)
    check_within("codes", codes, 0, codebook.levels.shape[-1] - 1)
    x_hat = np.empty(codes.shape, np.float32)
    for levels, index in _tables(codebook, codes.shape):
        x_hat[index] = levels[codes[index]]
    return x_hat


def check_fits(codebook, shape):
    """Raise a ValueError unless the codebook has one table for each group of an array of this shape."""
    expected = (*scale_shape(shape, codebook.axis, codebook.block_size), 2**codebook.n_bits)
    if codebook.levels.shape != expected:
        raise ValueError(
            f"levels must have shape {expected} for x of shape {shape}, got {codebook.levels.shape}"
        )


def _tables(codebook, shape):
    """Yield (levels, index): the elements ``x[index]`` of an x of this shape use these levels."""
    check_fits(codebook, shape)
    for position, index in groups(shape, codebook.axis, codebook.block_size):
        yield codebook.levels[position], index
