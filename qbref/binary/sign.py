"""The sign function of binary networks, which has no third value."""

import numpy as np

from qbref.quant.checks import as_float_array


def sign(x):
    """sign(x) = −1 where x < 0, else +1.

    Parameters
    ----------
    x : float32 or float64 array, or numbers

    Returns
    -------
    array of ±1 in the dtype and shape of `x`

    Raises
    ------
    TypeError
        If `x` is an array of another dtype.

    Notes
    -----
    0, −0.0 and NaN give +1, as bit packing in Larq Compute Engine has it: a value of one bit must be
    one or the other. ``np.sign`` and ``torch.sign`` return 0 at 0.

    Examples
    --------
    >>> sign([-2.0, -0.0, 0.0, 3.0])
    array([-1.,  1.,  1.,  1.], dtype=float32)
    """
    x = as_float_array(x)
    return np.where(x < 0, x.dtype.type(-1), x.dtype.type(1))
