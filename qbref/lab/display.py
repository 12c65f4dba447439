"""What a chapter says and shows: the same call in a terminal, in a notebook and in the book.

`say`, `table` and `show` make an object and hand it on. By default it is printed, or displayed where a
notebook runs; :func:`send_to` hands it to somebody else, who may ask for :meth:`as_dict`.
"""

import hashlib
import html
import inspect
import sys
import textwrap

from qbref import plots

WIDTH = 80  # columns of a terminal
_receiver = None


def send_to(receiver):
    """Hand everything said and shown to ``receiver(shown)``; None prints it again.

    Returns
    -------
    callable or None
        The receiver before.
    """
    global _receiver
    before, _receiver = _receiver, receiver
    return before


def hand_on(shown):
    """Give one object to the receiver, to the notebook that runs, or to the terminal."""
    notebook = sys.modules.get("IPython")
    if _receiver is not None:
        _receiver(shown)
    elif notebook is not None and notebook.get_ipython() is not None:
        notebook.display.display(shown)
    else:
        print(shown)


def say(text):
    r"""Prose whose figures are measured: Markdown, usually an f-string.

    Parameters
    ----------
    text : str
        Indentation shared by all lines is taken off, single line breaks are spaces.

    Examples
    --------
    >>> say(f"Four bits make **{2**4}** levels.")
    Four bits make **16** levels.
    """
    hand_on(Prose(inspect.cleandoc(text)))


def table(header, rows, caption=""):
    """A table; the first column and those with words are aligned left, numbers right.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequences
        As long as the header. Numbers appear as ``str`` writes them: format before.
    caption : str

    Raises
    ------
    ValueError
        If a row is longer or shorter than the header.

    Examples
    --------
    >>> table(("bits", "levels"), [(b, 2**b) for b in (1, 8)], caption="One bit more, twice the levels.")
    bits  levels
    ────────────
    1          2
    8        256
    One bit more, twice the levels.
    """
    hand_on(Table(header, rows, caption))


def show(fig, alt):
    """A picture, and in words what it shows, for whoever cannot see it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    alt : str

    Raises
    ------
    TypeError
        If `fig` is no figure.
    ValueError
        If `alt` is empty.

    Examples
    --------
    >>> fig = plots.figure(300, 200)
    >>> show(fig, alt="An empty picture.")
    [picture: An empty picture.]
    """
    hand_on(Picture(fig, alt))


class Prose:
    """Markdown."""

    def __init__(self, text):
        self.text = text

    def __str__(self):
        paragraphs = self.text.split("\n\n")
        return "\n\n".join(p if _keeps_lines(p) else textwrap.fill(p, WIDTH) for p in paragraphs)

    def _repr_markdown_(self):
        return self.text

    def as_dict(self, folder):
        """Plain data, as JSON can hold them; `folder` is where pictures go."""
        return {"type": "prose", "markdown": self.text}


class Table:
    """Header, rows and caption as text."""

    def __init__(self, header, rows, caption=""):
        self.header = tuple(str(cell) for cell in header)
        self.rows = [tuple(str(cell) for cell in row) for row in rows]
        self.caption = caption
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"rows must have {len(self.header)} cells as the header, got {row}")
        self.align = ["left" if i == 0 or self._has_words(i) else "right" for i in range(len(self.header))]

    def _has_words(self, column):
        return any(row[column][:1].isalpha() for row in self.rows)

    def __str__(self):
        lines = (self.header, *self.rows)
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        text = [
            "  ".join(
                cell.ljust(w) if side == "left" else cell.rjust(w)
                for cell, w, side in zip(line, widths, self.align, strict=True)
            )
            for line in lines
        ]
        caption = [textwrap.fill(self.caption, WIDTH)] if self.caption else []
        return "\n".join(
            [text[0].rstrip(), "─" * len(text[0]), *(line.rstrip() for line in text[1:]), *caption]
        )

    def _repr_html_(self):
        def row(cells, tag):
            sides = zip(cells, self.align, strict=True)
            inside = (
                f'<{tag} style="text-align: {side}">{html.escape(cell)}</{tag}>' for cell, side in sides
            )
            return f"<tr>{''.join(inside)}</tr>"

        body = "".join(row(cells, "td") for cells in self.rows)
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        return f"<table>{caption}<thead>{row(self.header, 'th')}</thead><tbody>{body}</tbody></table>"

    def as_dict(self, folder):
        """Plain data, as JSON can hold them; `folder` is where pictures go."""
        return {
            "type": "table",
            "align": self.align,
            "header": list(self.header),
            "rows": [list(r) for r in self.rows],
            "caption": self.caption,
        }


class Picture:
    """A figure and its description."""

    def __init__(self, fig, alt):
        if not hasattr(fig, "savefig"):
            raise TypeError(f"fig must be a Matplotlib figure, got {type(fig).__name__}")
        if not alt.strip():
            raise ValueError("alt must describe the picture, got an empty text")
        self.fig, self.alt = fig, " ".join(alt.split())

    def __str__(self):
        return textwrap.fill(f"[picture: {self.alt}]", WIDTH)

    def _repr_png_(self):
        return plots.as_png(self.fig)

    def as_dict(self, folder):
        """Plain data, as JSON can hold them; the picture goes to a file in `folder`, at twice its size."""
        image = plots.as_png(self.fig, scale=2)
        name = f"{hashlib.sha256(image).hexdigest()[:16]}.png"
        (folder / name).write_bytes(image)
        width, height = (round(v) for v in self.fig.get_size_inches() * self.fig.dpi)
        return {"type": "picture", "file": name, "alt": self.alt, "width": width, "height": height}


def _keeps_lines(paragraph):
    return any(
        line.lstrip().startswith(("- ", "* ", "> ", "|", "#", "$$", "```")) for line in paragraph.splitlines()
    )
