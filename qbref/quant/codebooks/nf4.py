"""NF4, 4-bit NormalFloat: quantiles of the normal distribution, for weights in blocks of 64."""

import numpy as np

from qbref.quant.codebooks.sign_magnitude import largest_magnitude

# Dettmers et al., "QLoRA" (arXiv 2305.14314, appendix E); bitsandbytes, csrc/kernels.cu, dDequantizeNF4
NF4_LEVELS = np.array(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ]
)
NF4_LEVELS.setflags(write=False)


def nf4(x, n_bits=4):
    """levels = max|x| · NF4_LEVELS.

    Parameters
    ----------
    x : float array, finite and not empty
    n_bits : int
        4.

    Returns
    -------
    float64 array, shape (16,)

    Raises
    ------
    ValueError
        If `n_bits` is not 4.

    Notes
    -----
    The levels are quantiles of the normal distribution, Φ⁻¹(p) / Φ⁻¹(0.9677083): p takes eight equally
    spaced values from 0.9677083 down toward ½ for the positive levels, seven for the negative ones, and 0 is
    added. The largest value of a block is exact and zero stays zero. QLoRA uses blocks of 64.

    Examples
    --------
    >>> nf4(np.array([0.5, -2.0]))[[0, 7, 8, 15]].round(4)
    array([-2.    ,  0.    ,  0.1592,  2.    ])
    """
    if n_bits != 4:
        raise ValueError(f"n_bits must be 4 for nf4, got {n_bits}")
    return largest_magnitude(x) * NF4_LEVELS
