"""k-means on a line.

In one dimension the clusters of sorted data are contiguous, so assigning all values means finding
k − 1 boundaries, the midpoints between neighbouring centroids. Nothing of size (values × centroids)
is ever built: an iteration costs k binary searches and one pass of sums.
"""

from typing import NamedTuple

import numpy as np

from qbref.random import default_rng

INITS = ("linear", "kmeans++")


def kmeans_1d(x, k, init="linear", max_iterations=300, rng=None):
    """Return k sorted centroids that locally minimise Σ (x − nearest centroid)² (Lloyd's algorithm).

    Parameters
    ----------
    x : float array, any shape, finite and not empty
    k : int
    init : {"linear", "kmeans++"}
        "linear": equally spaced from min x to max x, deterministic. Han et al. ("Deep Compression",
        arXiv 1510.00149, section 3.2) found it best for weights, since it keeps centroids among the
        few large ones. "kmeans++": drawn with probability proportional to the squared distance to
        the centroids so far (Arthur and Vassilvitskii, 2007).
    max_iterations : int
        Lloyd's algorithm stops earlier once no boundary moves.
    rng : numpy.random.Generator, optional
        For "kmeans++".

    Returns
    -------
    float64 array, shape (k,)
        If `x` has fewer than k different values: these, the largest repeated.

    Notes
    -----
    A centroid that loses all its values moves to the value farthest from its own centroid, so no
    centroid is wasted and the distortion never rises from one iteration to the next.

    Examples
    --------
    >>> kmeans_1d(np.array([1.0, 2.0, 9.0, 11.0]), 2)
    array([ 1.5, 10. ])
    """
    if init not in INITS:
        raise ValueError(f"init must be one of {INITS}, got {init!r}")
    points = weighted_points(x)
    if len(points.values) <= k:
        return np.pad(points.values, (0, k - len(points.values)), mode="edge")
    if init == "linear":
        centroids = np.linspace(points.values[0], points.values[-1], k)
    else:
        centroids = _plus_plus(points, k, default_rng(rng))
    starts = None
    for _ in range(max_iterations):
        previous, starts = starts, cluster_starts(points, centroids)
        if np.array_equal(starts, previous):
            break
        centroids = cluster_means(points, centroids, starts)
    return centroids


class Points(NamedTuple):
    """Different values in ascending order, how much each weighs, and ``values * weights``."""

    values: np.ndarray
    weights: np.ndarray
    moments: np.ndarray


def weighted_points(x, weights=None):
    """Sort `x` and count equal values, or add up their `weights`; what weighs nothing is dropped."""
    x = np.asarray(x, np.float64)
    if weights is None:
        values, weights = np.unique(x, return_counts=True)
    else:
        values, position = np.unique(x, return_inverse=True)
        weights = np.bincount(position.ravel(), np.ravel(weights))
        values, weights = values[weights > 0], weights[weights > 0]
    return Points(values, weights, values * weights)


def midpoints(levels):
    """Return the k − 1 points halfway between neighbours of a sorted array, in float64."""
    levels = np.asarray(levels, np.float64)
    return (levels[:-1] + levels[1:]) / 2


def cluster_starts(points, centroids):
    """Cluster j holds values[starts[j] : starts[j + 1]]; a value on a midpoint joins the lower one."""
    boundaries = np.searchsorted(points.values, midpoints(centroids), side="right")
    return np.concatenate([[0], boundaries, [len(points.values)]])


def cluster_means(points, centroids, starts):
    """Move each centroid to the mean of its cluster, and those without one to the worst-placed values."""
    occupied = np.diff(starts) > 0
    first = starts[:-1][occupied]
    means = np.add.reduceat(points.moments, first) / np.add.reduceat(points.weights, first)
    centroids = centroids.copy()
    centroids[occupied] = means
    n_empty = np.count_nonzero(~occupied)
    if n_empty:
        last = starts[1:][occupied] - 1
        ends = np.concatenate([points.values[first], points.values[last]])  # the farthest is at an end
        distance = np.abs(ends - np.concatenate([means, means]))
        farthest = np.argsort(-distance, kind="stable")[:n_empty]
        centroids[np.flatnonzero(~occupied)[: len(farthest)]] = ends[farthest]
    return np.sort(centroids)


def _plus_plus(points, k, rng):
    values, counts, _ = points
    centroids = [rng.choice(values, p=counts / counts.sum())]
    squared_distance = np.full(len(values), np.inf)
    for _ in range(k - 1):
        squared_distance = np.minimum(squared_distance, (values - centroids[-1]) ** 2)
        weight = np.cumsum(squared_distance * counts)
        centroids.append(values[np.searchsorted(weight, rng.random() * weight[-1], side="right")])
    return np.sort(centroids)
