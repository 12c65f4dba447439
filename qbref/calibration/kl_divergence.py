"""What clipping and quantizing a histogram does to its distribution.

For a threshold after i bins (all sums are over bins b < i):

    P ∝ counts[b], with all the outliers, counts[i] …, added to the last bin
    Q ∝ the same bins without the outliers, merged into n_levels cells, every cell's count then spread
        evenly over its bins that are not empty
    Q ← (1 − ε) Q + ε / i
    KL(P ‖ Q) = Σ P log(P / Q)

The outliers belong to P alone: that difference is what clipping costs. With them in Q as well it would
cost nothing, and the narrowest range would always win. The last bin may hold nothing but outliers; there
Q is 0, and ε keeps the logarithm finite.

Within a cell Q is constant on the bins that count, so sums over cells suffice.
"""

import numpy as np

EPSILON = 1e-6
PART = 64  # thresholds computed at a time


def divergences(counts, n_levels):
    """KL(P ‖ Q) for the thresholds after n_levels, n_levels + 1, …, all bins.

    Parameters
    ----------
    counts : int array, shape (n_bins,)
        At least `n_levels` bins, the last one not empty.
    n_levels : int

    Returns
    -------
    float64 array, shape (n_bins − n_levels + 1,)
        inf where all values are outliers.

    Examples
    --------
    >>> divergences(np.array([4, 4, 2, 2]), n_levels=2).round(4)
    array([0.0566, 0.0487, 0.    ])
    """
    candidates = np.arange(n_levels, len(counts) + 1)
    sums = np.append(0, np.cumsum(counts))
    occupied = np.append(0, np.cumsum(counts > 0))
    entropies = np.append(0, np.cumsum(_x_log_x(counts)))
    parts = np.array_split(candidates, len(candidates) // PART + 1)
    return np.concatenate([_divergences(i, n_levels, counts, sums, occupied, entropies) for i in parts])


def _divergences(i, n_levels, counts, sums, occupied, entropies):
    """KL(P ‖ Q) for the thresholds `i`, (n,); cells are columns, (n, n_levels)."""
    edges = -(np.arange(n_levels + 1) * -i[:, None] // n_levels)  # bin b is in cell floor(b · n_levels / i)
    cell_counts, cell_bins = np.diff(sums[edges]), np.diff(occupied[edges])
    kept, total, last = sums[i], sums[-1], counts[i - 1]
    outliers = total - kept
    floor = EPSILON / i
    q = (1 - EPSILON) * cell_counts / np.maximum(kept[:, None] * cell_bins, 1) + floor[:, None]
    q_last = np.where(last > 0, q[:, -1], floor)
    p_log_p = entropies[i] - _x_log_x(last) + _x_log_x(last + outliers)  # times total, as the next
    p_log_q = (cell_counts * np.log(q)).sum(axis=1) + outliers * np.log(q_last)
    return np.where(kept > 0, (p_log_p - p_log_q) / total - np.log(total), np.inf)


def _x_log_x(x):
    return x * np.log(np.maximum(x, 1))
