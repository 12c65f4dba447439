# The limits of one core of this processor, by the register-only loops of limits_*.h

"""What this processor could do at best, measured now, on one thread: operations in registers, bytes read.

A kernel's speed says little by itself. Beside the speed of the bare instructions that it is made of, it says
how much is left to gain; and beside the rate at which memory can be read, when there is nothing to gain.
"""

import time

import numpy as np

from libc.stdint cimport int64_t, uint64_t

from qbref_core.cpu cimport flags

cdef extern from "dispatch.h" nogil:
    void qb_connect(const int *flags)

cdef extern from "limits_table.h" nogil:
    ctypedef struct qb_limit:
        const char *kind
        const char *variant
        double operations
        double (*loop)(int64_t rounds) noexcept nogil
    const qb_limit qb_limits[]
    enum:
        QB_LIMITS, QB_READ_ROW
    int qb_limit_usable(const qb_limit *limit)
    void qb_read(const uint64_t *memory, Py_ssize_t words, uint64_t *total)

qb_connect(flags())


def measurable():
    """Return a dict from kind to the variants whose limit can be measured now, as `kernel_in_use` names them.

    The kinds are float32 (multiply-add), int8 (exact products, summed in int32), xnor (xor, popcount, add).
    A `generic` variant of int8 or xnor has no limit: its instructions are the compiler's choice.
    """
    found = {}
    for i in range(QB_LIMITS):
        if qb_limit_usable(&qb_limits[i]):
            found.setdefault(qb_limits[i].kind.decode(), []).append(qb_limits[i].variant.decode())
    return found


def gops(variant, kind, seconds=0.02, repeats=5):
    """Return 10^9 operations per second, two for each multiply-add, on operands that stay in registers.

    Parameters
    ----------
    variant, kind : str
        As `measurable` lists them.
    seconds : float
        Duration of one measurement.
    repeats : int
        The fastest of so many counts.

    Examples
    --------
    >>> gops("generic", "float32", seconds=0.001) > 0.1
    True
    """
    cdef int i
    for i in range(QB_LIMITS):
        if (qb_limits[i].kind.decode(), qb_limits[i].variant.decode()) == (kind, variant):
            if qb_limit_usable(&qb_limits[i]):
                return qb_limits[i].operations * 1e-9 / _seconds_per_round(i, seconds, repeats)
    usable = [f"{variant} {kind}" for kind, variants in measurable().items() for variant in variants]
    raise ValueError(f"variant and kind must be one of {', '.join(usable)}, got {variant} {kind}")


cdef _seconds_per_round(int limit, double seconds, int repeats):
    cdef int64_t rounds = 1000
    elapsed = _run(limit, rounds)
    while elapsed < seconds / 4:
        rounds *= 2
        elapsed = _run(limit, rounds)
    rounds = max(1, int(rounds * seconds / elapsed))
    return min(_run(limit, rounds) for _ in range(repeats)) / rounds


cdef _run(int limit, int64_t rounds):
    start = time.perf_counter()
    with nogil:
        qb_limits[limit].loop(rounds)
    return time.perf_counter() - start


def read_bandwidth(nbytes, seconds=0.02, repeats=5):
    """Return 10^9 bytes per second, reading the same `nbytes` again and again from end to end.

    They come from the nearest cache that holds them all, or from memory. The weights of a layer at batch 1
    are read once for each image, and so cannot pass faster than this.

    Parameters
    ----------
    nbytes : int
        Size of the working set; rounded up to 256.
    seconds, repeats
        As for `gops`.

    Examples
    --------
    >>> read_bandwidth(4096, seconds=0.001) > 0.1
    True
    """
    if nbytes < 1:
        raise ValueError(f"nbytes must be positive, got {nbytes}")
    cdef const uint64_t[::1] memory = np.ones(-(-nbytes // (8 * QB_READ_ROW)) * QB_READ_ROW, np.uint64)
    _read(memory, 1)
    cdef Py_ssize_t passes = max(1, int(seconds / max(_read(memory, 1), 1e-7)))
    return 8e-9 * memory.shape[0] * passes / min(_read(memory, passes) for _ in range(repeats))


def _read(const uint64_t[::1] memory, Py_ssize_t passes):
    cdef uint64_t total = 0
    cdef Py_ssize_t i
    start = time.perf_counter()
    with nogil:
        for i in range(passes):
            qb_read(&memory[0], memory.shape[0], &total)
    elapsed = time.perf_counter() - start
    if total != <uint64_t>(memory.shape[0] * passes):
        raise RuntimeError("the sum of what was read must be right")
    return elapsed
