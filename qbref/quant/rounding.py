"""Three ways to round a real number to an integer, which differ only at ties.

====================  =====  =====  ====  ====  ====  ====
rule                   -2.5   -1.5  -0.5   0.5   1.5   2.5
====================  =====  =====  ====  ====  ====  ====
``round_half_even``      -2     -2     0     0     2     2
``round_half_away``      -3     -2    -1     1     2     3
``round_half_up``        -2     -1     0     1     2     3
====================  =====  =====  ====  ====  ====  ====

The textbook ``floor(x + 0.5)`` is wrong in floating point: 0.49999997 + 0.5 is 1.0 in float32, and
8388609 + 0.5 is 8388610. Here the integer part is taken first and the remainder is compared with
one half. Both steps are exact (Sterbenz's lemma), so the functions are right for every float.
"""

import numpy as np


def round_half_even(x, out=None):
    """Round to the nearest integer, ties to the even neighbour: 0.5 → 0, 1.5 → 2, 2.5 → 2.

    Parameters
    ----------
    x : float32 or float64 array or scalar
    out : array of the same dtype, optional
        Where to write the result; may be `x` itself.

    Returns
    -------
    array of the dtype and shape of `x`
        Infinities and NaN are unchanged; a result of zero keeps the sign of `x`.

    Notes
    -----
    The default rounding of IEEE 754, and of ONNX, ONNX Runtime and PyTorch.

    Examples
    --------
    >>> round_half_even(np.array([0.5, 1.5, 2.5, -0.5]))
    array([ 0.,  2.,  2., -0.])
    """
    return np.rint(_as_float(x), out=out)


def round_half_away(x, out=None):
    """Round to the nearest integer, ties away from zero: 0.5 → 1, 2.5 → 3, −2.5 → −3.

    Parameters, result and special values as for :func:`round_half_even`.

    Notes
    -----
    The rounding of ``round()`` in C, used by the TFLite reference kernels.

    Examples
    --------
    >>> round_half_away(np.array([0.5, 1.5, 2.5, -0.5]))
    array([ 1.,  2.,  3., -1.])
    """
    x = _as_float(x)
    integer_part = np.trunc(x)
    with np.errstate(invalid="ignore"):  # inf - inf; the comparison below is then False
        at_least_half = np.abs(x - integer_part) >= 0.5
    return np.add(integer_part, np.copysign(at_least_half.astype(x.dtype), x), out=out)


def round_half_up(x, out=None):
    """Round to the nearest integer, ties toward +∞: 0.5 → 1, −0.5 → 0, −1.5 → −1.

    Parameters, result and special values as for :func:`round_half_even`.

    Notes
    -----
    ``floor(x + 1/2)`` in exact arithmetic, the rounding of a right shift with a rounding bit.

    Examples
    --------
    >>> round_half_up(np.array([0.5, 1.5, 2.5, -0.5]))
    array([ 1.,  2.,  3., -0.])
    >>> int(round_half_up(np.float32(0.49999997)))
    0
    """
    x = _as_float(x)
    integer_part = np.floor(x)
    with np.errstate(invalid="ignore"):
        at_least_half = x - integer_part >= 0.5
    return np.copysign(integer_part + at_least_half.astype(x.dtype), x, out=out)


def _as_float(x):
    x = np.asarray(x)
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(f"x must be float32 or float64, got {x.dtype}")
    return x


ROUNDINGS = {
    "half_even": round_half_even,
    "half_away": round_half_away,
    "half_up": round_half_up,
}
