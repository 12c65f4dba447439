"""Argument checks shared by the binary and ternary quantizers."""

import numpy as np

BOUNDARIES = ("inclusive", "exclusive")


def as_float(name, values):
    """Return `values` as a float32 or float64 array; Python numbers and lists become float32."""
    if not isinstance(values, np.ndarray | np.generic):
        return np.asarray(values, np.float32)
    if values.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {values.dtype}")
    return np.asarray(values)


def as_upstream(upstream, x):
    """Return `upstream` as a float array, after checking that it has the shape of `x`."""
    upstream = as_float("upstream", upstream)
    if upstream.shape != x.shape:
        raise ValueError(f"upstream must have shape {x.shape}, got shape {upstream.shape}")
    return upstream


def as_weights(w):
    """Return `w` as a float array with an axis of output channels and weights in each."""
    w = as_float("w", w)
    if w.ndim < 2 or w.size == 0:
        raise ValueError(f"w must have output channels and weights in each, got shape {w.shape}")
    return w


def as_channels(name, values, x, axis):
    """Return one finite number per channel of `x`, shaped to broadcast against it."""
    values = as_float(name, values)
    if not -x.ndim <= axis < x.ndim or values.shape != (x.shape[axis],):
        rule = f"hold one number per index of axis {axis} of shape {x.shape}"
        raise ValueError(f"{name} must {rule}, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite, got {values[~np.isfinite(values)][0]}")
    return along_axis(values, x.ndim, axis)


def check_finite(name, values):
    """Raise a ValueError that names the first value that is not a finite float32."""
    finite = np.abs(values) <= np.finfo(np.float32).max  # False for NaN
    if not finite.all():
        raise ValueError(f"{name} must be finite in float32, got {values[~finite].flat[0]}")


def check_choice(name, value, choices):
    """Raise a ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {choices}, got {value!r}")


def along_axis(values, ndim, axis=0):
    """Reshape (C,) to (1, ..., C, ..., 1), with C at `axis`."""
    shape = [1] * ndim
    shape[axis] = -1
    return np.reshape(values, shape)


def other_axes(ndim, axis):
    """All axes but `axis`: what a sum per channel runs over. None: all of them."""
    return tuple(range(ndim)) if axis is None else tuple(a for a in range(ndim) if a != axis % ndim)
