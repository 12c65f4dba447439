"""Checks that many layers share; each returns the value in the form the layer keeps."""

import math
import operator

import numpy as np

from qbref.autograd import Tensor


def integer(name, value, minimum=1):
    """An int of at least `minimum`."""
    rule = f"{name} must be an integer of at least {minimum}, got {value!r}"
    if isinstance(value, bool):
        raise TypeError(rule)
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(rule) from None
    if number < minimum:
        raise ValueError(rule)
    return number


def pair(name, value, minimum=1):
    """Two ints (height, width) of at least `minimum`, from one int or two."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name} must be one integer or two, got {value!r}")
    return tuple(integer(name, v, minimum) for v in values)


def positive(name, value):
    """A finite float above 0."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return float(value)


def probability(name, value):
    """A float in [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")
    return float(value)


def choice(name, value, options):
    """One of the strings in `options`."""
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, got {value!r}")
    return value


def float_input(x, parameter=None, name="input"):
    """A Tensor whose dtype is that of `parameter`."""
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        x = Tensor(x)
    if not isinstance(x, Tensor):
        got = f"an array of {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"{name} must be a Tensor or a float array, got {got}")
    if parameter is not None and x.dtype != parameter.dtype:
        raise TypeError(f"{name} must have the layer's dtype {parameter.dtype}, got {x.dtype}")
    return x
