# Compiled twin of qbref/kernels/requantize.py
#
# The accumulator is cut into rows that meet one array of multipliers and shifts: a row is one value for each channel
# or, where both are scalars, ROW values that meet them repeated. A row is rounded and clipped to int32 first and
# then narrowed, so that each mode is one loop for all four dtypes. The default mode is vectorized, in requantize.h.

import numpy as np

from qbref.kernels._checks import check_requantize

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t

cdef extern from "requantize.h" nogil:
    void qb_single(const int32_t* x, Py_ssize_t count, const int64_t* multiplier, const int64_t* half,
                   const int64_t* right, int64_t zero_point, int64_t qmin, int64_t qmax, int32_t* out)

cdef extern from "<math.h>" nogil:
    long long llrintf(float x)
    long long llround(double x)

cdef enum:
    ROW = 256

cdef enum Mode:
    SINGLE, DOUBLE, HALF_UP_TWICE, FLOAT32, FLOAT64

MODES = {"single": SINGLE, "double": DOUBLE, "half_up_twice": HALF_UP_TWICE, "float32": FLOAT32, "float64": FLOAT64}

ctypedef fused quantized:
    int8_t
    uint8_t
    int16_t
    uint16_t


def requantize(accumulator, multiplier, shift, zero_point, qmin, qmax, mode="single"):
    """Compiled twin of :func:`qbref.kernels.requantize`."""
    multiplier, shift, zero_point, qmin, qmax, dtype = check_requantize(
        accumulator, multiplier, shift, zero_point, qmin, qmax, mode
    )
    q = np.empty(accumulator.shape, dtype)
    if q.size == 0:
        return q
    rows = np.ascontiguousarray(accumulator)
    if mode == "single" and dtype.itemsize == 1 and qmin <= zero_point <= qmax and shift.max() <= 0:
        channels = accumulator.shape[-1] if multiplier.ndim or shift.ndim else 1
        repeats = max(1, min(q.size, BLOCK) // channels)
        multiplier, right = repeated(multiplier, repeats, channels), repeated(31 - shift, repeats, channels)
        single_blocks(rows.reshape(-1), multiplier, right, zero_point, qmin, qmax, q.view(np.uint8).reshape(-1))
        return q
    *_, channels = accumulator.shape if multiplier.ndim or shift.ndim else (accumulator.size,)
    rows = rows.reshape(-1, channels)
    real = np.ldexp(multiplier, np.subtract(shift, 31))
    with nogil:
        for i in range((x.shape[0] + width - 1) // width):
            start = i * width
            count = min(width, x.shape[0] - start)
            if mode == SINGLE:
                qb_single(&x[start], count, &multiplier[0], &half[0], &right[0], zero_point, qmin, qmax, &rounded[0])
            else:
                for c in range(count):
                    rounded[c] = min(max(zero_point + product(mode, x[start + c], multiplier[c], shift[c], real[c]),
                                         qmin), qmax)
            for c in range(count):
                q[start + c] = <quantized>rounded[c]


cdef inline int64_t product(Mode mode, int32_t x, int64_t multiplier, int64_t shift, double real) noexcept nogil:
    if mode == DOUBLE:
        return divide_half_away(high_product(x, multiplier, shift), max(-shift, 0))
    if mode == HALF_UP_TWICE:
        return divide_half_up(high_product(x, multiplier, shift), max(-shift, 0))
    if mode == FLOAT32:
        return llrintf(<float>x * <float>real)  # half to even, the processor's own rounding
    return llround(x * real)


cdef inline int64_t high_product(int32_t x, int64_t multiplier, int64_t shift) noexcept nogil:
    cdef int32_t shifted = <int32_t>(<uint32_t>x << max(shift, 0))
    return (shifted * multiplier + (<int64_t>1 << 30)) >> 31


cdef inline int64_t divide_half_away(int64_t x, int64_t exponent) noexcept nogil:
    cdef int64_t mask = (<int64_t>1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


cdef inline int64_t divide_half_up(int64_t x, int64_t exponent) noexcept nogil:
    return (x + ((<int64_t>1 << exponent) >> 1)) >> exponent
