"""Quick runs: everything happens, with so little training that no figure means anything."""

import os


def quick():
    """Whether ``QBREF_QUICK`` asks for a quick run."""
    return os.environ.get("QBREF_QUICK", "0") not in ("", "0")


def epochs(n):
    """`n`, or an eighth of it in a quick run, at least one.

    Examples
    --------
    >>> epochs(16) in (16, 2)
    True
    """
    return max(1, n // 8) if quick() else n
