"""Argument checks shared by the quantizers."""

import numpy as np


def as_integer(name, value):
    """Return `value` as an int; a bool, a float or anything else is a TypeError."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    return int(value)


def as_n_bits(n_bits, lowest, highest):
    """Return `n_bits` as an int from `lowest` to `highest`."""
    n_bits = as_integer("n_bits", n_bits)
    if not lowest <= n_bits <= highest:
        raise ValueError(f"n_bits must be from {lowest} to {highest}, got {n_bits}")
    return n_bits


def as_float_array(x):
    """Return `x` as a float32 or float64 array; Python numbers and lists become float32."""
    if not isinstance(x, np.ndarray | np.generic):
        with np.errstate(over="ignore"):  # beyond the largest float is ±inf
            return np.asarray(x, dtype=np.float32)
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(f"x must be float32 or float64, got {x.dtype}")
    return np.asarray(x)


def as_integer_array(name, values):
    """Return `values` as an array of some integer dtype."""
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an integer array, got {values.dtype}")
    return values


def check_within(name, values, lowest, highest):
    """Raise a ValueError that names the first value outside [lowest, highest]."""
    if values.size and (values.min() < lowest or values.max() > highest):
        outside = values[(values < lowest) | (values > highest)].flat[0]
        raise ValueError(f"{name} must lie within [{lowest}, {highest}], got {outside}")


def check_no_nan(x):
    """Raise a ValueError that names the index of the first NaN."""
    if x.size and np.isnan(x.min()):  # min() passes a NaN on
        index = np.unravel_index(np.isnan(x).argmax(), x.shape)
        raise ValueError(f"x must not contain NaN, got NaN at index {tuple(map(int, index))}")


def check_finite(x):
    """Raise a ValueError that names the first value of `x` that is not a finite float32."""
    largest = np.finfo(np.float32).max
    if x.size and not (-largest <= x.min() and x.max() <= largest):  # min() and max() pass a NaN on
        outside = x[~(np.abs(x) <= largest)]
        raise ValueError(f"x must be finite in float32, got {outside.flat[0]}")


def check_not_empty(x):
    """Raise a ValueError if `x` has no elements."""
    if x.size == 0:
        raise ValueError(f"x must not be empty, got shape {x.shape}")
