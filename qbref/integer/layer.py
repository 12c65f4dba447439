"""What every integer layer is: constants, checked once, and a rule that uses a backend's kernels."""

from dataclasses import dataclass, fields, is_dataclass

import numpy as np


class Checked:
    """Mixin for the frozen dataclasses of a model: each field must be what its annotation says.

    Model files come from anywhere; a wrong one is refused when it is read, not when it runs.
    """

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, field.type) or field.type is int and isinstance(value, bool):
                raise TypeError(f"{field.name} must be {field.type}, got {type(value).__name__}")
        self.check()

    def check(self):
        """Rules between the fields."""


@dataclass(frozen=True, eq=False)
class Layer(Checked):
    """One step of an integer model. Images travel as (N, H, W, C): channels last, as the kernels like them.

    Attributes
    ----------
    path : str
        Of the layer it was made from.
    """

    path: str

    def run(self, x, kernels):
        """Integers in, integers out, with the kernels of `kernels`."""
        raise NotImplementedError

    @property
    def nbytes(self):
        """Bytes of all constants: weights, biases, multipliers, tables."""
        return _nbytes(self)

    @property
    def weight_bytes(self):
        """Bytes of the stored weights alone."""
        return _nbytes(getattr(self, "weights", None))

    def describe(self):
        """A few words for the model's summary."""
        return ""


def _nbytes(value):
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, (tuple, list)):
        return sum(map(_nbytes, value))
    if is_dataclass(value):
        return sum(_nbytes(getattr(value, field.name)) for field in fields(value))
    return 0


def named(path, step, *arguments):
    """``step(*arguments)``, its complaints headed by the layer's path."""
    try:
        return step(*arguments)
    except ValueError as error:
        if str(error).startswith("layer "):
            raise
        raise ValueError(f"layer {path!r} must have an integer form, but {error}") from error


def require_array(name, array, dtype, *shape):
    """Refuse an array of another dtype or shape; None in `shape` stands for any length."""
    fits = array.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape, array.shape, strict=True)
    )
    if array.dtype != dtype or not fits:
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(
            f"{name} must be {np.dtype(dtype)} of shape ({expected}), got {array.dtype} {array.shape}"
        )


def require_zero_point(value):
    """Refuse what is no int8 or uint8."""
    if not -128 <= value <= 255:
        raise ValueError(f"zero_point must be in -128..255, got {value}")


def require_unpacked(x):
    """Refuse packed signs where numbers are compared or added."""
    if x.dtype == np.uint64:
        raise ValueError("x must be integers here, got packed signs")


def require_finite(name, array, positive=False):
    """Refuse NaN and infinity, and where numbers must be positive, zero and less."""
    if not np.isfinite(array).all() or positive and not np.all(array > 0):
        raise ValueError(f"{name} must be finite{' and positive' * positive}, got {array}")
