"""The text of one paragraph as a tree: emphasis, code, formulas and links."""

import re
from bisect import bisect_left
from collections import defaultdict
from typing import NamedTuple

TOKEN = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`+)"
    r"|\$\$(?!\$)(?P<display>[^$\\]*(?:\\.[^$\\]*)*)\$\$"
    r"|\$(?![\s$])(?P<math>[^$\\]*(?:\\.[^$\\]*)*)(?<!\s)\$(?!\d)"
    r"|(?P<stars>\*+)"
    r"|(?P<open>\[)"
    r"|\]\((?P<target>[^\s()]+(?:\([^\s()]*\)[^\s()]*)*)\)",
    re.DOTALL,
)


class Text(NamedTuple):
    text: str


class Code(NamedTuple):
    text: str


class Math(NamedTuple):
    tex: str
    display: bool


class Span(NamedTuple):
    """`kind` is ``"em"`` or ``"strong"``."""

    kind: str
    children: list


class Link(NamedTuple):
    target: str
    children: list


def tokens(text):
    """(start, end, kind, value) of everything in `text` that is not plain, from left to right.

    Code and formulas are one token each, so that nothing within them counts; ``value`` is their inside.
    A marker without its counterpart may still be among the tokens: `parse` decides what it means.
    """
    closers = defaultdict(list)
    for run in re.finditer("`+", text):
        closers[len(run[0])].append(run.start())
    position = 0
    while match := TOKEN.search(text, position):
        kind, value = match.lastgroup, match[match.lastgroup]
        start, position = match.span()
        if kind == "ticks":
            same = closers[len(value)]
            index = bisect_left(same, position)
            if index == len(same):
                continue
            kind, value = "code", text[position : same[index]]
            position = same[index] + len(match[0])
        yield start, position, kind, value


def parse(text):
    """Nodes of a paragraph. A marker without a counterpart is text.

    At most one ``[``, one ``*`` and one ``**`` are open at any moment: a second one of its kind makes the
    first one text. So the tree is shallow whatever the text.

    Examples
    --------
    >>> parse("**no** *zero")
    [Span(kind='strong', children=[Text(text='no')]), Text(text=' '), Text(text='*'), Text(text='zero')]
    """
    tree, position = _Tree(), 0
    for start, end, kind, value in tokens(text):
        tree.add_text(text[position:start])
        position = end
        if kind == "escaped":
            tree.add(Text(value))
        elif kind == "code":
            tree.add(Code(_code(value)))
        elif kind in ("math", "display"):
            tree.add(Math(value.strip(), kind == "display"))
        elif kind == "open":
            tree.open("[")
        elif kind == "target":
            if not tree.close("[", lambda children, target=value: Link(target, children)):
                tree.add_text(text[start:end])
        else:
            after = text[end : end + 1]
            before = text[start - 1 : start] if start else ""
            tree.stars(len(value), bool(after.strip()), bool(before.strip()))
    tree.add_text(text[position:])
    return tree.finish()


def _code(text):
    """The inside of a code span: a line break is a space; one space at both ends is not part of it."""
    text = text.replace("\n", " ")
    return text[1:-1] if text[0] == text[-1] == " " and text.strip() else text


class _Tree:
    """A stack of open markers, each with the nodes since it was opened."""

    def __init__(self):
        self.stack = [(None, [])]

    def add(self, node):
        self.stack[-1][1].append(node)

    def add_text(self, text):
        if text:
            self.add(Text(text))

    def is_open(self, marker):
        return any(other == marker for other, _ in self.stack)

    def open(self, marker):
        if self.is_open(marker):
            inner = self._pop_to(marker)
            self.add(Text(marker))
            self.stack[-1][1].extend(inner)
        self.stack.append((marker, []))

    def close(self, marker, make):
        """Replace the open `marker` and all that follows it by ``make(nodes)``; False if it is not open."""
        if not self.is_open(marker):
            return False
        self.add(make(self._pop_to(marker)))
        return True

    def stars(self, count, may_open, may_close):
        """A run of `count` stars closes what it can, and what is left of it opens."""
        while may_close and count:
            marker = self._closable(count)
            if not marker:
                break
            self.close(marker, lambda children, kind=KINDS[marker]: Span(kind, children))
            count -= len(marker)
        if may_open and count <= 3:
            for marker in ("**", "*"):
                if count >= len(marker):
                    self.open(marker)
                    count -= len(marker)
        self.add_text("*" * count)

    def _closable(self, count):
        """The innermost open run of at most `count` stars."""
        fitting = [marker for marker, _ in self.stack if marker in KINDS and len(marker) <= count]
        return fitting[-1] if fitting else None

    def _pop_to(self, marker):
        """Close everything down to `marker` and return the nodes within; markers among them become text."""
        parts = []
        while True:
            other, nodes = self.stack.pop()
            if other == marker:
                return nodes + [node for part in reversed(parts) for node in part]
            parts.append([Text(other), *nodes])

    def finish(self):
        return self._pop_to(None)


KINDS = {"*": "em", "**": "strong"}
