"""Laying out the right-hand side of a product once, for many products."""

import numpy as np

from qbref.kernels._checks_int8 import check_rhs


class PackedRhs:
    """A (K, N) matrix ready to be a right-hand side; made by :func:`pack_rhs`.

    Attributes
    ----------
    shape : (int, int)
    dtype : numpy dtype
    nbytes : int
        Of what is kept.
    variant : str
        What it was packed for.
    """

    variant = "numpy"

    def __init__(self, rhs):
        self.dtype, self.shape = rhs.dtype, rhs.shape
        self._values = rhs.astype(np.float64)

    @property
    def nbytes(self):
        """Bytes of what is kept."""
        return self._values.nbytes

    def centred(self, zero_point):
        """rhs - zero_point in float64, in which int8_matmul sums."""
        return self._values - zero_point if np.any(zero_point) else self._values

    def unpack(self):
        """Return the (K, N) matrix that was packed."""
        return self._values.astype(self.dtype)

    def __repr__(self):
        return f"PackedRhs({self.shape[0]}×{self.shape[1]} {self.dtype}, {self.variant})"


def pack_rhs(rhs):
    """Pack `rhs` for :func:`int8_matmul`: pay once for what every product with it would pay.

    Parameters
    ----------
    rhs : int8 or uint8 array, shape (K, N)
        It is copied; strides of any kind are welcome, a transposed weight matrix for one.

    Returns
    -------
    packed : PackedRhs
        Takes the place of `rhs` in the backend that packed it.

    Raises
    ------
    TypeError, ValueError
        If `rhs` is not an int8 or uint8 matrix.

    Notes
    -----
    Here packing converts to float64, in which the definition of the product sums. The compiled twin orders
    the bytes for the instructions of the processor: neighbours in k that one instruction sums lie side by
    side, in panels as wide as a tile of registers (Goto and van de Geijn, "Anatomy of High-Performance Matrix
    Multiplication", ACM TOMS 34(3), 2008).

    Examples
    --------
    >>> from qbref.kernels import int8_matmul
    >>> weight = np.array([[1, 2, 3], [4, 5, 6]], np.int8)
    >>> packed = pack_rhs(weight.T)
    >>> packed
    PackedRhs(3×2 int8, numpy)
    >>> int8_matmul(np.array([[1, 0, -1]], np.int8), packed)
    array([[-2, -2]], dtype=int32)
    """
    check_rhs(rhs)
    return PackedRhs(rhs)
