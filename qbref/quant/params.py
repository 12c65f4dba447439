"""QuantParams: everything needed to go from real numbers to integers and back.

A uniform quantizer is the affine map

    x = scale · (q − zero_point),    qmin ≤ q ≤ qmax

(Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", arXiv 1712.05877, equation 1). The scale is the width of one step, and the zero point is
the integer that stands for the real number 0.
"""

from dataclasses import dataclass

import numpy as np

from qbref.quant.checks import as_integer, as_integer_array, check_within
from qbref.quant.granularity import check_granularity, expand, scale_shape
from qbref.quant.rounding import ROUNDINGS

MAX_LEVELS = 2**16


@dataclass(frozen=True, eq=False, repr=False)
class QuantParams:
    """The constants of ``x = scale · (q − zero_point)``, checked once and never changed.

    Parameters
    ----------
    scale : float or float32 array
        Step width, finite and positive. Its shape sets the granularity: a scalar for the whole
        tensor; one value per channel, shape ``(C,)``, with `axis`; with `block_size` the shape of
        the tensor, where dimension `axis` counts blocks: ``ceil(D / block_size)``.
    zero_point : int or int32 array
        The integer for real 0, within ``[qmin, qmax]``; the shape of `scale`, or a scalar for all.
    qmin, qmax : int
        The integers in use, ``qmin < qmax``, at most 65536 of them.
    axis : int, optional
        Channel or block dimension, may be negative.
    block_size : int, optional
        Elements along `axis` that share one scale; the last block may be shorter.
    rounding : {"half_even", "half_away", "half_up"}
    dtype : integer dtype, optional
        Storage type of q; by default the smallest of int8, int16 (qmin < 0) or uint8, uint16.

    Raises
    ------
    ValueError, TypeError
        If any of these rules is broken.

    Examples
    --------
    >>> QuantParams(scale=0.5, zero_point=-3, qmin=-128, qmax=127)
    QuantParams(scale=0.5, zero_point=-3, [-128, 127])
    >>> QuantParams([0.5, 0.25], 0, -7, 7, axis=0)
    QuantParams(scale=[0.25..0.5] x 2, zero_point=0, [-7, 7], axis=0)
    """

    scale: np.ndarray
    zero_point: np.ndarray
    qmin: int
    qmax: int
    axis: int | None = None
    block_size: int | None = None
    rounding: str = "half_even"
    dtype: np.dtype | None = None

    def __post_init__(self):
        qmin, qmax = as_integer("qmin", self.qmin), as_integer("qmax", self.qmax)
        if not qmin < qmax:
            raise ValueError(f"qmin must be below qmax, got [{qmin}, {qmax}]")
        if qmax - qmin >= MAX_LEVELS:
            raise ValueError(f"[qmin, qmax] must hold at most {MAX_LEVELS} integers, got [{qmin}, {qmax}]")
        if self.rounding not in ROUNDINGS:
            raise ValueError(f"rounding must be one of {sorted(ROUNDINGS)}, got {self.rounding!r}")
        scale = _checked_scale(self.scale)
        check_granularity("scale", scale.shape, self.axis, self.block_size)
        checked = {
            "scale": scale,
            "zero_point": _checked_zero_point(self.zero_point, scale.shape, qmin, qmax),
            "qmin": qmin,
            "qmax": qmax,
            "dtype": _checked_dtype(self.dtype, qmin, qmax),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def n_bits(self):
        """Bits needed to count the integers from qmin to qmax: 8 for [−128, 127] and for [−127, 127]."""
        return (self.qmax - self.qmin).bit_length()

    def expand(self, shape):
        """Return (scale, zero_point), shaped to broadcast against an array of the given shape.

        Raises
        ------
        ValueError
            If the number of channels or blocks does not fit `shape`.
        """
        granularity = tuple(shape), self.axis, self.block_size
        expected = scale_shape(*granularity)
        if self.scale.shape != expected:
            rule = f"have shape {expected} for x of shape {tuple(shape)}"
            raise ValueError(f"scale must {rule}, got {self.scale.shape}")
        return expand(self.scale, *granularity), expand(self.zero_point, *granularity)

    def _key(self):
        arrays = (self.scale.shape, self.scale.tobytes(), self.zero_point.tobytes())
        return (*arrays, self.qmin, self.qmax, self.axis, self.block_size, self.rounding, self.dtype)

    def __eq__(self, other):
        return self._key() == other._key() if isinstance(other, QuantParams) else NotImplemented

    def __hash__(self):
        return hash(self._key())

    def __deepcopy__(self, memo):
        return self  # immutable; a copied array would be writable again

    def __repr__(self):
        count = " x " + "x".join(map(str, self.scale.shape)) if self.scale.ndim else ""
        text = f"scale={_spread(self.scale)}{count}, zero_point={_spread(self.zero_point)}"
        text += f", [{self.qmin}, {self.qmax}]"
        if self.axis is not None:
            text += f", axis={self.axis}"
        if self.block_size is not None:
            text += f", block_size={self.block_size}"
        if self.rounding != "half_even":
            text += f", rounding={self.rounding}"
        return f"QuantParams({text})"


def _checked_scale(scale):
    with np.errstate(over="ignore"):
        scale32 = np.array(scale, dtype=np.float32)  # a copy
    bad = ~(np.isfinite(scale32) & (scale32 > 0))
    if bad.any():
        raise ValueError(
            f"scale must be finite and positive in float32, got {np.asarray(scale)[bad].flat[0]}"
        )
    return _read_only(scale32)


def _checked_zero_point(zero_point, shape, qmin, qmax):
    zero_point = as_integer_array("zero_point", zero_point)
    if zero_point.shape not in ((), shape):
        raise ValueError(f"zero_point must have the shape of scale {shape}, got {zero_point.shape}")
    check_within("zero_point", zero_point, qmin, qmax)
    return _read_only(np.broadcast_to(zero_point, shape).astype(np.int32))


def _checked_dtype(dtype, qmin, qmax):
    if dtype is None:
        candidates = (np.int8, np.int16) if qmin < 0 else (np.uint8, np.uint16)
    else:
        candidates = (dtype,)
    for candidate in map(np.dtype, candidates):
        if candidate.kind not in "iu":
            raise TypeError(f"dtype must be an integer type, got {candidate}")
        limits = np.iinfo(candidate)
        if limits.min <= qmin and qmax <= limits.max:
            return candidate
    raise ValueError(f"dtype must hold [{qmin}, {qmax}], got {candidate}")


def _read_only(array):
    array.setflags(write=False)
    return array


def _spread(values):
    lowest, highest = values.min(), values.max()
    return f"{lowest:.6g}" if lowest == highest else f"[{lowest:.6g}..{highest:.6g}]"
