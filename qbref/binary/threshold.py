"""Batch normalization followed by sign is a comparison with one number per channel.

    sign(γ·(x − μ)/σ + β) = +1   ⇔   x ≥ t  if γ > 0,    x ≤ t  if γ < 0,    with t = μ − β·σ/γ

(σ = √(var + eps)). In a binary network x is an integer, the result of a popcount, so the whole
layer needs one integer comparison and no arithmetic.
"""

import numpy as np

INT32 = np.iinfo(np.int32)


def batchnorm_threshold(gamma, beta, mean, var, eps=1e-5):
    """t = mean − beta · √(var + eps) / gamma, where batch normalization crosses zero.

    Parameters
    ----------
    gamma, beta, mean, var : float array, shape (C,)
        Weight, bias and running statistics of the layer, finite, var ≥ 0.
    eps : float

    Returns
    -------
    threshold : float64 array, shape (C,)
    direction : int8 array, shape (C,)
        +1: the sign is +1 where x ≥ threshold. −1: where x ≤ threshold. The tie is +1 in both, so
        direction −1 is not the plain negation of direction +1.

    Raises
    ------
    ValueError
        If a value is not finite, or var + eps is not positive.

    Notes
    -----
    A channel with gamma = 0 is constant, sign(beta): its direction is +1 and its threshold −inf
    (always +1, for beta ≥ 0) or +inf (−1 for every finite x).

    Examples
    --------
    >>> batchnorm_threshold(np.array([2.0, -2.0, 0.0]), np.ones(3), np.full(3, 10.0), np.full(3, 16.0), 0.0)
    (array([  8.,  12., -inf]), array([ 1, -1,  1], dtype=int8))
    """
    arrays = {"gamma": gamma, "beta": beta, "mean": mean, "var": var}
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite, got {values}")
    gamma, beta, mean, var = (np.asarray(values, np.float64) for values in arrays.values())
    if not (var + eps > 0).all():
        raise ValueError(f"var + eps must be positive, got {(var + eps).min()}")
    constant = gamma == 0
    with np.errstate(over="ignore"):  # a tiny gamma: the crossing lies beyond any float, ±inf
        crossing = mean - beta * np.sqrt(var + eps) / np.where(constant, 1.0, gamma)
    threshold = np.where(constant, np.where(beta >= 0, -np.inf, np.inf), crossing)
    return threshold, np.where(gamma < 0, -1, 1).astype(np.int8)


def integer_threshold(decides_plus, lo, hi, channels):
    """Find the integers where a monotone yes/no function changes its answer, by bisection.

    Parameters
    ----------
    decides_plus : callable, int64 array (channels,) → bool array (channels,)
        Whether the output of each channel is +1 for these accumulators. Along the integers of
        [lo, hi] each channel may change its answer at most once; this is not checked.
    lo, hi : int
        Smallest and largest accumulator, within int32.
    channels : int

    Returns
    -------
    threshold : int32 array, shape (channels,)
    flip : bool array, shape (channels,)
        For every a in [lo, hi]: decides_plus(a) == ((a >= threshold) != flip).

    Raises
    ------
    ValueError
        If lo > hi, or a bound does not fit in int32.

    Notes
    -----
    Why ask the float function instead of rounding :func:`batchnorm_threshold` up: every rounded float
    operation in batch normalization is monotone, so the float network itself changes its answer only
    once, but possibly one integer beside the exact crossing. Bisection finds that very place, and the
    integer comparison agrees with the float network on every input. In exact arithmetic it is
    ceil(t), and floor(t) + 1 with flip for a negative gamma.

    A channel that never changes gets the threshold −2^31, with flip False (always +1) or True.

    Examples
    --------
    >>> integer_threshold(lambda a: np.array([2.0, -2.0]) * a + 5.0 >= 0, -100, 100, channels=2)
    (array([-2,  3], dtype=int32), array([False,  True]))
    """
    if not INT32.min <= lo <= hi <= INT32.max:
        raise ValueError(f"lo and hi must be ordered and fit in int32, got [{lo}, {hi}]")
    left, right = np.full(channels, lo, np.int64), np.full(channels, hi, np.int64)
    at_lo, at_hi = _answers(decides_plus, left), _answers(decides_plus, right)
    while (right - left > 1).any():  # the change lies in (left, right]
        middle = (left + right) // 2
        unchanged = _answers(decides_plus, middle) == at_lo
        left, right = np.where(unchanged, middle, left), np.where(unchanged, right, middle)
    constant = at_lo == at_hi
    threshold = np.where(constant, INT32.min, right).astype(np.int32)
    return threshold, np.where(constant, ~at_lo, at_lo)


def apply_threshold(accumulator, threshold, flip):
    """is_plus = (accumulator >= threshold) != flip.

    Parameters
    ----------
    accumulator : integer array, shape (..., C)
    threshold : int32 array, shape (C,)
    flip : bool array, shape (C,)

    Returns
    -------
    bool array, shape (..., C)
        True where the binary output is +1.

    Raises
    ------
    TypeError
        If `accumulator` is not an integer array.

    Examples
    --------
    >>> apply_threshold(np.array([[3, 3], [4, 4]]), np.array([4, 4], np.int32), np.array([False, True]))
    array([[False,  True],
           [ True, False]])
    """
    accumulator = np.asarray(accumulator)
    if accumulator.dtype.kind not in "iu":
        raise TypeError(f"accumulator must be an integer array, got {accumulator.dtype}")
    return (accumulator >= threshold) != flip


def _answers(decides_plus, a):
    answers = np.asarray(decides_plus(a))
    if answers.dtype != bool or answers.shape != a.shape:
        kind = f"{answers.dtype} of shape {answers.shape}"
        raise TypeError(f"decides_plus must return bool of shape {a.shape}, got {kind}")
    return answers
