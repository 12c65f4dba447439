"""What a formula is made of, and how its pieces stand beside one another."""

import re
from itertools import pairwise
from typing import NamedTuple

from chapters.book import symbols
from chapters.book.escape import escape

OPERATOR = re.compile("<mo\\b[^>]*>([^<]*)<")
APPLY = "<mo>&#x2061;</mo>"
THIN = '<mspace width="0.1667em"/>'


class Atom(NamedTuple):
    """A piece of a row; `part` is its class in TeX: ord, op, big, bin, rel, open, close, bar, punct, space.

    `limits`: scripts stand above and below. `lone`: how a sign is drawn where it joins nothing.
    """

    markup: str
    part: str = "ord"
    limits: bool = False
    lone: str = ""


def lay_out(atoms, before="start"):
    """Markup of a row that begins after a `before`.

    MathML spaces its operators itself. Here it is told which signs join nothing, which bars open and which
    close, and where the name of a function ends.

    >>> lay_out([ATOMS["-"], Atom("<mi>x</mi>"), ATOMS["+"], Atom("<mn>1</mn>")])
    '<mo form="prefix">−</mo><mi>x</mi><mo>+</mo><mn>1</mn>'
    """
    pieces, inside = [], set()
    solid = [i for i, atom in enumerate(atoms) if atom.part != "space"]
    followers = {i: atoms[j].part for i, j in pairwise(solid)}
    for i, atom in enumerate(atoms):
        markup, part = atom.markup, atom.part
        if part == "space":
            pieces.append(markup)
            continue
        follower = followers.get(i, "end")
        if part == "bar":
            sign = OPERATOR.search(markup)[1]
            part = "close" if sign in inside else "open"
            inside ^= {sign}
            pieces.append(_formed(markup, "postfix" if part == "close" else "prefix"))
        elif part == "bin" and (
            before not in ("ord", "close") or follower in ("rel", "close", "punct", "end")
        ):
            part = "ord"
            pieces.append(atom.lone)
        elif part == "bin" and not pieces:
            pieces.append(_formed(markup, "infix"))
        else:
            pieces.append(THIN + markup if part == "op" and before in ("ord", "close") else markup)
        if part == "op" and follower in ("ord", "op", "big", "open", "bar"):
            pieces.append(APPLY + ("" if follower == "open" else THIN))
        before = part
    return "".join(pieces)


def _formed(markup, form):
    return re.sub(r"<mo\b", f'<mo form="{form}"', markup, count=1)


def mrow(atoms):
    """One element for a row, whatever its length."""
    markup = lay_out(atoms)
    return markup if len(atoms) == 1 else f"<mrow>{markup}</mrow>"


def scripts(base, below, above):
    """`base` with scripts, each a markup or None, beside it or, if it takes `limits`, above and below."""
    if below is None and above is None:
        return base
    tag = ("munder", "mover", "munderover") if base.limits else ("msub", "msup", "msubsup")
    tag = tag[2 if below is not None and above is not None else above is not None]

    def joined(markup):
        return f"<{tag}>{markup}{below or ''}{above or ''}</{tag}>" if markup else ""

    return Atom(joined(base.markup), base.part, lone=joined(base.lone))


def function(name, limits=False):
    """A function's name, upright."""
    return Atom(upright(name), "op", limits)


def upright(text):
    """An identifier that is not slanted: MathML slants those of one character."""
    variant = ' mathvariant="normal"' if len(text) == 1 else ""
    return f"<mi{variant}>{escape(text)}</mi>"


def stretched(delimiter, form):
    """A delimiter as tall as what it encloses; an empty one draws nothing."""
    return f'<mo form="{form}" fence="true" stretchy="true">{escape(delimiter)}</mo>' if delimiter else ""


def matrix(rows, sides, fences, display):
    """A table of cells between two delimiters; columns align to the `sides` in turn, two sides touch."""
    body = ""
    for row in rows:
        body += "<mtr>"
        for column, cell in enumerate(row):
            side = sides[column % len(sides)]
            touching = f";padding-{side}:0" if len(sides) == 2 else ""
            body += f'<mtd style="text-align:{side}{touching}">{cell}</mtd>'
        body += "</mtr>"
    columns = " ".join(sides[column % len(sides)] for column in range(max(map(len, rows))))
    style = ' displaystyle="true"' if display else ""
    table = f'<mtable columnalign="{columns}"{style}>{body}</mtable>'
    left, right = (stretched(sign, form) for sign, form in zip(fences, ("prefix", "postfix"), strict=True))
    return f"<mrow>{left}{table}{right}</mrow>"


def _atoms():
    """The atom of every character and command that stands for itself."""
    tables = [
        (symbols.GREEK, lambda sign: Atom(f"<mi>{sign}</mi>")),
        (symbols.UPRIGHT, lambda sign: Atom(upright(sign))),
        (symbols.BINARY, _sign),
        (symbols.RELATION, lambda sign: Atom(f"<mo>{escape(sign)}</mo>", "rel")),
        (symbols.OPENING, lambda sign: Atom(f'<mo form="prefix" stretchy="false">{sign}</mo>', "open")),
        (symbols.CLOSING, lambda sign: Atom(f'<mo form="postfix" stretchy="false">{sign}</mo>', "close")),
        (symbols.BARS, lambda sign: Atom(f'<mo stretchy="false">{sign}</mo>', "bar")),
        (symbols.PUNCTUATION, lambda sign: Atom(f'<mo lspace="0" rspace="0.1667em">{sign}</mo>', "punct")),
        (symbols.UNSPACED, lambda sign: Atom(f'<mo lspace="0" rspace="0">{sign}</mo>')),
        (symbols.PREFIX, lambda sign: Atom(f'<mo form="prefix">{sign}</mo>', "open")),
        (symbols.FUNCTIONS, function),
        (symbols.INTEGRALS, lambda sign: Atom(f"<mo>{sign}</mo>", "big")),
        (symbols.SPACES, lambda width: Atom(f'<mspace width="{width}"/>', "space")),
    ]
    return {_key(name): make(sign) for table, make in tables for name, sign in table.items()}


def _sign(sign):
    lone = f'<mo form="prefix">{sign}</mo>' if sign in "+−±∓" else f'<mo lspace="0" rspace="0">{sign}</mo>'
    spread = ' lspace="0.2222em" rspace="0.2222em"' if sign == "mod" else ""
    return Atom(f"<mo{spread}>{sign}</mo>", "bin", lone=lone)


def _key(name):
    return f"\\{name}" if name.isalpha() else name


ATOMS = _atoms()
DELIMITERS = {".": "", "/": "/"} | {
    _key(name): sign
    for table in (symbols.OPENING, symbols.CLOSING, symbols.BARS)
    for name, sign in table.items()
}
