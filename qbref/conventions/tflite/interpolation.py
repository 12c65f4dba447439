"""A function on int16 from 513 of its values, with straight lines between them."""

import numpy as np

from qbref.conventions.arithmetic import saturate
from qbref.quant.rounding import round_half_away

STEPS = 512


def interpolation_table(function, low, high):
    """The values of `function` at the ends of 512 equal steps from `low` to `high`, in units of 2^−15.

    A straight line leaves a curved function most in the middle of a step. Each value, but for the last, is
    lowered by half of that error, all roundings being half away from zero:

        table[i] = round(f_i) − round(e_i / 2),   e_i = round((round(f_i) + f_{i+1}) / 2) − round(f_{i+½})

    Parameters
    ----------
    function : float64 array to float64 array
    low, high : float
        What −2^15 and 2^15 stand for.

    Returns
    -------
    int16 array (513,)

    Notes
    -----
    ``LUTPopulate<int16_t>`` (tflite/kernels/internal/common.h).

    Examples
    --------
    >>> interpolation_table(np.exp, -10.0, 0.0)[[0, 510, 511, 512]]
    array([    2, 31512, 32133, 32767], dtype=int16)
    """
    half_steps = np.linspace(low, high, 2 * STEPS + 1)
    values = 2**15 * function(half_steps)
    ends, middles = values[::2], values[1::2]
    table = round_half_away(ends)
    error = round_half_away((table[:-1] + ends[1:]) / 2) - round_half_away(middles)
    table[:-1] -= round_half_away(error / 2)
    return saturate(table, -(2**15), 2**15 - 1, np.int16)


def interpolate(q, table):
    """base + half_up((next − base) · (q mod 128) / 128), between the two table entries around q.

    Parameters
    ----------
    q : int64 array
        Within int16.
    table : int16 array (513,)

    Returns
    -------
    int64 array, the shape of `q`

    Examples
    --------
    >>> interpolate(np.array([-32768, -32767, -32704]), np.arange(0, 513 * 4, 4))
    array([0, 0, 2])
    """
    table = table.astype(np.int64)
    i = (q >> 7) + STEPS // 2
    return table[i] + (((table[i + 1] - table[i]) * (q & 127) + 64) >> 7)
