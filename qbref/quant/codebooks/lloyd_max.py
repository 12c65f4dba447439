"""Lloyd–Max: the levels of least mean squared error for given data, or for a given density."""

import numpy as np

from qbref.quant.checks import as_n_bits
from qbref.quant.kmeans import cluster_means, cluster_starts, weighted_points


def lloyd_max(x, n_bits, weights=None, tolerance=1e-9, max_iterations=300):
    """Satisfy two conditions in turn: boundaries halfway between levels, levels at the mean of their cell.

        b[j] = (l[j] + l[j + 1]) / 2        l[j] = Σ w·x / Σ w  over b[j − 1] < x ≤ b[j]

    Parameters
    ----------
    x : float array, finite and not empty
    n_bits : int
        1 to 8.
    weights : array of the shape of `x`, optional
        Nonnegative, not all zero; with a density at equally spaced `x` this is Max's problem.
    tolerance : float
        Stop once no level moves by more than `tolerance` times max x − min x.
    max_iterations : int

    Returns
    -------
    float64 array, shape (2^n_bits,)

    Raises
    ------
    TypeError, ValueError
        If `n_bits` is out of range, or `weights` break their rules.

    Notes
    -----
    Lloyd, "Least Squares Quantization in PCM" (1957, published 1982), method I; Max, "Quantizing for
    Minimum Distortion" (1960). On a sample this is k-means on a line, and shares its steps; only the start
    differs, here the quantiles of the data, there equal spacing. The distortion never rises.

    Examples
    --------
    >>> lloyd_max(np.array([1.0, 2.0, 9.0, 11.0]), 1)
    array([ 1.5, 10. ])
    """
    k = 2 ** as_n_bits(n_bits, 1, 8)
    if weights is not None:
        _check_weights(weights, np.shape(x))
    points = weighted_points(x, weights)
    if len(points.values) <= k:
        return np.pad(points.values, (0, k - len(points.values)), mode="edge")
    smallest_move = tolerance * (points.values[-1] - points.values[0])
    levels = _quantiles(points, k)
    for _ in range(max_iterations):
        previous, levels = levels, cluster_means(points, levels, cluster_starts(points, levels))
        if np.abs(levels - previous).max() <= smallest_move:
            break
    return levels


def _quantiles(points, k):
    """The first values at which (j + ½) / k of the weight is reached."""
    reached = np.cumsum(points.weights)
    return points.values[np.searchsorted(reached, (np.arange(k) + 0.5) / k * reached[-1])]


def _check_weights(weights, shape):
    weights = np.asarray(weights, np.float64)
    if weights.shape != shape:
        raise ValueError(f"weights must have the shape of x, {shape}, got {weights.shape}")
    if not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ValueError(f"weights must be nonnegative and finite with a positive sum, got {weights}")
