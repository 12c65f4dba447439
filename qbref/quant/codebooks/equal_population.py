"""Equal population: levels at the quantiles of the data."""

import numpy as np

from qbref.quant.checks import as_n_bits


def equal_population(x, n_bits):
    """levels[j] = the (j + ½) / 2^n_bits quantile of x.

    Sorted and cut into 2^n_bits parts of equal count, the data have these medians.

    Parameters
    ----------
    x : float array, finite and not empty
    n_bits : int
        1 to 8.

    Returns
    -------
    float64 array, shape (2^n_bits,)
        Levels repeat where one value fills several parts, such as the zeros of pruned weights.

    Raises
    ------
    TypeError, ValueError
        If `n_bits` is out of range.

    Notes
    -----
    The parts have equal counts, the codes only nearly so: a code is the *nearest* level, and the midpoint
    between two medians is not the cut between their parts unless the data are evenly spread there. This
    levels the use of the codes, not the error: few levels are left for large values. The empirical
    quantile is Hazen's, so 2^n_bits values are their own levels.

    Examples
    --------
    >>> equal_population(np.array([1.0, 2.0, 3.0, 40.0, 50.0, 60.0]), 1)
    array([ 2., 50.])
    """
    k = 2 ** as_n_bits(n_bits, 1, 8)
    return np.quantile(np.asarray(x, np.float64), (np.arange(k) + 0.5) / k, method="hazen")
