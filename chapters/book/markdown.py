"""A small Markdown as HTML.

Headings ``#`` to ``####``, paragraphs, ``**strong**``, ``*emphasis*``, code, links, nested lists, quotes,
fenced code, pipe tables, rules, and formulas between ``$`` or ``$$``. HTML in the text is text.
"""

import re
import unicodedata

from chapters.book import blocks, highlight, inline
from chapters.book.escape import escape, prose
from chapters.book.mathml import split_tag, to_mathml

SECTION = re.compile(r"(\d+(?:\.\d+)*)(?![\w.]*\w)")
OUTSIDE = re.compile(r"(https?://|mailto:|#)")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def to_html(text, resolve=None, ids=None):
    """HTML of a Markdown text.

    Parameters
    ----------
    text : str
    resolve : callable, optional
        Turns the target of a link within the book into an href, or raises ValueError. Targets that begin with
        ``http:``, ``https:``, ``mailto:`` or ``#`` stay as they are.
    ids : set of str, optional
        Anchors the page has so far: new ones are kept apart from them, and added.

    Raises
    ------
    ValueError
        For what has no end (code, formula), a table row that does not fit, a formula with unknown TeX, and a
        link to nowhere.

    Examples
    --------
    >>> to_html("## 2.1.2 Bits & bytes\\n\\n*Half* of $2^3$ < [all](#all)").split("\\n")[0]
    '<h2 id="2.1.2">2.1.2 Bits &amp; bytes</h2>'
    """
    return _Writer(resolve, ids).blocks(blocks.parse(text))


def inline_html(text, resolve=None):
    """HTML of a text that is one line of prose: a title, a caption, a cell of a table."""
    return _Writer(resolve, None).inline(inline.parse(text))


def headings(text, ids=None):
    """(level, id, plain text) of every heading that is not inside a list or a quote; `ids` as in `to_html`.

    Examples
    --------
    >>> headings("# 2.1 The *affine* map\\n\\n## What we measured")
    [(1, '2.1', '2.1 The affine map'), (2, 'what-we-measured', 'What we measured')]
    """
    ids = set() if ids is None else ids
    found = [block for block in blocks.parse(text) if isinstance(block, blocks.Heading)]
    return [(block.level, anchor(block, ids), _plain_inline(inline.parse(block.text))) for block in found]


def plain(text):
    """The words of a Markdown text, one line per block, for a search index.

    Examples
    --------
    >>> plain("**Ties** go to [even](https://example.org):\\n\\n| x | q |\\n|---|---|\\n| 2.5 | `2` |")
    'Ties go to even:\\nx q\\n2.5 2'
    """
    return "\n".join(line for block in blocks.parse(text) for line in _plain_block(block) if line)


def relink(text, resolve):
    """The Markdown `text` with every target of a link within the book replaced by ``resolve(target)``.

    Examples
    --------
    >>> relink("see [bits](realtime/2.1), not `[x](y)`", "https://example.org/{}".format)
    'see [bits](https://example.org/realtime/2.1), not `[x](y)`'
    """
    parts = blocks.split_code(text)
    return "".join(part if is_code else _relink_prose(part, resolve) for part, is_code in parts)


def anchor(heading, ids):
    """A heading's section number, or its words, as an id that is not among `ids` yet, where it is added."""
    words = unicodedata.normalize("NFKC", _plain_inline(inline.parse(heading.text)))
    section = SECTION.match(words)
    if section and (heading.level == 1 or "." in section[1]):
        name = section[1]
    else:
        name = "-".join(re.findall(r"\w+", words.lower())) or "section"
    chosen = _free(name, ids)
    ids.add(chosen)
    return chosen


def _free(name, ids):
    """`name`, or else ``name-2``, ``name-3``, …: found by doubling and halving, however many are taken."""
    taken, free = 1, 2
    if name not in ids:
        return name
    while f"{name}-{free}" in ids:
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        taken, free = (middle, free) if f"{name}-{middle}" in ids else (taken, middle)
    return f"{name}-{free}"


