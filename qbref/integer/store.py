"""From quantized weights to the smallest stored form that the kernels run."""

import numpy as np

from qbref import qnn
from qbref.integer.sign_products import TernaryXnorWeights, XnorWeights
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


def runs_on_signs(module, levels):
    """Whether a `qnn` product is one of packed signs: a Sign, binary or ternary weights, one group."""
    few = levels.n_bits == 1 or levels.n_bits == 2 and np.abs(levels.q).max(initial=0) <= 1
    one_group = getattr(module, "groups", 1) == 1
    return isinstance(module.input_quantizer, qnn.Sign) and levels.table is None and few and one_group


def store_sign_products(levels, q, channels):
    """(O, taps * C) signs, or -1, 0 and +1, for inputs of packed signs."""
    stored = XnorWeights if levels.n_bits == 1 else TernaryXnorWeights
    return stored.from_levels(q, channels)
