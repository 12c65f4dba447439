"""What all pages of the book have in common: head, bar, contents at the side."""

from chapters.book.escape import escape, prose
from chapters.book.links import OVERVIEWS, page_of

TITLE = "Quantized and binary neural networks"
QUICK = "A quick run: trainings were cut short. Its figures are no evidence."
OVERVIEW_TITLES = {
    "contents": "Contents",
    "course": "As a course",
    "claims": "Claims",
    "errata": "Errata",
}
BEFORE_THE_FIRST_PAINT = (
    'try{document.documentElement.dataset.theme=localStorage.getItem("theme")||""}catch{}'
)


def frame(book, links, title, body, chapter=None):
    """A whole page.

    Parameters
    ----------
    book : Book
    links : Links
        Of this page.
    title : str
    body : str
        HTML of the main part.
    chapter : Chapter or None
        The chapter that this page shows.
    """
    full_title = TITLE if title == TITLE else f"{title} · {TITLE}"
    return f"""<!DOCTYPE html>
<html lang="en" data-root="{escape(links.to("."))}/">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(full_title)}</title>
<link rel="icon" href="{links.to("assets/icon.svg")}">
<script>{BEFORE_THE_FIRST_PAINT}</script>
<link rel="stylesheet" href="{links.to("assets/style.css")}">
<script src="{links.to("assets/book.js")}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
{_bar(links)}
{sidebar(book, links, chapter)}
<main id="main">
{body}
</main>
</body>
</html>
"""


def _bar(links):
    return f"""<header class="bar">
<a class="menu" href="{links.to(OVERVIEWS["contents"])}" id="menu">Contents</a>
<a class="book" href="{links.to(OVERVIEWS["contents"])}">{escape(TITLE)}</a>
<form class="search" role="search" id="search" hidden>
<input type="search" id="query" placeholder="Search" aria-label="Search the book" aria-controls="results"
autocomplete="off" spellcheck="false">
<div id="results" class="results" hidden></div>
<p id="found" class="unseen" role="status"></p>
</form>
<button type="button" class="theme" id="theme" hidden></button>
</header>"""


def sidebar(book, links, current=None):
    """All chapters; of the one at hand its sections."""
    overviews = "".join(_overview_item(links, name) for name in OVERVIEWS)
    parts = []
    for document, chapters in book.by_document():
        items = "".join(_chapter_item(book, links, chapter, chapter == current) for chapter in chapters)
        parts.append(f"<h2>{escape(book.contents.DOCUMENTS[document][0])}</h2>\n<ul>{items}</ul>")
    return f"""<nav class="side" id="side" aria-label="Contents">
<ul class="overviews">{overviews}</ul>
{"".join(parts)}
</nav>"""


def _overview_item(links, name):
    here = ' aria-current="page"' if links.page == OVERVIEWS[name] else ""
    return f'<li><a href="{links.to(OVERVIEWS[name])}"{here}>{OVERVIEW_TITLES[name]}</a></li>'


def _chapter_item(book, links, chapter, is_current):
    here = ' aria-current="page"' if is_current else ""
    mark = state_mark(book.runs[chapter.name])
    inside = ""
    if is_current and (sections := book.headings(chapter)):
        items = "".join(f'<li><a href="#{escape(id)}">{prose(text)}</a></li>' for id, text in sections)
        inside = f'<ul class="sections">{items}</ul>'
    link = f'<a href="{links.to(page_of(chapter))}"{here}>{numbered(chapter)}</a>'
    return f"<li>{link}{mark}{inside}</li>"


def numbered(chapter):
    """Number and title; a foundation has no number."""
    number = chapter.name.partition("/")[2]
    if not number[0].isdigit():
        return escape(chapter.title)
    return f'<span class="number">{escape(number)}</span> {escape(chapter.title)}'


def state_mark(run):
    """Nothing for a chapter that ran."""
    if run.state == "ran":
        return ""
    return f' <span class="state {run.state.replace(" ", "-")}">{run.state}</span>'


def chinese(text):
    """A title of the original."""
    return f'<span lang="zh" class="chinese">{escape(text)}</span>' if text else ""


def banner(text, kind):
    return f'<p class="banner {kind}">{escape(text)}</p>'
