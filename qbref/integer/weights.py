"""How weights are stored, and the integers that the kernels multiply by.

Rows are output channels, columns the K weights of one output, in the order in which im2col lays out
a patch: kernel row, kernel column, channel.
"""

from dataclasses import dataclass

import numpy as np

from qbref.integer.layer import Checked, require_array
from qbref.kernels import pack_bits, unpack_bits
from qbref.quant.packing import pack_int2, pack_int4, unpack_int2, unpack_int4

FEW_ROWS = 16  # as long as reading the weights takes longer than multiplying, 4-bit ones are read as stored

STORED = {4: (pack_int4, unpack_int4), 2: (pack_int2, unpack_int2)}


class DenseWeights(Checked):
    """Mixin for weights that are multiplied as int8, however they are stored."""

    @property
    def dense(self):
        """The weights as int8 (O, K)."""
        raise NotImplementedError

    def product(self, x, zero_point, kernels, bias=None, requantization=None):
        """bias + sum_k (x - zero_point) q: (M, K) → int32 (M, O), or requantized."""
        rhs = packed_once(self, kernels, lambda: kernels.pack_rhs(self.dense.T))
        return kernels.int8_matmul(x, rhs, zero_point, bias=bias, requantization=requantization)


def packed_once(owner, kernels, pack):
    """What `pack` returns, kept in `owner` for this backend: weights are laid out at the first run."""
    kept = owner.__dict__.setdefault("_packed", {})
    if kernels.__name__ not in kept:
        kept[kernels.__name__] = pack()
    return kept[kernels.__name__]


@dataclass(frozen=True, eq=False)
class IntWeights(DenseWeights):
    """Integers of `n_bits`: two to a byte up to 4 bits, four to a byte at 2 bits.

    Attributes
    ----------
    data : int8 ndarray (O, K), or uint8 (O, ceil(K/2)) or (O, ceil(K/4)) packed
    k, n_bits : int
    """

    data: np.ndarray
    k: int
    n_bits: int

    def check(self):
        """Packed columns fit k."""
        if not 2 <= self.n_bits <= 8:
            raise ValueError(f"n_bits must be in 2..8, got {self.n_bits}")
        require_columns(self.k)
        width = _stored_bits(self.n_bits)
        require_array("data", self.data, np.int8 if width == 8 else np.uint8, None, -(-self.k * width // 8))

    @property
    def outputs(self):
        """Number of rows."""
        return len(self.data)

    @classmethod
    def from_levels(cls, q, n_bits):
        """Store (O, K) int8 integers."""
        width = _stored_bits(n_bits)
        data = np.ascontiguousarray(q) if width == 8 else STORED[width][0](q)
        return cls(data, q.shape[1], n_bits)

    def product(self, x, zero_point, kernels, bias=None, requantization=None):
        """bias + sum_k (x - zero_point) q: (M, K) → int32 (M, O), or requantized."""
        if _stored_bits(self.n_bits) != 4 or len(x) > FEW_ROWS:
            return super().product(x, zero_point, kernels, bias, requantization)
        accumulator = kernels.int4_matmul(x, self.data, lhs_zero_point=zero_point)
        return _finished(accumulator, kernels, bias, requantization)

    @property
    def dense(self):
        """The integers as int8 (O, K)."""
        width = _stored_bits(self.n_bits)
        return self.data if width == 8 else STORED[width][1](self.data, self.k)


def require_columns(k):
    """Refuse rows of less than nothing, which rounding up to whole bytes would hide."""
    if k < 0:
        raise ValueError(f"k must be at least 0, got {k}")


def _finished(accumulator, kernels, bias, requantization):
    if bias is not None:
        accumulator += bias
    return accumulator if requantization is None else kernels.requantize(accumulator, *requantization)


def _stored_bits(n_bits):
    return 2 if n_bits <= 2 else 4 if n_bits <= 4 else 8


@dataclass(frozen=True, eq=False)
class LutWeights(DenseWeights):
    """Codes of 4 bits into a table of sixteen int8 values, or of 2 bits into one of four.

    A product with few rows reads 4-bit codes as stored.

    Attributes
    ----------
    codes : uint8 ndarray (O, ceil(K/2)) or (O, ceil(K/4))
    table : int8 ndarray (16,) or (4,)
    k, n_bits : int
    """

    codes: np.ndarray
    table: np.ndarray
    k: int
    n_bits: int = 4

    def check(self):
        """Two or four codes to a byte, sixteen or four table entries."""
        if self.n_bits not in STORED:
            raise ValueError(f"n_bits must be one of {sorted(STORED)}, got {self.n_bits}")
        require_columns(self.k)
        require_array("codes", self.codes, np.uint8, None, -(-self.k * self.n_bits // 8))
        require_array("table", self.table, np.int8, 2**self.n_bits)

    @property
    def outputs(self):
        """Number of rows."""
        return len(self.codes)

    @classmethod
    def from_levels(cls, codes, table):
        """Store (O, K) codes; a shorter table is filled up with zeros that no code names."""
        n_bits = 2 if len(table) <= 4 else 4
        table = np.concatenate([table, np.zeros(2**n_bits - len(table), np.int8)])
        return cls(STORED[n_bits][0](codes), table, codes.shape[1], n_bits)

    @property
    def dense(self):
        """The table's entries as int8 (O, K)."""
        return self.table[STORED[self.n_bits][1](self.codes, self.k, signed=False)]

    def product(self, x, zero_point, kernels, bias=None, requantization=None):
        """bias + sum_k (x - zero_point) table[code]: (M, K) → int32 (M, O), or requantized."""
        if self.n_bits != 4 or len(x) > FEW_ROWS:
            return super().product(x, zero_point, kernels, bias, requantization)
        accumulator = kernels.lut_matmul(x, self.codes, self.table, lhs_zero_point=zero_point)
        return _finished(accumulator, kernels, bias, requantization)


@dataclass(frozen=True, eq=False)
class SignWeights(DenseWeights):
    """Weights -1 and +1, one bit each, for inputs of several bits.

    Attributes
    ----------
    words : uint64 ndarray (O, ceil(K/64))
    k : int
    """

    words: np.ndarray
    k: int
    n_bits: int = 1

    def check(self):
        """Words fit k."""
        require_columns(self.k)
        if self.n_bits != 1:
            raise ValueError(f"n_bits must be 1, got {self.n_bits}")
        require_array("words", self.words, np.uint64, None, -(-self.k // 64))

    @property
    def outputs(self):
        """Number of rows."""
        return len(self.words)

    @classmethod
    def from_levels(cls, q):
        """Store (O, K) signs."""
        return cls(pack_bits(q), q.shape[1])

    @property
    def dense(self):
        """The signs as int8 (O, K)."""
        return unpack_bits(self.words, self.k)
