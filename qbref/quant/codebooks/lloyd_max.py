"""Lloyd–Max: the levels of least mean squared error for given data, or for a given density."""

import numpy as np

from qbref.quant.checks import as_n_bits
from qbref.quant.kmeans import cluster_means, cluster_starts, weighted_points

CELLS = 8
"""Cells of equal weight for each level, from which the density is estimated."""


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
    differs, there equal spacing, here levels as dense as the cube root of the density of the data, which is
    best where cells are narrow (Panter and Dite, "Quantization Distortion in Pulse-Count Modulation with
    Nonuniform Spacing of Levels", 1951). The distortion never rises.

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
    levels = _as_dense_as_the_cube_root(points, k)
    for _ in range(max_iterations):
        previous, levels = levels, cluster_means(points, levels, cluster_starts(points, levels))
        if np.abs(levels - previous).max() <= smallest_move:
            break
    return levels


def _as_dense_as_the_cube_root(points, k):
    """Levels that split ∫ p^⅓ dx evenly; a cell of weight w and width d holds (w / d)^⅓ · d of it."""
    reached = np.cumsum(points.weights)
    shares = np.linspace(0, reached[-1], CELLS * k + 1)
    ends = np.unique(np.searchsorted(reached, shares).clip(max=len(reached) - 1))
    w, edges = np.diff(reached[ends]), points.values[ends]
    integral = np.concatenate([[0], np.cumsum(np.cbrt(w * np.diff(edges) ** 2))])
    return np.interp((np.arange(k) + 0.5) / k * integral[-1], integral, edges)


def _check_weights(weights, shape):
    weights = np.asarray(weights, np.float64)
    if weights.shape != shape:
        raise ValueError(f"weights must have the shape of x, {shape}, got {weights.shape}")
    if not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ValueError(f"weights must be nonnegative and finite with a positive sum, got {weights}")
