"""Where to clip a histogram: PyTorch's walk inwards from both ends while the error falls.

Each step gives up another 10⁻⁵ of all values at one end: at the end that has to move farther for it,
since it is the emptier one, and at the upper end if both move alike. The walk ends with the first step
that raises the estimated squared error.

Mind that the two ends are not alike. Steps that move neither end count for the upper one, so that any
outlier there is reached in time. The lower end takes its first step only if the lowest bin holds less
than 10⁻⁵ of the values: with fewer than 100,000 values it usually never moves.

Source: pytorch/pytorch, torch/ao/quantization/observer.py, ``_non_linear_param_search``; before that
caffe2/quantization/server/norm_minimization.cc.
"""

from functools import cache

import numpy as np

from qbref.calibration.torch_histogram import float_type

STEP = 1e-5


def walk_inwards(counts, lo, hi, n_levels):
    """Return the ends (lo, hi) of the bins that remain.

    Parameters
    ----------
    counts : float32 array, shape (n_bins,)
    lo, hi : float
        Beginning of the first bin and end of the last.
    n_levels : int
        Levels of the quantizer, spread evenly over the bins that remain.

    Examples
    --------
    >>> counts = np.array([100] * 50 + [0] * 49 + [1], np.float32)
    >>> walk_inwards(counts, 0.0, 100.0, n_levels=16), walk_inwards(counts, 0.0, 100.0, n_levels=256)
    ((0.0, 49.0), (0.0, 99.0))
    """
    kind = float_type(lo, hi)
    width = (kind(hi) - kind(lo)) / kind(len(counts))
    first, last = _remaining_bins(counts, (hi - lo) / len(counts), n_levels)
    return float(kind(lo) + width * kind(first)), float(kind(lo) + width * kind(last + 1))


def _remaining_bins(counts, width, n_levels):
    """(number of the first bin, number of the last bin) where the walk ends."""
    total = float(counts.sum())
    below = np.cumsum(counts, dtype=np.float64).astype(np.float32)
    from_left, from_right = _shares()
    # The bin at which each share of the values is reached, from the left and from the right.
    lefts = np.searchsorted(below, np.float32(from_left * total), "left").tolist()
    rights = (np.searchsorted(below, np.float32(from_right * total), "right") - 1).tolist()
    first, last, least = 0, len(counts) - 1, np.inf
    left = right = 0  # steps taken at each end
    while from_left[left] < from_right[right]:
        next_first = min(max(lefts[left + 1], first), last)
        next_last = max(min(rights[right + 1], last), first)
        if next_first - first > last - next_last:
            left, candidate = left + 1, (next_first, last)
        else:
            right, candidate = right + 1, (first, next_last)
        if candidate == (first, last):
            continue
        error = squared_error(counts, width, *candidate, n_levels)
        if error > least:
            break
        least, (first, last) = error, candidate
    return first, last


def squared_error(counts, width, first, last, n_levels):
    """Σ (x − nearest level)², for values spread evenly within their bins.

    The levels are the middles of n_levels cells that divide bins `first` to `last`; what lies outside
    goes to the outermost level. Where x − level runs from a to b, a bin contributes
    density · (b³ − a³) / 3: in the cell where it begins, in the one where it ends, in the cells between.
    """
    width = np.frexp(width)[0]  # a power of two changes no comparison, but keeps the cubes in range
    cell = width * (last - first + 1) / n_levels
    if cell == 0:
        return 0.0
    begin = np.arange(-first, len(counts) - first, dtype=np.float32) * np.float32(width)
    end = begin + np.float32(width)
    cell, half = np.float32(cell), np.float32(cell / 2)
    begin_cell = np.clip(begin // cell, 0, n_levels - 1)
    end_cell = np.clip(end // cell, 0, n_levels - 1)
    density = counts / np.float32(width)
    error = density * _third_of_cubes(begin - (begin_cell + np.float32(0.5)) * cell, half)
    error += (end_cell - begin_cell - 1) * (density * _third_of_cubes(-half, half))
    error += density * _third_of_cubes(-half, end - (end_cell * cell + half))
    return float(error.sum())


def _third_of_cubes(a, b):
    return (b * b * b - a * a * a) / np.float32(3)


@cache
def _shares():
    """0, STEP, 2·STEP, … and 1, 1 − STEP, …: summed up one by one, as the walk does."""
    steps = np.full(round(1 / STEP) + 3, STEP)
    return np.add.accumulate([0.0, *steps]), np.subtract.accumulate([1.0, *steps])
