"""Additive powers of two (APoT): sums of a few powers of two, so a product is a few shifts."""

from itertools import product

import numpy as np

from qbref.quant.codebooks.sign_magnitude import as_magnitude_bits, largest_magnitude, mirrored


def apot(x, n_bits):
    """levels = ± γ · (p_0 + p_1 + ... ), each p_i zero or one of three powers of two; γ makes the top max|x|.

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
    Li, Dong and Wang, "Additive Powers-of-Two Quantization" (arXiv 1909.13144, section 2, with k = 2 bits
    a term). In the paper the clipping threshold, here max|x|, is learned during training.

    Examples
    --------
    >>> apot(np.array([0.5, -5.0]), 3)
    array([-5.  , -2.5 , -1.25,  0.  ,  0.  ,  1.25,  2.5 ,  5.  ])
    """
    magnitudes = apot_magnitudes(as_magnitude_bits(n_bits))
    return largest_magnitude(x) * mirrored(magnitudes)


def apot_magnitudes(n_bits):
    """Return the 2^n_bits magnitudes from 0 to 1 in ascending order.

    Notes
    -----
    Each of the n = n_bits // 2 terms takes 0 or one of three powers of two, 2 bits; the exponents −1, −2,
    −3, ... are dealt to the terms in turn. If n_bits is odd, one more term takes 0 or a single power, which
    comes after the second round. That case is only in the authors' code (`build_power_value` of their
    repository APoT_Quantization, up to 6 bits); the paper leaves it open.

    Examples
    --------
    >>> 12 * apot_magnitudes(3)  # {0, 8, 4, 1} + {0, 2}, of at most 10, times 1.2
    array([ 0. ,  1.2,  2.4,  3.6,  4.8,  7.2,  9.6, 12. ])
    """
    n_terms, odd = divmod(n_bits, 2)
    terms = [
        [0.0, 2.0 ** -(1 + i), 2.0 ** -(1 + i + n_terms), 2.0 ** -(1 + i + 2 * n_terms + odd)]
        for i in range(n_terms)
    ]
    if odd:
        terms.append([0.0, 2.0 ** -(1 + 2 * n_terms)])
    sums = np.sort([sum(choice) for choice in product(*terms)])
    return sums / sums[-1]
