"""The sign function of binary networks, which has no third value, and its relatives."""

import numpy as np

from qbref.binary.checks import check_choice
from qbref.quant.checks import as_float_array


def sign(x, at_zero=1):
    """sign(x) = −1 where x < 0, else +1.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    at_zero : {1, 0, -1}
        The value at 0, −0.0 and NaN.

    Returns
    -------
    array of ±1 (and 0, with ``at_zero=0``) in the dtype and shape of `x`

    Raises
    ------
    TypeError, ValueError
        If `x` is an array of another dtype, or `at_zero` is none of the three.

    Notes
    -----
    By default 0, −0.0 and NaN give +1, as bit packing in Larq Compute Engine has it: a value of one bit
    must be one or the other. ``torch.sign`` gives 0 for all three, and so do the papers whose released
    code is built on it (IR-Net, ReActNet; Torch7 in XNOR-Net). Papers that write "+1 if x > 0, −1
    otherwise" (ReActNet) mean −1.

    Examples
    --------
    >>> sign([-2.0, -0.0, 0.0, 3.0])
    array([-1.,  1.,  1.,  1.], dtype=float32)
    >>> sign([-2.0, -0.0, 0.0, 3.0], at_zero=0)
    array([-1.,  0.,  0.,  1.], dtype=float32)
    """
    x = as_float_array(x)
    check_choice("at_zero", at_zero, (1, 0, -1))
    result = np.where(x < 0, x.dtype.type(-1), x.dtype.type(1))
    if at_zero != 1:
        result[~(x < 0) & ~(x > 0)] = at_zero
    return result


def heaviside(x):
    """heaviside(x) = 1 where x > 0, else 0: one bit that stands for 0 and 1.

    Parameters
    ----------
    x : float32 or float64 array, or numbers

    Returns
    -------
    array of 0 and 1 in the dtype and shape of `x`

    Notes
    -----
    0, −0.0 and NaN give 0; so in Larq, whose ``ste_heaviside`` this is. It is not (sign(x) + 1) / 2,
    which is 1 at 0.

    Examples
    --------
    >>> heaviside([-2.0, 0.0, 0.5])
    array([0., 0., 1.], dtype=float32)
    """
    x = as_float_array(x)
    return (x > 0).astype(x.dtype)
