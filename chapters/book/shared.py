"""Trainings that several chapters share, made side by side before the chapters run one after another."""

import subprocess
import sys

from chapters.book.run import ROOT, environment


def train(names, quick=False, data=None):
    """Call ``qbref.lab.<name>()`` for each name, each in a process of its own, so that its training is kept.

    What is kept already takes no time. A training that fails is left to the first chapter that needs it,
    which says why.
    """
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", f"from qbref import lab; lab.{name}()"],
            cwd=ROOT,
            env=environment(quick, data),
            **quiet,
        )
        for name in names
    ]
    try:
        for process in processes:
            process.wait()
    finally:  # also after Ctrl-C
        for process in processes:
            process.kill()
            process.wait()
