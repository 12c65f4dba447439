"""Progress of long work: one line that rewrites itself on a terminal, one line per stage elsewhere."""

import sys
import time


class Progress:
    """Announces stages and how far they are.

    Examples
    --------
    >>> progress = Progress(stages=2, stream=sys.stdout)
    >>> with progress.stage("train"):
    ...     progress(0.5, "loss 0.7")
    [1/2] train … 0.0 s
    """

    def __init__(self, stages, stream=None):
        self.stages, self.done = stages, 0
        self.stream = sys.stderr if stream is None else stream
        self.live = self.stream.isatty()

    def stage(self, name):
        """Context manager around one stage."""
        self.name, self.started = name, time.perf_counter()
        self.done += 1
        return self

    def __call__(self, fraction, note=""):
        """Report within a stage: rewrites the line on a terminal, silent elsewhere."""
        if self.live:
            bar = "█" * round(20 * fraction)
            self._write(f"\r{self._title()} {bar:20} {fraction:4.0%} {note:24.24}")

    def __enter__(self):
        self._write(f"{self._title()} … ")
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            seconds = f"{time.perf_counter() - self.started:.1f} s"
            self._write(f"\r{self._title()} … {seconds:50}\n" if self.live else f"{seconds}\n")

    def _title(self):
        return f"[{self.done}/{self.stages}] {self.name}"

    def _write(self, text):
        self.stream.write(text)
        self.stream.flush()
