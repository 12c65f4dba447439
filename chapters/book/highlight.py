"""Python source as HTML with a class for each sort of token."""

import builtins
import io
import keyword
import tokenize

from chapters.book.escape import escape

BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))
SIMPLE = {tokenize.COMMENT: "c", tokenize.STRING: "s", tokenize.NUMBER: "n"}


def python(source):
    """HTML of `source`: ``k`` keyword, ``s`` string, ``n`` number, ``c`` comment, ``f`` name being defined,
    ``b`` builtin, ``d`` decorator. Source that is no sequence of Python tokens is only escaped.

    Examples
    --------
    >>> python("return 1 < x")
    '<span class="k">return</span> <span class="n">1</span> &lt; x'
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        spans = list(_spans(source))
    except (SyntaxError, ValueError, tokenize.TokenError):
        return escape(source)
    pieces, position = [], 0
    for start, end, name in spans:
        pieces.append(escape(source[position:start]))
        pieces.append(f'<span class="{name}">{escape(source[start:end])}</span>')
        position = end
    return "".join(pieces) + escape(source[position:])


def _spans(source):
    """(start, end, class) of every token that has a class, as offsets into `source`."""
    line_starts = [0]
    for line in source.split("\n"):
        line_starts.append(line_starts[-1] + len(line) + 1)

    def offset(position):
        return line_starts[position[0] - 1] + position[1]

    string_starts, before = [], ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "ERRORTOKEN":
            raise SyntaxError
        if kind.endswith("STRING_START"):  # from Python 3.12 on an f-string is many tokens; here it is one
            string_starts.append(token.start)
        elif kind.endswith("STRING_END"):
            start = string_starts.pop()
            if not string_starts:
                yield offset(start), offset(token.end), "s"
        elif not string_starts and (name := SIMPLE.get(token.type) or _name_class(token, before)):
            yield offset(token.start), offset(token.end), name
        if token.type == tokenize.NEWLINE:
            before = ""
        elif token.type != tokenize.COMMENT and token.string.strip():
            before = "@decorator" if token.string == "@" and not before else token.string


def _name_class(token, before):
    if token.type != tokenize.NAME:
        return None
    if keyword.iskeyword(token.string):
        return "k"
    if before in ("def", "class"):
        return "f"
    if before == "@decorator":
        return "d"
    return "b" if token.string in BUILTINS and before != "." else None
