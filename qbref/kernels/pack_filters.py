"""Laying out the filters of a convolution once, for many images."""

import numpy as np

from qbref.kernels._checks_int8 import check_filters
from qbref.kernels.pack_rhs import pack_rhs


class PackedFilters:
    """Filters ready for :func:`int8_conv2d`; made by :func:`pack_filters`.

    Attributes
    ----------
    shape : (int, int, int, int)
        (O, KH, KW, C / groups).
    groups : int
    dtype : numpy dtype
    parts : tuple of PackedRhs
        One (KH*KW*C/groups, O/groups) matrix per group.
    """

    def __init__(self, weight, groups):
        self.shape, self.dtype, self.groups = weight.shape, weight.dtype, groups
        rows = weight.reshape(groups, weight.shape[0] // groups, -1)
        self.parts = tuple(pack_rhs(part.T) for part in rows)

    @property
    def nbytes(self):
        """Bytes of what is kept."""
        return sum(part.nbytes for part in self.parts)

    def unpack(self):
        """Return the (O, KH, KW, C / groups) filters that were packed."""
        return np.concatenate([part.unpack().T for part in self.parts]).reshape(self.shape)

    def __repr__(self):
        return f"PackedFilters({'×'.join(map(str, self.shape))} {self.dtype}, groups={self.groups})"


def pack_filters(weight, groups=1):
    """Pack `weight` for :func:`int8_conv2d`: pay once for what every image would pay.

    Parameters
    ----------
    weight : int8 or uint8 array, shape (O, KH, KW, C / groups)
        Channels last. It is copied.
    groups : int
        Divides O; filters i * O / groups … see the i-th C / groups channels of the image.

    Returns
    -------
    packed : PackedFilters
        Takes the place of `weight` in the backend that packed it.

    Raises
    ------
    TypeError, ValueError
        If `weight` is not a 4-d array of bytes with at least one filter, or `groups` does not divide O.

    Examples
    --------
    >>> pack_filters(np.ones((8, 3, 3, 1), np.int8), groups=8)
    PackedFilters(8×3×3×1 int8, groups=8)
    """
    return PackedFilters(weight, check_filters(weight, groups))
