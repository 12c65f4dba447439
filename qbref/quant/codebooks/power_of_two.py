"""Powers of two: a product with such a weight is a shift."""

import numpy as np

from qbref.quant.codebooks.sign_magnitude import as_magnitude_bits, largest_magnitude, mirrored


def power_of_two(x, n_bits):
    """levels = 0, ±2^e, ±2^(e − 1), ..., ±2^(e − 2^(n_bits − 1) + 2), where 2^e is nearest to max|x|.

    Parameters
    ----------
    x : float array, finite and not empty
    n_bits : int
        2 to 8: sign and magnitude, so that zero appears twice.

    Returns
    -------
    float64 array, shape (2^n_bits,)

    Raises
    ------
    TypeError, ValueError
        If `n_bits` is out of range.

    Notes
    -----
    e = floor(log2(4/3 · max|x|)), the rule of Zhou et al., "Incremental Network Quantization" (arXiv
    1702.03044, section 2.1): the midpoint between 2^(e − 1) and 2^e is 3/4 · 2^e, and max|x| lies at or
    above it. Half of the levels crowd around zero and the highest two are a factor 2 apart however many
    bits there are; ``apot`` mends that.

    Examples
    --------
    >>> power_of_two(np.array([0.7, -3.1]), 3)
    array([-4., -2., -1.,  0.,  0.,  1.,  2.,  4.])
    """
    count = 2 ** as_magnitude_bits(n_bits) - 1
    fraction, exponent = np.frexp(largest_magnitude(x))  # fraction in [1/2, 1), or both are 0
    highest = min(int(exponent) - (fraction < 0.75), 127)  # 2^128 is no float32
    powers = np.ldexp(1.0 if fraction else 0.0, highest - np.arange(count)[::-1])
    return mirrored(np.concatenate([[0.0], powers]))
