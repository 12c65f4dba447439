"""A Markdown text as a tree of blocks: headings, paragraphs, lists, quotes, code, formulas, tables, rules."""

import re
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from chapters.book import inline

HEADING = re.compile(r"(#{1,4}) +(\S.*)")
FENCE = re.compile(r"```+(?=[^`]*$)")
RULE = re.compile(r"-{3,}")
ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)]) +(?=\S)")
PREFIX = re.compile(r"(?:[ \t>]|(?:[-*+]|\d{1,9}[.)]) )*")
ALIGNMENT = re.compile(r"(:?)-+(:?)")
ALIGNMENTS = {("", ""): None, (":", ""): "left", ("", ":"): "right", (":", ":"): "center"}
DEEPEST = 12


class Heading(NamedTuple):
    level: int
    text: str


class Paragraph(NamedTuple):
    text: str


class Code(NamedTuple):
    language: str
    text: str


class Math(NamedTuple):
    tex: str


class Quote(NamedTuple):
    blocks: list


class Listing(NamedTuple):
    """`start` is the first number, None for bullets; the items of a `loose` list are paragraphs."""

    start: int | None
    items: list
    loose: bool


class Table(NamedTuple):
    align: list
    header: list
    rows: list


class Rule(NamedTuple):
    pass


def parse(text):
    """Blocks of a Markdown text.

    Raises
    ------
    ValueError
        For a fence or a ``$$`` that never ends, and a table row that does not fit its header.

    Examples
    --------
    >>> parse("# Ties\\n\\n1. half")
    [Heading(level=1, text='Ties'), Listing(start=1, items=[[Paragraph(text='half')]], loose=False)]
    """
    return _parse(text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4).split("\n"), 0)


def split_code(text):
    """(text, is_code) parts that make up `text`: its fences, also those in lists and quotes, and the rest.

    >>> split_code("a\\n- ```\\n  b\\n  ```\\nc")
    [('a\\n', False), ('- ```\\n  b\\n  ```\\n', True), ('c', False)]
    """
    parts, fence = [], ""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        inner = line[PREFIX.match(line).end() :].strip()
        opening = FENCE.match(inner)
        parts.append((line, bool(fence or opening)))
        if fence and _closes(inner, fence):
            fence = ""
        elif opening and not fence:
            fence = opening[0]
    return [("".join(line for line, _ in group), code) for code, group in groupby(parts, key=itemgetter(1))]


def _parse(lines, depth):
    """Each reader takes the lines and where it stands, and answers a block and where it ends, or None."""
    readers = [_code, _math, _table, _heading_or_rule]
    if depth < DEEPEST:
        readers += [_quote, _list]
    readers.append(_paragraph)
    blocks, i = [], 0
    while i < len(lines):
        if not lines[i].strip():
            i += 1
            continue
        read = next(found for reader in readers if (found := reader(lines, i, depth)))
        blocks.append(read[0])
        i = read[1]
    return blocks


def _code(lines, i, depth):
    opening = FENCE.match(lines[i].strip())
    if not opening:
        return None
    fence, indent = opening[0], _indent(lines[i])
    for end in range(i + 1, len(lines)):
        if _closes(lines[end].strip(), fence):
            body = [line[min(indent, _indent(line)) :] for line in lines[i + 1 : end]]
            return Code(lines[i].strip().lstrip("`").strip(), "\n".join(body)), end + 1
    raise ValueError(f"code must end with a line {fence!r}, got {lines[i].strip()!r} and no end")


def _closes(line, fence):
    return len(line) >= len(fence) and not line.strip("`")


def _math(lines, i, depth):
    """A display formula; a text after its end belongs to the next block."""
    first = lines[i].strip()
    if not first.startswith("$$"):
        return None
    body, line = [], first[2:]
    for end in range(i, len(lines)):
        line = lines[end] if end > i else line
        before, closing, after = line.partition("$$")
        body.append(before)
        if closing:
            lines[end] = after
            return Math("\n".join(body).strip()), end
    raise ValueError(f"a formula must end with '$$', got {first!r} and no end")


