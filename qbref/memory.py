"""Ask the C library to keep freed memory instead of returning it to the system at once.

Training allocates and frees the same few megabytes at every step. glibc hands blocks of that size back
to the kernel when they are freed, and every new one starts with a page fault per 4 kB: more than half
of a small network's training time. Two limits decide (mallopt(3)); raising them makes the next step
reuse the last one's memory. Results do not change.
"""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BLOCK, KEPT_TOTAL = 32 << 20, 512 << 20  # bytes; 32 MiB is the largest block limit that glibc takes


def keep_freed_memory():
    """Keep freed blocks up to 32 MiB, 512 MiB in all; called once when `qbref` is imported.

    Does nothing where the C library is not glibc, and leaves the limits alone if the environment sets
    them (``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_MMAP_THRESHOLD_`` or ``GLIBC_TUNABLES``).

    Returns
    -------
    bool
        Whether the limits were raised.
    """
    if any(
        name in os.environ for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    ):
        return False
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  (musl and macOS have no such name)
        mallopt = libc.mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, KEPT_BLOCK) and mallopt(M_TRIM_THRESHOLD, KEPT_TOTAL))
