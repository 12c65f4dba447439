"""Find the smallest inputs on which systems differ, and the rules that make the difference.

For each family of operators: which systems agree on every input that was searched (groups A, B, ...), and
for each pair of groups the smallest input on which they part, both results, and the named rule. Nothing is
stored: the search runs anew each time.
"""

import json
import textwrap

import numpy as np

from qbref import plots
from qbref.conventions import atlas
from qbref.conventions.differences import FAMILIES, agreeing

WIDTH = 80  # columns of the page
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def add_arguments(parser):
    """Declare the command's arguments."""
    parser.add_argument("family", nargs="*", help=f"{'; '.join(FAMILIES)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print every pair of systems as JSON")
    parser.add_argument("--picture", metavar="FILE", help="draw the (one) family, as .png or .svg")


def run(options):
    """Search, print, draw."""
    if options.picture and len(options.family) != 1:
        raise ValueError(f"family must be one to draw a picture of it, got {len(options.family)}")
    rows = atlas(*options.family)
    if options.picture:
        plots.save(plots.atlas_matrix(rows), options.picture, scale=2)
    print(json.dumps([_plain(row) for row in rows], indent=1) if options.json else as_text(rows))


def as_text(rows):
    """The rows for people, family by family."""
    families = dict.fromkeys(row.family for row in rows)
    return "\n\n".join(_family([row for row in rows if row.family == name]) for name in families)


def result(value):
    """A result in as few characters as tell it from its neighbours.

    Examples
    --------
    >>> result(np.int8(-3)), result(np.float32(0.1)), result(np.array([0.5, 128.0]))
    ('-3', '0.1', '(0.5, 128)')
    """
    if np.ndim(value):
        return f"({', '.join(result(v) for v in value)})"
    return str(np.float32(value)).removesuffix(".0") if isinstance(value, np.floating) else str(value)


def _family(rows):
    family = FAMILIES[rows[0].family]
    groups = agreeing(rows)
    of = {system: letter for letter, group in zip(LETTERS, groups, strict=False) for system in group}
    lines = [family.name.upper(), *_wrapped("order: ", family.order)]
    for letter, group in zip(LETTERS, groups, strict=False):
        lines += _wrapped(f"  {letter}  ", ", ".join(group))
    shown = set()
    for row in rows:
        pair = of[row.a], of[row.b]
        if row.x is None or pair in shown or pair[::-1] in shown:
            continue
        shown.add(pair)
        results = f"{result(row.a_result)} | {result(row.b_result)}"
        lines += _wrapped(f"  {' '.join(pair)}  ", f"{row.input}: {results}")
        for name, a, b in row.cause:
            lines += _wrapped("       ", f"{name.replace('_', ' ')}: {a} | {b}")
    return "\n".join(lines)


def _wrapped(start, text):
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))


def _plain(row):
    """What JSON can hold; NaN and infinities as text."""
    return {name: _plain_value(value) for name, value in row._asdict().items()}


def _plain_value(value):
    if isinstance(value, tuple | list | np.ndarray):
        return [_plain_value(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
