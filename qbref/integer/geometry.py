"""Where a window looks: kernel size, stride, padding, dilation, each of height and width."""

from dataclasses import dataclass

from qbref.integer.layer import Checked


@dataclass(frozen=True, eq=False)
class Geometry(Checked):
    """The window of a convolution or pooling; unpacks into im2col's arguments."""

    kernel_size: tuple
    stride: tuple
    padding: tuple
    dilation: tuple

    @classmethod
    def of(cls, module):
        """Of an `nn` layer; poolings have no dilation."""
        return cls(module.kernel_size, module.stride, module.padding, getattr(module, "dilation", (1, 1)))

    def check(self):
        """Pairs of integers; only the padding may be 0."""
        for name, low in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            pair = getattr(self, name)
            if len(pair) != 2 or not all(type(n) is int and low <= n < 2**31 for n in pair):
                raise ValueError(f"{name} must be two integers of at least {low}, got {pair!r}")

    def __iter__(self):
        return iter((self.kernel_size, self.stride, self.padding, self.dilation))

    @property
    def taps(self):
        """Positions in the window."""
        return self.kernel_size[0] * self.kernel_size[1]

    def output_size(self, size):
        """(OH, OW) for an image of `size` (H, W)."""
        return tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(size, *self, strict=True)
        )

    def __str__(self):
        return f"{self.kernel_size[0]}×{self.kernel_size[1]}"
