"""Levels that are symmetric about zero: a sign bit and a magnitude, so zero has two codes."""

import numpy as np

from qbref.quant.checks import as_n_bits


def as_magnitude_bits(n_bits):
    """Return n_bits − 1, the bits left beside the sign; there must be at least one."""
    return as_n_bits(n_bits, 2, 8) - 1


def largest_magnitude(x):
    """max|x| in float64."""
    return float(np.abs(x).max())


def mirrored(magnitudes):
    """Return −magnitudes and magnitudes in ascending order; both zeros are +0."""
    return np.concatenate([0.0 - magnitudes[::-1], magnitudes])
