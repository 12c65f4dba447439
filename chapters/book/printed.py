"""Text that a script, its subprocesses and its C code print, as a page can show it."""

import io
import os
import re
import sys

MOST_LINES, LAST_LINES = 400, 100
MOST_CHARACTERS = 100_000
MOST_BYTES = 1 << 26  # of one file of a chapter: whoever prints forever must not fill the disk
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Printed:
    """Everything printed goes to a file, from which :meth:`take` takes it.

    Parameters
    ----------
    path : pathlib.Path
        What is printed and not taken, because the process dies, stays in this file.
    """

    def __init__(self, path):
        _limit_files()
        self.file = open(path, "ab", buffering=0)
        for descriptor in (1, 2):
            os.dup2(self.file.fileno(), descriptor)
        stream = io.TextIOWrapper(
            io.FileIO(1, "a", closefd=False), encoding="utf-8", errors="backslashreplace", write_through=True
        )
        sys.stdout = sys.stderr = stream
        self.path = path

    def take(self):
        """The text printed since the last time."""
        text = read(self.path)
        self.file.truncate(0)
        return text


def read(path):
    """The text in a file of printed bytes, shortened to what a page can hold."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES)
    return shortened(clean(data.decode("utf-8", errors="replace"))) if size else ""


def clean(text):
    r"""Without colours and control characters; of a line that was rewritten, the last version.

    Examples
    --------
    >>> clean("10 %\r90 %\r\n\x1b[1mbold\x1b[0m")
    '90 %\nbold'
    """
    lines = COLOUR.sub("", text).replace("\r\n", "\n").split("\n")
    return "\n".join(INVISIBLE.sub("", line.rstrip("\r").rpartition("\r")[2]) for line in lines)


def shortened(text):
    """Head and tail of a text that is too long for a page, and between them what is missing."""
    lines = text.splitlines(keepends=True)
    if len(lines) > MOST_LINES:
        first = MOST_LINES - LAST_LINES
        left_out = len(lines) - MOST_LINES
        note = f"[… {left_out:,} lines left out …]\n"
        text = "".join([*lines[:first], note, *lines[-LAST_LINES:]])
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]}\n[… {left_out:,} characters left out …]\n{text[-half:]}"
    return text


def _limit_files():
    try:
        import resource
    except ImportError:  # not on this system
        return
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    most = MOST_BYTES if hard == resource.RLIM_INFINITY else min(MOST_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
