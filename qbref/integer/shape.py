"""Layers that move or compare integers without changing their grid."""

from dataclasses import dataclass

import numpy as np

from qbref.integer.border import channels_first
from qbref.integer.geometry import Geometry
from qbref.integer.layer import Layer, require_unpacked, require_zero_point
from qbref.qnn.arithmetic import Requantizer
from qbref.qnn.residual import AddArithmetic


@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """(N, H, W, C) → (N, C*H*W), the order that the next layer's weights were trained in.

    Packed signs keep their order, pixel after pixel; the binary layer that follows stores its weights so.
    """

    def run(self, x, kernels):
        """One vector per sample."""
        return (x if x.dtype == np.uint64 else channels_first(x)).reshape(len(x), -1)


@dataclass(frozen=True, eq=False)
class ReLU(Layer):
    """max(q, zero_point): real zero is an integer of the grid."""

    zero_point: int

    def check(self):
        """An integer of a grid."""
        require_zero_point(self.zero_point)

    def run(self, x, kernels):
        """Integers → integers."""
        require_unpacked(x)
        return np.maximum(x, x.dtype.type(self.zero_point))


@dataclass(frozen=True, eq=False)
class MaxPool2d(Layer):
    """Largest integer of each window; for packed signs the largest is +1 if any is: a bitwise and."""

    geometry: Geometry

    def check(self):
        """Windows that reach into the image."""
        _require_pooling(self.geometry)

    def run(self, x, kernels):
        """(N, H, W, C) → (N, OH, OW, C)."""
        packed = x.dtype == np.uint64
        lowest = np.iinfo(x.dtype).max if packed else np.iinfo(x.dtype).min
        return reduce_windows(np.bitwise_and if packed else np.maximum, x, self.geometry, lowest)


@dataclass(frozen=True, eq=False)
class AvgPool2d(Layer):
    """q_y = z_y + M sum(q_x - z_x) over each window; padding counts as real zero."""

    geometry: Geometry
    zero_point: int
    finish: Requantizer

    def check(self):
        """Windows that reach into the image, and one multiplier."""
        _require_pooling(self.geometry)
        require_zero_point(self.zero_point)
        self.finish.require_channels(1)

    def run(self, x, kernels):
        """(N, H, W, C) → (N, OH, OW, C)."""
        require_unpacked(x)
        centred = x.astype(np.int32) - np.int32(self.zero_point)
        return self.finish(reduce_windows(np.add, centred, self.geometry, 0), kernels)


def _require_pooling(geometry):
    if any(2 * p > k for p, k in zip(geometry.padding, geometry.kernel_size, strict=True)):
        raise ValueError(
            f"padding must be at most half of kernel_size {geometry.kernel_size}, got {geometry.padding}"
        )


def reduce_windows(combine, x, geometry, outside):
    """`combine` over every window of (N, H, W, C): first along its columns, then along its rows.

    A maximum of maxima, a sum of sums: height + width steps instead of height * width, and the longer
    half of them on whole rows of memory. `outside` pads.
    """
    (height, width), (down, right), (top, left), _ = geometry
    if top or left:
        x = np.pad(x, ((0, 0), (top, top), (left, left), (0, 0)), constant_values=outside)
    if height > x.shape[1] or width > x.shape[2]:
        raise ValueError(f"kernel_size must fit into {x.shape[1:3]}, got {(height, width)}")
    rows, columns = (x.shape[1] - height) // down + 1, (x.shape[2] - width) // right + 1
    x = _reduce(combine, [x[:, i : i + (rows - 1) * down + 1 : down] for i in range(height)])
    return _reduce(combine, [x[:, :, j : j + (columns - 1) * right + 1 : right] for j in range(width)])


def _reduce(combine, views):
    first, *others = views
    result = combine(first, others[0]) if others else first.copy()
    for view in others[1:]:
        combine(result, view, out=result)
    return result


@dataclass(frozen=True, eq=False)
class Add(Layer):
    """y = finish(body(x) + shortcut(x)) on integers of three grids.

    Attributes
    ----------
    body, shortcut : tuple of Layer
        An empty shortcut hands x through.
    add : qbref.qnn.residual.AddArithmetic
    """

    body: tuple
    shortcut: tuple
    add: AddArithmetic

    def check(self):
        """Both branches are layers."""
        for layer in (*self.body, *self.shortcut):
            if not isinstance(layer, Layer):
                raise TypeError(f"body and shortcut must hold layers, got {type(layer).__name__}")

    def run(self, x, kernels):
        """Integers → integers."""
        a = b = x
        for layer in self.body:
            a = layer.run(a, kernels)
        for layer in self.shortcut:
            b = layer.run(b, kernels)
        return self.add(a, b, kernels)

    @property
    def weight_bytes(self):
        """Of both branches."""
        return sum(layer.weight_bytes for layer in (*self.body, *self.shortcut))

    def describe(self):
        """The branches' layers."""
        branches = (" ".join(type(layer).__name__ for layer in part) for part in (self.body, self.shortcut))
        body, shortcut = branches
        return f"{body} + {shortcut or 'x'}"