class _Writer:
    def __init__(self, resolve, ids):
        self.resolve = resolve
        self.ids = set() if ids is None else ids

    def blocks(self, tree):
        return "\n".join(self.block(block) for block in tree)

    def block(self, block):
        match block:
            case blocks.Heading(level, text):
                name = escape(anchor(block, self.ids))
                return f'<h{level} id="{name}">{self.text(text)}</h{level}>'
            case blocks.Paragraph(text):
                return f"<p>{self.text(text)}</p>"
            case blocks.Code(language, text):
                return _code(language, text)
            case blocks.Math(tex):
                return self.equation(tex)
            case blocks.Quote(inner):
                return f"<blockquote>\n{self.blocks(inner)}\n</blockquote>"
            case blocks.Listing():
                return self.listing(block)
            case blocks.Table():
                return self.table(block)
        return "<hr/>"

    def equation(self, tex):
        """A display formula; ``\\tag{n}`` becomes its number, and ``eq-n`` its anchor."""
        formula, tag = split_tag(tex)
        formula = to_mathml(formula, display=True)
        if tag is None:
            return f'<div class="equation">{formula}</div>'
        number = f'<span class="number">({escape(tag)})</span>'
        return f'<div class="equation" id="eq-{escape(tag)}">{formula}{number}</div>'

    def listing(self, block):
        name = "ul" if block.start is None else "ol"
        start = f' start="{block.start}"' if block.start not in (None, 1) else ""
        items = "\n".join(f"<li>{self.item(item, block.loose)}</li>" for item in block.items)
        return f"<{name}{start}>\n{items}\n</{name}>"

    def item(self, item, loose):
        if loose or not item or not isinstance(item[0], blocks.Paragraph):
            return self.blocks(item)
        rest = self.blocks(item[1:])
        return self.text(item[0].text) + ("\n" + rest if rest else "")

    def table(self, block):
        head = self.row(block.header, block.align, "th", ' scope="col"')
        body = "\n".join(self.row(row, block.align, "td") for row in block.rows)
        return f'<div class="wide"><table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'

    def row(self, cells, align, tag, attributes=""):
        html = ""
        for cell, side in zip(cells, align, strict=True):
            name = f' class="{side}"' if side else ""
            html += f"<{tag}{attributes}{name}>{self.text(cell)}</{tag}>"
        return f"<tr>{html}</tr>"

    def text(self, text):
        return self.inline(inline.parse(text))

    def inline(self, nodes):
        return "".join(self.node(node) for node in nodes)

    def node(self, node):
        match node:
            case inline.Code(text):
                return f"<code>{escape(text)}</code>"
            case inline.Math(tex, display):
                return to_mathml(tex, display)
            case inline.Span(kind, children):
                return f"<{kind}>{self.inline(children)}</{kind}>"
            case inline.Link(target, children):
                return f'<a href="{escape(_href(target, self.resolve))}">{self.inline(children)}</a>'
        return prose(node.text)


def _code(language, text):
    inside = highlight.python(text) if language == "python" else escape(text)
    name = f' class="language-{escape(language.split()[0])}"' if language else ""
    return f"<pre><code{name}>{inside}</code></pre>"


def _href(target, resolve):
    if OUTSIDE.match(target):
        return target
    if SCHEME.match(target) or target.startswith("//"):
        raise ValueError(f"link must lead into the book, or to http, https or mailto, got {target!r}")
    return resolve(target) if resolve else target


def _relink_prose(text, resolve):
    pieces, position, is_open = [], 0, False
    for start, end, kind, value in inline.tokens(text):
        if kind == "target" and is_open:
            pieces += [text[position:start], f"]({_href(value, resolve)})"]
            position = end
        if kind in ("open", "target"):
            is_open = kind == "open"
    return "".join(pieces) + text[position:]


def _plain_inline(nodes):
    pieces = []
    for node in nodes:
        match node:
            case inline.Span(_, children) | inline.Link(_, children):
                pieces.append(_plain_inline(children))
            case inline.Text(text) | inline.Code(text) | inline.Math(text, _):
                pieces.append(text)
    return " ".join("".join(pieces).split("\n"))


def _plain_block(block):
    match block:
        case blocks.Heading(_, text) | blocks.Paragraph(text):
            return [_plain_inline(inline.parse(text))]
        case blocks.Code(_, text) | blocks.Math(text):
            return [text]
        case blocks.Quote(inner):
            return [line for child in inner for line in _plain_block(child)]
        case blocks.Listing(_, items, _):
            return [line for item in items for child in item for line in _plain_block(child)]
        case blocks.Table(_, header, rows):
            return [" ".join(_plain_inline(inline.parse(cell)) for cell in row) for row in [header, *rows]]
    return []
