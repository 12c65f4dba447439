"""As many threads as a command wants, in BLAS and in the kernels: mostly one, for a fair comparison.

BLAS libraries read their thread count when NumPy is first imported, so a command that times something
runs itself again, in a process whose environment says how many. On small networks one thread is also the
faster choice: OpenBLAS's threads wait for each other actively, and the more so the busier the machine.
"""

import os
import subprocess
import sys

BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
VARIABLES = (*BLAS, "QBREF_NUM_THREADS")


def are_chosen():
    """Whether the environment already says how many threads to use."""
    return any(name in os.environ for name in VARIABLES)


def are(n):
    """Whether the environment says, to every library, that it is n threads."""
    return all(os.environ.get(name) == str(n) for name in VARIABLES)


def run_with_one(arguments):
    """Run ``qbref`` with these arguments on one thread; returns the exit status."""
    return run_with(1, arguments)


def run_with(n, arguments):
    """Run ``qbref`` with these arguments on n threads; returns the exit status."""
    environment = os.environ | {name: str(n) for name in VARIABLES}
    return subprocess.run([sys.executable, "-m", "qbref", *arguments], env=environment).returncode
