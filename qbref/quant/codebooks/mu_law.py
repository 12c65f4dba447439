"""µ-law companding, the quantizer of digital telephony."""

import numpy as np

from qbref.quant.codebooks.sign_magnitude import as_magnitude_bits, largest_magnitude, mirrored


def mu_law(x, n_bits, mu=255.0):
    """levels = ± max|x| · ((1 + µ)^y − 1) / µ for equally spaced y from 0 to 1.

    Parameters
    ----------
    x : float array, finite and not empty
    n_bits : int
        2 to 8: sign and magnitude, so that zero appears twice.
    mu : float
        Positive; 255 in ITU-T Recommendation G.711, whose code approximates this curve by straight pieces.
        The smaller, the more even the levels.

    Returns
    -------
    float64 array, shape (2^n_bits,)

    Raises
    ------
    TypeError, ValueError
        If `n_bits` is out of range or `mu` is not positive.

    Notes
    -----
    The inverse of y = ln(1 + µ|x|) / ln(1 + µ) (Smith, "Instantaneous Companding of Quantized Signals",
    1957). A value goes to the nearest level, not to the nearest y.

    Examples
    --------
    >>> mu_law(np.array([1.0, -9.0]), 3, mu=7.0)  # (8^y − 1) / 7 · 9 at y = 0, 1/3, 2/3, 1
    array([-9.        , -3.85714286, -1.28571429,  0.        ,  0.        ,
            1.28571429,  3.85714286,  9.        ])
    """
    count = 2 ** as_magnitude_bits(n_bits)
    if not 0 < mu < np.inf:
        raise ValueError(f"mu must be positive and finite, got {mu}")
    y = np.linspace(0, 1, count)
    magnitudes = np.expm1(y * np.log1p(mu)) / mu
    magnitudes[-1] = 1
    return largest_magnitude(x) * mirrored(magnitudes)
