"""Real numbers to the codes of a small floating-point format and back.

With emin the lowest exponent of the format, m its mantissa bits and 2^e ≤ |x| < 2^(e + 1),

    code = round(|x| · 2^(m − e)) + (e − emin) · 2^m,       e raised to at least emin

The first term is the significand as an integer, at most 2^(m + 1); that largest value is the carry
into the next power of two. Subnormals need no case of their own: there e = emin, the second term is
zero. The scaling is exact, so a value is rounded once.
"""

import numpy as np

from qbref.quant.checks import as_float_array, as_integer_array, check_no_nan, check_within
from qbref.quant.formats import FORMATS


def float_to_bits(x, fmt, saturate=True):
    """Return the code of the nearest value of a format, ties to the even code.

    Parameters
    ----------
    x : float32 or float64 array, or numbers
    fmt : str
        A name in ``quant.FORMATS``.
    saturate : bool
        True: what rounds beyond the largest finite value, and ±inf, takes that value. False: it
        becomes ±inf, or NaN in "fp8_e4m3". Formats with neither always saturate.

    Returns
    -------
    uint8 or uint16 array, the shape of `x`
        Sign bit above the exponent above the mantissa; a code of fewer than 8 bits fills the low bits.

    Raises
    ------
    TypeError
        If `x` is not a float array.
    ValueError
        If `fmt` is unknown; if the format has no NaN and `x` holds one, or if `saturate` is False and
        the format has nothing to overflow to.

    Notes
    -----
    The sign of zeros and NaN is kept. NaN becomes the quiet NaN without payload: 0x7e00 in "fp16", 0x7fc0
    in "bf16", 0x7e in "fp8_e5m2" (PyTorch writes 0x7f there), 0x7f in "fp8_e4m3". Systems differ on
    overflow: the ONNX operator Cast saturates FP8 unless told otherwise, ml_dtypes 0.6 never does, and
    PyTorch 2.13 saturates "fp8_e4m3" alone.

    Examples
    --------
    >>> [hex(code) for code in float_to_bits([1.0, -0.0, 464.0, 465.0], "fp8_e4m3")]
    ['0x38', '0x80', '0x7e', '0x7e']
    >>> [hex(code) for code in float_to_bits([1.0, -0.0, 464.0, 465.0], "fp8_e4m3", saturate=False)]
    ['0x38', '0x80', '0x7e', '0x7f']
    """
    x, f = as_float_array(x), _format(fmt)
    if f.specials == "none":
        check_no_nan(x)
        if not saturate:
            raise ValueError(f"saturate must be True for {fmt}, without infinity and NaN, got {saturate}")
    nan = np.isnan(x)
    magnitude = np.minimum(np.where(nan, 0, np.abs(x)).astype(np.float64), 2.0 ** (f.emax + 1))
    exponent = np.frexp(np.maximum(magnitude, f.min_normal))[1] - 1  # frexp's fraction is in [1/2, 1)
    significand = np.rint(np.ldexp(magnitude, f.mantissa_bits - exponent)).astype(np.int32)
    code = significand + (exponent - f.emin) * 2**f.mantissa_bits
    overflow = f.max_code + 1  # infinity, or NaN in E4M3
    code = np.minimum(code, f.max_code if saturate else overflow)
    quiet = 2 ** (f.mantissa_bits - 1) if f.specials == "ieee" else 0
    code = np.where(nan, overflow + quiet, code)
    return (code + np.signbit(x) * 2 ** (f.n_bits - 1)).astype(f.dtype)


def bits_to_float(bits, fmt):
    """Return the values of codes of a format; every one is a float32 exactly.

    Parameters
    ----------
    bits : integer array with values in [0, 2^n_bits)
    fmt : str
        A name in ``quant.FORMATS``.

    Returns
    -------
    float32 array, the shape of `bits`

    Raises
    ------
    TypeError, ValueError
        If `bits` is not an integer array, a code is out of range, or `fmt` is unknown.

    Examples
    --------
    >>> bits_to_float(range(8), "fp4_e2m1")
    array([0. , 0.5, 1. , 1.5, 2. , 3. , 4. , 6. ], dtype=float32)
    >>> bits_to_float([0x7E, 0x7F, 0x80], "fp8_e4m3")
    array([448.,  nan,  -0.], dtype=float32)
    """
    bits, f = as_integer_array("bits", bits), _format(fmt)
    check_within("bits", bits, 0, 2**f.n_bits - 1)
    sign, code = np.divmod(bits.astype(np.int32), 2 ** (f.n_bits - 1))
    exponent, mantissa = np.divmod(code, 2**f.mantissa_bits)
    significand = mantissa + (exponent > 0) * 2**f.mantissa_bits
    x = np.ldexp(significand.astype(np.float64), np.maximum(exponent, 1) - f.bias - f.mantissa_bits)
    if f.specials == "ieee":
        x = np.where(code > f.max_code, np.where(mantissa == 0, np.inf, np.nan), x)
    else:
        x = np.where(code > f.max_code, np.nan, x)
    return np.where(sign, -x, x).astype(np.float32)


def cast_float(x, fmt, saturate=True):
    """Round `x` to the values of a format, ties to even: float in, float32 out.

    Parameters and errors as for :func:`float_to_bits`.

    Examples
    --------
    >>> cast_float([0.1, 1.0625, 1e9], "fp8_e4m3")
    array([1.015625e-01, 1.000000e+00, 4.480000e+02], dtype=float32)
    """
    return bits_to_float(float_to_bits(x, fmt, saturate), fmt)


def _format(name):
    if name not in FORMATS:
        raise ValueError(f"fmt must be one of {sorted(FORMATS)}, got {name!r}")
    return FORMATS[name]
