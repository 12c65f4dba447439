"""Training the levels of a lookup table while the codes stay what they are.

Weights with the same code are one number used in many places, so the gradient of a level is the sum
of the gradients of its weights (Han et al., "Deep Compression", arXiv 1510.00149, equation 3):

    ∂L/∂levels[j] = Σ over all i with codes[i] = j of ∂L/∂w[i]
"""

import numpy as np

from qbref.quant.checks import as_float_array, as_integer_array, check_within
from qbref.quant.granularity import groups
from qbref.quant.lut import Codebook, check_fits


def levels_gradient(upstream, codes, codebook):
    """∂L/∂levels[j] = Σ upstream[i] over codes[i] = j, for each table of the codebook.

    Parameters
    ----------
    upstream : float array
        ∂L/∂w_hat, the gradient for the dequantized weights.
    codes : integer array, the shape of `upstream`
    codebook : Codebook

    Returns
    -------
    float64 array, the shape of ``codebook.levels``
        Summed in float64; 0 for a level that no code selects.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not fit, or a code is out of range.

    Examples
    --------
    >>> codebook = Codebook([-1.0, 2.0], n_bits=1)
    >>> levels_gradient([0.5, 0.25, 3.0], [0, 0, 1], codebook)
    array([0.75, 3.  ])
    """
    upstream = as_float_array(upstream)
    codes = _checked_codes(codes, codebook)
    if upstream.shape != codes.shape:
        raise ValueError(f"upstream must have the shape of codes, {codes.shape}, got {upstream.shape}")
    n_levels = codebook.levels.shape[-1]
    gradient = np.empty(codebook.levels.shape, np.float64)
    for position, index in groups(codes.shape, codebook.axis, codebook.block_size):
        gradient[position] = np.bincount(codes[index].ravel(), upstream[index].ravel(), n_levels)
    return gradient


def step_levels(codebook, codes, step):
    """levels ← levels − step, every weight keeping its level: returns the new codebook and the new codes.

    Parameters
    ----------
    codebook : Codebook
    codes : integer array
    step : array, the shape of ``codebook.levels``
        Usually the learning rate times :func:`levels_gradient`.

    Returns
    -------
    Codebook, uint8 array
        Codes change only where levels overtook one another, since a codebook is kept sorted.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not fit, or the levels are no longer finite.

    Examples
    --------
    >>> codebook, codes = step_levels(Codebook([-1.0, 2.0], n_bits=1), [0, 0, 1], [-4.0, 0.5])
    >>> codebook.levels, codes  # −1 + 4 = 3 overtakes 2 − 0.5
    (array([1.5, 3. ], dtype=float32), array([1, 1, 0], dtype=uint8))
    """
    codes = _checked_codes(codes, codebook)
    step = np.asarray(step, np.float64)
    if step.shape != codebook.levels.shape:
        raise ValueError(f"step must have the shape of levels, {codebook.levels.shape}, got {step.shape}")
    moved = codebook.levels - step
    order = np.argsort(moved, axis=-1, kind="stable")
    rank = np.argsort(order, axis=-1).astype(np.uint8)  # where each level went
    levels = np.take_along_axis(moved, order, axis=-1)
    new_codes = np.empty(codes.shape, np.uint8)
    for position, index in groups(codes.shape, codebook.axis, codebook.block_size):
        new_codes[index] = rank[position][codes[index]]
    return Codebook(levels, codebook.n_bits, codebook.axis, codebook.block_size), new_codes


def _checked_codes(codes, codebook):
    codes = as_integer_array("codes", codes)
    check_within("codes", codes, 0, codebook.levels.shape[-1] - 1)
    check_fits(codebook, codes.shape)
    return codes
