"""A float32 product whose order of summation is part of its definition, so that twins agree in every bit."""

import numpy as np

LANES = 16


def matmul_in_lanes(lhs, weights):
    """y[m, n] = sum_k lhs[m, k] * weights[n, k]: products and sums rounded to float32, in a fixed order.

    Lane l adds the products with k = l mod 16 to zero, in the order of k. Then the upper half of the lanes
    is added to the lower half, lane by lane, until one is left: 16 -> 8 -> 4 -> 2 -> 1.

    Parameters
    ----------
    lhs : float32 array, shape (M, K)
    weights : float32 array, shape (N, K)

    Returns
    -------
    float32 array, shape (M, N)
    """
    lhs, weights = _in_steps(lhs)[:, np.newaxis], _in_steps(weights)[np.newaxis]
    lanes = np.zeros((len(lhs), weights.shape[1], LANES), np.float32)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for step in range(lhs.shape[-2]):
            lanes += lhs[..., step, :] * weights[..., step, :]
        while lanes.shape[-1] > 1:
            lower, upper = np.split(lanes, 2, axis=-1)
            lanes = lower + upper
    return lanes[..., 0]


def _in_steps(x):
    """(rows, K) -> (rows, ceil(K / 16), 16), filled up with zeros, whose products change no lane."""
    rows, k = x.shape
    padded = np.zeros((rows, -(-k // LANES), LANES), np.float32)
    padded.reshape(rows, padded.shape[1] * LANES)[:, :k] = x
    return padded
