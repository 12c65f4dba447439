"""Weights for inputs -1 and +1: 64 products are one xor and one popcount.

To run, a patch is laid out pixel by pixel, each pixel's channels filling whole words, so that images can
be packed first and gathered as words afterwards. The unused bits are 0 on both sides and cancel.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qbref.binary.ternary_bits import TernaryWords, pack_ternary, unpack_ternary
from qbref.integer.layer import Checked, require_array
from qbref.kernels import pack_bits, unpack_bits


class SignProducts(Checked):
    """Mixin: K = taps * C weights for each output, stored without a gap.

    Attributes
    ----------
    channels, taps : int
        C, and the number of pixels in a patch.
    """

    def check(self):
        """At least one channel and one pixel."""
        for name in ("channels", "taps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.n_bits != type(self).n_bits:
            raise ValueError(f"n_bits must be {type(self).n_bits}, got {self.n_bits}")

    @property
    def k(self):
        """Weights of one output."""
        return self.taps * self.channels

    @property
    def unused_bits(self):
        """Bits of a patch that hold no sign: both operands have 0 there, and a product counts each as +1."""
        return self.taps * (-self.channels % 64)

    def _patches(self, signs):
        """Signs (rows, K) → uint64 (rows, taps * ceil(C/64)), in the order of a packed patch."""
        return pack_bits(signs.reshape(-1, self.taps, self.channels)).reshape(len(signs), -1)


@dataclass(frozen=True, eq=False)
class XnorWeights(SignProducts):
    """Weights -1 and +1, one bit each.

    Attributes
    ----------
    words : uint64 ndarray (O, ceil(K/64))
    """

    words: np.ndarray
    channels: int
    taps: int
    n_bits: int = 1

    def check(self):
        """Words fit taps * channels."""
        super().check()
        require_array("words", self.words, np.uint64, None, -(-self.k // 64))

    @property
    def outputs(self):
        """Number of rows."""
        return len(self.words)

    @classmethod
    def from_levels(cls, q, channels):
        """Store (O, taps * C) signs."""
        return cls(pack_bits(q), channels, q.shape[1] // channels)

    @cached_property
    def patch_words(self):
        """The rows that an input is multiplied with: uint64 (O, taps * ceil(C/64))."""
        return self._patches(unpack_bits(self.words, self.k))

    def combine(self, sums):
        """Products with `patch_words` (…, O) → products with the weights (…, O)."""
        return sums


@dataclass(frozen=True, eq=False)
class TernaryXnorWeights(SignProducts):
    """Weights -1, 0 and +1, two bits each: w = (p + m) / 2, with p = +1 and m = -1 where w = 0.

    Two binary products, one with p and one with m, add up to twice the ternary one.

    Attributes
    ----------
    nonzero, negative : uint64 ndarray (O, ceil(K/64))
        The bit-planes of :mod:`qbref.binary.ternary_bits`.
    """

    nonzero: np.ndarray
    negative: np.ndarray
    channels: int
    taps: int
    n_bits: int = 2

    def check(self):
        """Two planes of words that fit taps * channels."""
        super().check()
        for name in ("nonzero", "negative"):
            require_array(name, getattr(self, name), np.uint64, len(self.nonzero), -(-self.k // 64))
        unpack_ternary(self._planes, self.k)

    @property
    def _planes(self):
        return TernaryWords(self.nonzero, self.negative)

    @property
    def outputs(self):
        """Number of rows."""
        return len(self.nonzero)

    @classmethod
    def from_levels(cls, q, channels):
        """Store (O, taps * C) integers -1, 0 and +1."""
        return cls(*pack_ternary(q), channels, q.shape[1] // channels)

    @cached_property
    def patch_words(self):
        """The rows that an input is multiplied with: uint64 (2 O, taps * ceil(C/64)), first p, then m."""
        q = unpack_ternary(self._planes, self.k)
        signs = np.concatenate([np.where(q < 0, -1, 1), np.where(q > 0, 1, -1)]).astype(np.int8)
        return self._patches(signs)

    def combine(self, sums):
        """Products with `patch_words` (…, 2 O) → products with the weights (…, O): half of p's plus m's."""
        return (sums[..., : self.outputs] + sums[..., self.outputs :]) >> 1