def _heading_or_rule(lines, i, depth):
    line = lines[i].strip()
    if heading := HEADING.fullmatch(line):
        return Heading(len(heading[1]), heading[2]), i + 1
    return (Rule(), i + 1) if RULE.fullmatch(line) else None


def _quote(lines, i, depth):
    end = i
    while end < len(lines) and lines[end].lstrip().startswith(">"):
        end += 1
    inner = [line.lstrip()[1:].removeprefix(" ") for line in lines[i:end]]
    return (Quote(_parse(inner, depth + 1)), end) if inner else None


def _list(lines, i, depth):
    first = ITEM.match(lines[i])
    if not first:
        return None
    items, loose, blank = [], False, False
    while i < len(lines):
        marker = ITEM.match(lines[i])
        if not marker or marker[2][-1] != first[2][-1]:
            break
        body, i = _item(lines, i, marker)
        items.append(_parse(body, depth + 1))
        loose = loose or blank or sum(isinstance(block, Paragraph) for block in items[-1]) > 1
        after = _skip_blank(lines, i)
        i, blank = after, after > i
    start = int(first[2][:-1]) if first[2][0].isdigit() else None
    return Listing(start, items, loose), i


def _item(lines, i, marker):
    """The lines of one item without their indentation, and where they end."""
    body, i = [lines[i][marker.end() :]], i + 1
    while i < len(lines):
        written = _skip_blank(lines, i)
        if written == len(lines):
            break
        line = lines[written]
        if _indent(line) > len(marker[1]):
            body += [""] * (written - i) + [line[min(_indent(line), marker.end()) :]]
        elif written == i and not _starts_block(line) and not ITEM.match(line):
            body.append(line)
        else:
            break
        i = written + 1
    return body, i


def _table(lines, i, depth):
    if not _is_table(lines, i):
        return None
    header = _row(lines[i])
    align = [ALIGNMENTS[ALIGNMENT.fullmatch(cell.strip()).groups()] for cell in _row(lines[i + 1])]
    rows, end = [], i + 2
    while end < len(lines) and "|" in lines[end]:
        row = _row(lines[end])
        if len(row) != len(header):
            raise ValueError(f"table row must have {len(header)} cells, got {lines[end].strip()!r}")
        rows.append(row)
        end += 1
    return Table(align, header, rows), end


def _is_table(lines, i):
    if i + 1 == len(lines) or "|" not in lines[i] or "|" not in lines[i + 1]:
        return False
    dashes = _row(lines[i + 1])
    return all(ALIGNMENT.fullmatch(cell) for cell in dashes) and len(dashes) == len(_row(lines[i]))


def _row(line):
    """Cells of a table row; a ``|`` in code, in a formula or after a backslash divides nothing."""
    line = line.strip()
    hidden = [(start, end) for start, end, *_ in inline.tokens(line)]
    cells, begin, position = [], 0, 0
    for start, end in [*hidden, (len(line), len(line))]:
        for bar in range(position, start):
            if line[bar] == "|":
                cells.append(line[begin:bar].strip())
                begin = bar + 1
        position = end
    last = line[begin:].strip()
    return cells[line.startswith("|") :] + [last] * (last != "" or not cells)


def _paragraph(lines, i, depth):
    end = i + 1
    while (
        end < len(lines)
        and lines[end].strip()
        and not _starts_block(lines[end])
        and not _is_table(lines, end)
    ):
        end += 1
    return Paragraph("\n".join(line.strip() for line in lines[i:end])), end


def _starts_block(line):
    """Whether `line` ends a paragraph; of numbered items only 1 does: a line may begin with a year."""
    line = line.strip()
    item = ITEM.match(line)
    return bool(
        line.startswith(("$$", ">"))
        or FENCE.match(line)
        or HEADING.fullmatch(line)
        or RULE.fullmatch(line)
        or (item and item[2] in ("-", "*", "+", "1.", "1)"))
    )


def _skip_blank(lines, i):
    while i < len(lines) and not lines[i].strip():
        i += 1
    return i


def _indent(line):
    return len(line) - len(line.lstrip())
