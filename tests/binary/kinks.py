"""Inputs at which quantizers change: the places themselves and their neighbours, on both sides of 0."""

import numpy as np


def kinks(dtype, *places):
    """±place and its two neighbours in `dtype` for each place, ±0, the smallest subnormals, ±inf."""
    values = [np.nextafter(dtype(0), dtype(1)), dtype(0), dtype(np.inf)]
    for place in map(dtype, (*places, 0.5, 1)):
        values += [np.nextafter(place, dtype(0)), place, np.nextafter(place, dtype(np.inf)), place / 2]
    values = np.array(values, dtype)
    return np.concatenate([values, -values])
