# Compiled twin of qbref/kernels/pack_filters.py
#
# One packed matrix per group; depthwise filters, (O, KH, KW, 1) in O groups, stay as they are, taps first.

import numpy as np

from qbref.kernels._checks_int8 import check_filters

from qbref_core.pack_rhs import pack_rhs


class PackedFilters:
    """Compiled twin of :class:`qbref.kernels.PackedFilters`, made by :func:`pack_filters`."""

    def __init__(self, weight, groups):
        self.shape, self.dtype, self.groups = weight.shape, weight.dtype, groups
        self.is_depthwise = groups > 1 and weight.shape[0] == groups and weight.shape[3] == 1
        if self.is_depthwise:
            self.taps, self.parts = np.ascontiguousarray(weight.reshape(groups, -1).T), ()
        else:
            rows = weight.reshape(groups, weight.shape[0] // groups, -1)
            self.taps, self.parts = None, tuple(pack_rhs(part.T) for part in rows)

    @property
    def nbytes(self):
        """Bytes of what is kept."""
        return self.taps.nbytes if self.is_depthwise else sum(part.nbytes for part in self.parts)

    def unpack(self):
        """Return the (O, KH, KW, C / groups) filters that were packed."""
        rows = [self.taps.T] if self.is_depthwise else [part.unpack().T for part in self.parts]
        return np.concatenate(rows).reshape(self.shape)

    def __repr__(self):
        return f"PackedFilters({'×'.join(map(str, self.shape))} {self.dtype}, groups={self.groups})"


def pack_filters(weight, groups=1):
    """Compiled twin of :func:`qbref.kernels.pack_filters`."""
    return PackedFilters(weight, check_filters(weight, groups))
