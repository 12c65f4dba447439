"""A chapter script in percent format as a list of cells."""

import ast
import re
from typing import NamedTuple

MARKER = re.compile(r"#\s*%%(.*)")
TITLE = re.compile(r"(?:\s+\[(?P<tag>[^\]]*)\])?(?:\s.*)?")
KINDS = {None: "code", "markdown": "markdown", "md": "markdown"}


class Cell(NamedTuple):
    """One cell: `kind` is ``"markdown"`` or ``"code"``, `line` the 1-based line where it begins."""

    kind: str
    source: str
    line: int


def parse(text):
    """Cells of a script, in order; empty ones are left out.

    A line that begins with ``# %%`` opens a cell, also inside a string, as in every editor that knows the
    format. ``[markdown]`` or ``[md]`` after it makes a Markdown cell, whose lines come without their ``# ``.
    Only a docstring and comments may stand before the first cell, and they are not part of the book.

    Raises
    ------
    ValueError
        With the line: no cell at all, code before the first one, a kind of cell that is not known, or
        a line of Markdown that is no comment.

    Examples
    --------
    >>> parse("# %% [md]\\n# *Ties*\\n\\n# %%\\nround(2.5)\\n")
    [Cell(kind='markdown', source='*Ties*', line=2), Cell(kind='code', source='round(2.5)', line=5)]
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    starts = [number for number, line in enumerate(lines, 1) if MARKER.match(line)]
    if not starts:
        raise ValueError("script must have a line '# %%', got none")
    _check_preamble(lines[: starts[0] - 1])
    cells = []
    for start, end in zip(starts, [*starts[1:], len(lines) + 1], strict=True):
        kind = _kind(lines[start - 1], start)
        body = list(enumerate(lines[start : end - 1], start + 1))
        if kind == "markdown":
            body = [(number, _uncomment(line, number)) for number, line in body]
        cells += _cell(kind, body)
    return cells


def _check_preamble(lines):
    try:
        statements = ast.parse("\n".join(lines)).body
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno} must be Python, got {error.msg}") from None
    if statements and ast.get_docstring(ast.Module(statements[:1], [])) is not None:
        statements = statements[1:]
    if statements:
        line = statements[0].lineno
        raise ValueError(f"line {line} must stand in a cell, got {lines[line - 1]!r} before the first '# %%'")


def _kind(line, number):
    rest = MARKER.match(line)[1]
    title = TITLE.fullmatch(rest)
    if not title or title["tag"] not in KINDS:
        raise ValueError(f"line {number} must open a cell: '# %%' or '# %% [markdown]', got {line!r}")
    return KINDS[title["tag"]]


def _uncomment(line, number):
    line = line.rstrip()
    if line not in ("", "#") and not line.startswith("# "):
        raise ValueError(f"line {number} must begin with '# ' in a Markdown cell, got {line!r}")
    return line[2:]


def _cell(kind, body):
    """The cell of numbered lines, without the blank ones around it: a list of one, or of none."""
    written = [index for index, (_, line) in enumerate(body) if line.strip()]
    if not written:
        return []
    body = body[written[0] : written[-1] + 1]
    return [Cell(kind, "\n".join(line for _, line in body), body[0][0])]
