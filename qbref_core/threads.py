"""How many threads a kernel may use, and the small pool that lends them.

Kernels run without the interpreter's lock, so threads of the standard library are all it takes. A kernel cuts
its output into parts that do not depend on their number, hence neither does the result.
"""

import operator
import os
from concurrent.futures import ThreadPoolExecutor

LONG_ENOUGH = 1e-3  # seconds of work on one thread below which lending a second one costs more than it brings
PARTS = 4  # for each thread, so that one which another program slows down does not keep all waiting

_pool = None
_num_threads = 1


def set_num_threads(n):
    """Let a call use up to `n` threads, the calling one included; 1 means no others.

    Parameters
    ----------
    n : int
        At least 1. At import it is QBREF_NUM_THREADS, or the number of processors this process may use.
    """
    global _num_threads, _pool
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"n must be an integer, got {n!r}") from None
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if n != _num_threads:
        _num_threads, _pool = n, None  # a pool in use finishes its work, then its threads end


def get_num_threads():
    """Return the most threads that one call may use."""
    return _num_threads


def useful(seconds):
    """Return how many threads a call may use that takes `seconds` on one."""
    return min(_num_threads, int(seconds / LONG_ENOUGH) + 1)


def run(task, count, seconds):
    """Call ``task(first, last)`` for ranges that cover 0..count-1, on one thread or several.

    Parameters
    ----------
    task : callable
        Must release the interpreter's lock and write only what belongs to its range.
    count : int
    seconds : float
        A guess of the work on one thread, which decides whether others are worth waking.
    """
    threads = min(useful(seconds), count)
    if threads <= 1:
        if count:
            task(0, count)
        return
    parts = min(count, PARTS * threads)
    edges = [count * i // parts for i in range(parts + 1)]
    ranges = iter(list(zip(edges[:-1], edges[1:], strict=True)))

    def work():
        for first, last in ranges:  # each thread takes the next range until none is left
            task(first, last)

    helpers = [_threads().submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        for helper in helpers:
            helper.result()


def _threads():
    global _pool
    pool = _pool
    if pool is None:
        pool = _pool = ThreadPoolExecutor(max(1, _num_threads - 1), thread_name_prefix="qbref")
    return pool


def _forget_pool():
    global _pool
    _pool = None  # a forked child has no threads but its own


def _default():
    asked = os.environ.get("QBREF_NUM_THREADS", "")
    if asked:
        if not asked.isdigit() or int(asked) < 1:
            raise ValueError(f"QBREF_NUM_THREADS must be a positive integer, got {asked!r}")
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


set_num_threads(_default())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
