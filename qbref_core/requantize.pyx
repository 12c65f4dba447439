# Compiled twin of qbref/kernels/requantize.py
#
# One loop over rows and channels for every mode and dtype; a scalar multiplier or shift is an array of one
# element and step 0. requantize.h has the arithmetic of one value. Mode "single" with bytes out and no left
# shift, which is what a quantized layer asks for, goes to single.h, four times as fast.

import numpy as np

from qbref.kernels._checks import check_requantize

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t

from qbref_core.cpu cimport flags

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

qb_connect(flags())

cdef extern from "requantize.h" nogil:
    ctypedef enum qb_mode:
        QB_SINGLE, QB_DOUBLE, QB_HALF_UP_TWICE, QB_FLOAT32, QB_FLOAT64
    int64_t qb_rounded(qb_mode mode, int32_t x, int64_t multiplier, int shift, double real)

cdef extern from "single.h" nogil:
    void qb_single(const int32_t *x, const int32_t *multiplier, const int32_t *right, Py_ssize_t count,
                   int32_t low, int32_t high, int32_t zero_point, uint8_t *q)

ctypedef fused quantized:
    int8_t
    uint8_t
    int16_t
    uint16_t
    int32_t

cdef enum:
    BLOCK = 512  # about as many values go to single.h at once

MODES = {
    "single": QB_SINGLE,
    "double": QB_DOUBLE,
    "half_up_twice": QB_HALF_UP_TWICE,
    "float32": QB_FLOAT32,
    "float64": QB_FLOAT64,
}


def requantize(accumulator, multiplier, shift, zero_point, qmin, qmax, mode="single"):
    """Compiled twin of :func:`qbref.kernels.requantize`."""
    multiplier, shift, zero_point, qmin, qmax, dtype = check_requantize(
        accumulator, multiplier, shift, zero_point, qmin, qmax, mode
    )
    q = np.empty(accumulator.shape, dtype)
    if q.size == 0:
        return q
    rows = np.require(accumulator, requirements="CA")
    if mode == "single" and dtype.itemsize == 1 and qmin <= zero_point <= qmax and shift.max() <= 0:
        channels = accumulator.shape[accumulator.ndim - 1] if multiplier.ndim or shift.ndim else 1
        repeats = max(1, min(q.size, BLOCK) // channels)
        multiplier = _repeated(multiplier, repeats, channels)
        right = _repeated(31 - shift, repeats, channels)
        out = q.view(np.uint8).reshape(-1)
        single_blocks(rows.reshape(-1), multiplier, right, zero_point, qmin, qmax, out)
        return q
    *_, channels = accumulator.shape if multiplier.ndim or shift.ndim else (accumulator.size,)
    rows = rows.reshape(-1, channels)
    real = np.ldexp(multiplier.astype(np.float64), shift - 31).reshape(-1)
    multiplier, shift, out = multiplier.reshape(-1), shift.reshape(-1), q.reshape(-1, channels)
    if dtype == np.int8:
        loop[int8_t](rows, multiplier, shift, real, zero_point, qmin, qmax, MODES[mode], out)
    elif dtype == np.uint8:
        loop[uint8_t](rows, multiplier, shift, real, zero_point, qmin, qmax, MODES[mode], out)
    elif dtype == np.int16:
        loop[int16_t](rows, multiplier, shift, real, zero_point, qmin, qmax, MODES[mode], out)
    elif dtype == np.uint16:
        loop[uint16_t](rows, multiplier, shift, real, zero_point, qmin, qmax, MODES[mode], out)
    else:
        loop[int32_t](rows, multiplier, shift, real, zero_point, qmin, qmax, MODES[mode], out)
    return q


def _repeated(values, repeats, channels):
    """One value per channel, `repeats` times over, as int32."""
    block = np.empty((repeats, channels), np.int32)
    block[...] = values
    return block.reshape(-1)


cdef single_blocks(const int32_t[::1] x, const int32_t[::1] multiplier, const int32_t[::1] right,
                   int32_t zero_point, int32_t qmin, int32_t qmax, uint8_t[::1] q):
    cdef Py_ssize_t block = multiplier.shape[0], i, start
    with nogil:
        for i in range((x.shape[0] + block - 1) // block):
            start = i * block
            qb_single(&x[start], &multiplier[0], &right[0], min(block, x.shape[0] - start), qmin - zero_point,
                      qmax - zero_point, zero_point, &q[start])


cdef loop(const int32_t[:, ::1] accumulator, const int64_t[::1] multiplier, const int64_t[::1] shift,
          const double[::1] real, int64_t zero_point, int64_t qmin, int64_t qmax, qb_mode mode,
          quantized[:, ::1] q):
    cdef Py_ssize_t multiplier_step = multiplier.shape[0] > 1, shift_step = shift.shape[0] > 1
    cdef Py_ssize_t real_step = real.shape[0] > 1, i, c
    cdef int64_t value
    with nogil:
        for i in range(accumulator.shape[0]):
            for c in range(accumulator.shape[1]):
                value = zero_point + qb_rounded(mode, accumulator[i, c], multiplier[c * multiplier_step],
                                                <int>shift[c * shift_step], real[c * real_step])
                q[i, c] = <quantized>min(max(value, qmin), qmax)

