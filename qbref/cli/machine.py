"""What figures depend on: processor, interpreter, libraries."""

import os
import platform

import numpy as np

import qbref


def describe(core_cpu=None):
    """Return a dict of processor, compiler, versions; `core_cpu` is `qbref_core.cpu`, or None without it."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "qbref": qbref.__version__,
        "processor": (core_cpu and core_cpu.processor()) or platform.processor() or platform.machine(),
        "processors": processors(),
        "load": load(),
        "system": f"{platform.system()} {platform.machine()}",
        "compiler": core_cpu and core_cpu.compiler(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(),
    }


def processors():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load():
    """How many programs wanted a processor during the last minute, this one included, in words."""
    return f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"


def up_to(variant, instruction_sets):
    """The instruction sets that a kernel may be held to so that `variant` is the one that it chooses.

    Parameters
    ----------
    variant : str
    instruction_sets : sequence of str
        Slowest first, as `qbref_core.cpu.INSTRUCTION_SETS` has them.

    Examples
    --------
    >>> up_to("avx2", ("generic", "sse2", "avx2", "avx512"))
    ['generic', 'sse2', 'avx2']
    """
    names = list(instruction_sets)
    return names[: names.index(variant) + 1]
