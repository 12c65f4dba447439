"""From quantized weights to the smallest stored form that the kernels run."""

import numpy as np

from qbref.integer.weights import IntWeights, LutWeights, SignWeights


def store(path, levels, q, codes=None):
    """(O, K) integers in the smallest form that the kernels run."""
    codes = levels.codes if codes is None else codes
    if levels.table is not None:
        return LutWeights.from_levels(codes, levels.table)
    if levels.n_bits == 1:
        return SignWeights.from_levels(q)
    if levels.n_bits > 8:
        raise ValueError(f"layer {path!r} must have weights of at most 8 bits, got {levels.n_bits}")
    return IntWeights.from_levels(q, levels.n_bits)


def store_groups(path, levels, filters, codes, groups):
    """The same for each group of a convolution, as a tuple."""
    parts = np.split(filters, groups)
    code_parts = [None] * groups if codes is None else np.split(codes, groups)
    return tuple(store(path, levels, q, c) for q, c in zip(parts, code_parts, strict=True))
