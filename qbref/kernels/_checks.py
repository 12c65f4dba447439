"""What the kernels accept: one set of rules for the NumPy definitions and their compiled twins."""

import operator

import numpy as np

INT8 = np.dtype(np.int8)
UINT8 = np.dtype(np.uint8)
INT16 = np.dtype(np.int16)
UINT16 = np.dtype(np.uint16)
INT32 = np.dtype(np.int32)
UINT64 = np.dtype(np.uint64)
PACKABLE = (np.dtype(np.float32), np.dtype(np.float64), INT8, np.dtype(np.bool_))

REQUANTIZE_MODES = ("single", "double", "half_up_twice", "float32", "float64")


def check_array(name, x, dtypes, ndim=None):
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{name} must be a numpy array, got {type(x).__name__}")
    if x.dtype not in dtypes:
        raise TypeError(f"{name} must have dtype {' or '.join(map(str, dtypes))}, got {x.dtype}")
    if ndim is not None and x.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {x.shape}")


def check_int(name, value, lo, hi):
    """Return `value` as an int (0-d integer arrays included) after checking lo <= value <= hi."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if not lo <= number <= hi:
        raise ValueError(f"{name} must be between {lo} and {hi}, got {number}")
    return number


def is_scalar(value):
    return isinstance(value, (int, float)) or getattr(value, "ndim", None) == 0


def check_zero_points(name, zero_point, dtype, count):
    """Return the `count` zero points as int16, and max |q - zero_point| over every q of `dtype`."""
    lo, hi = (-128, 127) if dtype == INT8 else (0, 255)
    if is_scalar(zero_point):
        z = check_int(name, zero_point, lo, hi)
        zero_points = np.empty(count, np.int16)
        zero_points.fill(z)
        return zero_points, max(z - lo, hi - z)
    zero_points = np.asarray(zero_point)
    if zero_points.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {zero_points.dtype}")
    if zero_points.shape != (count,):
        raise ValueError(f"{name} must be a scalar or have shape ({count},), got shape {zero_points.shape}")
    if count == 0:
        return zero_points.astype(np.int16), 0
    smallest, largest = int(zero_points.min()), int(zero_points.max())
    if smallest < lo or largest > hi:
        raise ValueError(
            f"{name} must be between {lo} and {hi}, got {smallest if smallest < lo else largest}"
        )
    return zero_points.astype(np.int16), max(largest - lo, hi - smallest)


def check_depth(k, peak):
    """Refuse sums of `k` products of magnitude up to `peak` that could leave int32."""
    if k * peak > 2**31 - 1:
        raise ValueError(f"K must be at most {(2**31 - 1) // peak} for an int32 accumulator, got {k}")


def check_lut_matmul(lhs, packed_codes, table, lhs_zero_point):
    """Check the operands of lut_matmul and return lhs_zero_point as an int16 array, one per row."""
    check_array("lhs", lhs, (INT8, UINT8), ndim=2)
    check_array("packed_codes", packed_codes, (UINT8,), ndim=2)
    check_array("table", table, (INT8,), ndim=1)
    k = lhs.shape[1]
    if packed_codes.shape[1] != (k + 1) // 2:
        raise ValueError(
            f"packed_codes must have {(k + 1) // 2} bytes a row for K = {k}, got shape {packed_codes.shape}"
        )
    if table.shape != (16,):
        raise ValueError(f"table must have 16 entries, got shape {table.shape}")
    zero_points, peak = check_zero_points("lhs_zero_point", lhs_zero_point, lhs.dtype, lhs.shape[0])
    check_depth(k, peak * 128)
    return zero_points


def check_requantize(accumulator, multiplier, shift, zero_point, qmin, qmax, mode):
    """Check the arguments of requantize; return them with arrays as int64, and the dtype of the result."""
    check_array("accumulator", accumulator, (INT32,))
    if accumulator.ndim == 0:
        raise ValueError("accumulator must have at least one axis, got a 0-d array")
    return check_requantization(accumulator.shape[-1], multiplier, shift, zero_point, qmin, qmax, mode)


def check_requantization(channels, multiplier, shift, zero_point, qmin, qmax, mode):
    """Check the constants of requantize for so many channels."""
    if mode not in REQUANTIZE_MODES:
        raise ValueError(f"mode must be one of {', '.join(REQUANTIZE_MODES)}, got {mode!r}")
    multiplier = _per_channel("multiplier", multiplier, 0, 2**31 - 1, channels)
    shift = _per_channel("shift", shift, -31, 30, channels)
    zero_point = check_int("zero_point", zero_point, -(2**31), 2**31 - 1)
    qmin = check_int("qmin", qmin, -(2**31), 2**31 - 1)
    qmax = check_int("qmax", qmax, qmin, 2**31 - 1)
    return multiplier, shift, zero_point, qmin, qmax, _smallest_dtype(qmin, qmax)


def _per_channel(name, value, lo, hi, channels):
    """Return `value` as an int64 array: 0-d for a scalar, else one element per channel."""
    if is_scalar(value):
        return np.array(check_int(name, value, lo, hi), np.int64)
    values = np.asarray(value)
    if values.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, got dtype {values.dtype}")
    if values.shape != (channels,):
        raise ValueError(f"{name} must be a scalar or have one element per channel, got shape {values.shape}")
    limits = np.iinfo(values.dtype)  # what the dtype cannot hold needs no looking
    if channels and (limits.min < lo > values.min() or limits.max > hi < values.max()):
        bad = values[(values < lo) | (values > hi)][0]
        raise ValueError(f"{name} must be between {lo} and {hi}, got {bad}")
    return values.astype(np.int64)


def _smallest_dtype(qmin, qmax):
    if qmin < 0:
        bits = max(-qmin - 1, qmax).bit_length()
        return INT8 if bits <= 7 else INT16 if bits <= 15 else INT32
    bits = qmax.bit_length()
    return UINT8 if bits <= 8 else UINT16 if bits <= 16 else INT32


def check_pack_bits(x):
    check_array("x", x, PACKABLE)
    if x.ndim == 0:
        raise ValueError("x must have at least one axis, got a 0-d array")


def check_words(name, words, k, ndim=None):
    """Check bits packed by pack_bits: ceil(k / 64) words along the last axis, and zeros beyond bit k."""
    check_array(name, words, (UINT64,), ndim)
    if words.ndim == 0 or words.shape[-1] != (k + 63) // 64:
        raise ValueError(f"{name} must have {(k + 63) // 64} words for k = {k} bits, got shape {words.shape}")
    if k % 64 and np.bitwise_or.reduce(words[..., -1], axis=None) >> np.uint64(k % 64):
        raise ValueError(f"{name} must have zeros beyond bit {k - 1}, got a tail bit that is set")


def check_im2col(x, kernel_size, stride, padding, dilation, pad_value):
    """Check the arguments of im2col; return the four pairs as tuples, the output's (OH, OW) and pad_value."""
    check_array("x", x, (INT8, UINT8, UINT64), ndim=4)
    kernel_size = _pair("kernel_size", kernel_size, 1)
    stride = _pair("stride", stride, 1)
    padding = _pair("padding", padding, 0)
    dilation = _pair("dilation", dilation, 1)
    limits = np.iinfo(x.dtype)
    pad_value = check_int("pad_value", pad_value, int(limits.min), int(limits.max))
    spans = [d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    padded = [n + 2 * p for n, p in zip(x.shape[1:3], padding, strict=True)]
    if spans[0] > padded[0] or spans[1] > padded[1]:
        raise ValueError(
            f"kernel_size must fit in the padded input {tuple(padded)}, got a span of {tuple(spans)}"
        )
    out_size = tuple((n - span) // s + 1 for n, span, s in zip(padded, spans, stride, strict=True))
    return kernel_size, stride, padding, dilation, out_size, pad_value


def _pair(name, value, lo):
    pair = (value, value) if is_scalar(value) else tuple(value)
    if len(pair) != 2:
        raise ValueError(f"{name} must be an integer or a pair of integers, got {value!r}")
    return check_int(name, pair[0], lo, 2**31 - 1), check_int(name, pair[1], lo, 2**31 - 1)
