"""Several small integers in one byte.

Elements are packed along the last axis, the first element in the lowest bits, in two's complement
when negative; the last byte is filled with zeros. ONNX stores int4 this way, low nibble first.
"""

import numpy as np

from qbref.quant.checks import as_integer_array


def pack_int4(q):
    """byte[i] = q[2i] + 16·q[2i + 1], each q modulo 16.

    Parameters
    ----------
    q : integer array, at least one dimension
        Values in [−8, 7] or in [0, 15].

    Returns
    -------
    uint8 array, last axis ``ceil(n / 2)``

    Raises
    ------
    TypeError, ValueError
        If `q` is not an integer array, is a scalar, or fits neither range.

    Examples
    --------
    >>> [hex(byte) for byte in pack_int4(np.array([1, -1, 7]))]
    ['0xf1', '0x7']
    """
    return _pack(q, 4)


def unpack_int4(packed, count, signed=True):
    """Undo :func:`pack_int4`: `count` elements of each row, int8 in [−8, 7], or uint8 in [0, 15].

    Raises
    ------
    TypeError, ValueError
        If `packed` is not uint8, or its last axis is not ``ceil(count / 2)``.

    Examples
    --------
    >>> unpack_int4(np.array([0xF1, 0x07], np.uint8), 3)
    array([ 1, -1,  7], dtype=int8)
    """
    return _unpack(packed, count, signed, 4)


def pack_int2(q):
    """byte[i] = q[4i] + 4·q[4i + 1] + 16·q[4i + 2] + 64·q[4i + 3], each q modulo 4.

    As :func:`pack_int4`, for values in [−2, 1] or in [0, 3], four to a byte.

    Examples
    --------
    >>> [hex(byte) for byte in pack_int2(np.array([1, -1, 0, -2, 1]))]
    ['0x8d', '0x1']
    """
    return _pack(q, 2)


def unpack_int2(packed, count, signed=True):
    """Undo :func:`pack_int2`: `count` elements of each row, int8 in [−2, 1], or uint8 in [0, 3].

    Examples
    --------
    >>> unpack_int2(np.array([0x8D, 0x01], np.uint8), 5)
    array([ 1, -1,  0, -2,  1], dtype=int8)
    """
    return _unpack(packed, count, signed, 2)


def _pack(q, n_bits):
    q = as_integer_array("q", q)
    if q.ndim == 0:
        raise ValueError("q must have at least one dimension, got a scalar")
    half = 2 ** (n_bits - 1)
    lowest, highest = (q.min(), q.max()) if q.size else (0, 0)
    if not (-half <= lowest and highest < half or 0 <= lowest and highest < 2 * half):
        rule = f"lie within [{-half}, {half - 1}] or [0, {2 * half - 1}]"
        raise ValueError(f"q must {rule}, got values from {lowest} to {highest}")
    per_byte = 8 // n_bits
    padding = [(0, 0)] * (q.ndim - 1) + [(0, -q.shape[-1] % per_byte)]
    fields = np.pad(q.astype(np.uint8) & (2 * half - 1), padding)
    fields = fields.reshape(*q.shape[:-1], fields.shape[-1] // per_byte, per_byte)
    return np.bitwise_or.reduce(fields << _field_positions(n_bits), axis=-1)


def _unpack(packed, count, signed, n_bits):
    packed = np.asarray(packed)
    if packed.dtype != np.uint8:
        raise TypeError(f"packed must be uint8, got {packed.dtype}")
    per_byte = 8 // n_bits
    if packed.ndim == 0 or packed.shape[-1] != -(-count // per_byte):
        rule = f"have a last axis of {-(-count // per_byte)} bytes for count {count}"
        raise ValueError(f"packed must {rule}, got shape {packed.shape}")
    fields = packed[..., np.newaxis] >> _field_positions(n_bits) & (2**n_bits - 1)
    q = fields.reshape(*packed.shape[:-1], packed.shape[-1] * per_byte)[..., :count]
    if not signed:
        return q
    sign_bit = 2 ** (n_bits - 1)
    return (q ^ sign_bit).astype(np.int8) - np.int8(sign_bit)


def _field_positions(n_bits):
    return np.arange(0, 8, n_bits, dtype=np.uint8)
