"""Quantized weights as integers, the form in which training, simulation and integer engine agree."""

from dataclasses import dataclass, replace

import numpy as np

TABLE_SIZE = 16  # of the integer engine: 4-bit codes


@dataclass(frozen=True)
class Levels:
    """Quantized weights as integers: ``w_hat = scale * q``.

    Attributes
    ----------
    q : int8 or int16 ndarray of the weight's shape
    scale : float32 ndarray
        Positive: one number, or one per output channel.
    n_bits : int
        Bits that one stored weight needs: 1 (binary), code bits (table) or the integer's.
    table : int8 ndarray or None
        The table that the codes index; ``q == table[codes]``.
    codes : uint8 ndarray or None

    Examples
    --------
    >>> levels = Levels(np.array([[1, -1], [-1, 1]], np.int8), np.float32(0.5), n_bits=1)
    >>> turned = levels.times(np.array([2.0, -4.0], np.float32))
    >>> turned.q.tolist(), turned.scale.tolist()
    ([[1, -1], [1, -1]], [1.0, 2.0])
    """

    q: np.ndarray
    scale: np.ndarray
    n_bits: int
    table: np.ndarray | None = None
    codes: np.ndarray | None = None

    def times(self, gain):
        """The levels of ``gain * w_hat``, one factor for each output channel.

        Parameters
        ----------
        gain : float32 ndarray (O,)
            A negative factor turns the integers of its channel; 0 leaves them a vanishing scale.

        Raises
        ------
        ValueError
            If a channel to be turned holds -128, which has no counterpart in int8. Of fewer bits, a most
            negative integer may be turned, and the levels then take one bit more.
        """
        scale = self.scale * np.maximum(np.abs(gain), np.finfo(np.float32).tiny)
        scale = np.maximum(scale, np.finfo(np.float32).tiny).astype(np.float32)
        turned = gain < 0
        if not turned.any():
            return replace(self, scale=scale)
        smallest = int(self.q[turned].min(initial=0))
        if smallest == np.iinfo(self.q.dtype).min:
            raise ValueError(f"weights must be of narrow range where a gain is negative, got {smallest}")
        outgrown = self.n_bits > 1 and smallest == -(2 ** (self.n_bits - 1))
        q = self.q.copy()
        q[turned] = -q[turned]
        form = self._turned_table(q) or dict(n_bits=self.n_bits + outgrown)
        return replace(self, q=q, scale=scale, **form)

    def _turned_table(self, q):
        """Codes and a table that also holds the turned values; neither, where sixteen are not enough."""
        if self.table is None:
            return {}
        table = np.unique(np.concatenate([self.table, -self.table]))
        if len(table) > TABLE_SIZE:
            return dict(table=None, codes=None, n_bits=8)
        codes = np.searchsorted(table, q).astype(np.uint8)
        return dict(table=table, codes=codes, n_bits=max(1, int(len(table) - 1).bit_length()))
