"""All claims with what became of them, and all mistakes with what is right."""

from itertools import groupby

from chapters.book.escape import escape
from chapters.book.links import OVERVIEWS, Links, anchor
from chapters.book.outputs import erratum_parts, inline, verdict
from chapters.book.pages import QUICK, banner, frame

CLAIMS = """<p>What the two articles claim, one by one. A verdict is computed from what was measured: a
difference inside its own 95&nbsp;% interval is <em>undecided</em>, what holds under some conditions only is
<em>qualified</em>.</p>"""
ERRATA = """<p>Survey articles contain mistakes. Here is what these two say, what running it shows, and what
is right.</p>"""
STATES = {"not run yet": "has not run yet", "failed": "failed"}


def claims_page(book):
    links = Links(book.contents, OVERVIEWS["claims"])
    outputs = book.outputs("claim")
    counts = "".join(
        f'<li>{verdict(word)} <span class="count">{number}</span></li>'
        for word, number in book.verdict_counts().items()
    )
    without = len(book.contents.CLAIMS.keys() - outputs.keys())
    waiting = f'<li><span class="verdict waiting">not shown yet</span> {without}</li>' if without else ""
    parts = _sections(
        book, links, book.contents.CLAIMS, lambda id, says: _claim(book, id, says, outputs.get(id), links)
    )
    body = f"""<h1>Ledger of claims</h1>
{banner(QUICK, "quick") if book.is_quick() else ""}
{CLAIMS}
<ul class="counts">{counts}{waiting}</ul>
{parts}"""
    return frame(book, links, "Ledger of claims", body)


def errata_page(book):
    links = Links(book.contents, OVERVIEWS["errata"])
    outputs = book.outputs("erratum")
    parts = _sections(
        book, links, book.contents.ERRATA, lambda id, says: _erratum(book, id, says, outputs.get(id), links)
    )
    body = f"<h1>Errata</h1>\n{ERRATA}\n{parts}"
    return frame(book, links, "Errata", body)


def _sections(book, links, entries, render):
    """The entries under a heading for each section that they belong to."""
    parts = []
    for section, group in groupby(entries.items(), key=lambda item: item[0].partition("#")[0]):
        chapter = book.contents.find(section)
        items = "\n".join(render(id, says) for id, says in group)
        heading = (
            f'<a href="{links.section(section)}">{escape(section)}</a> {escape(_title(chapter, section))}'
        )
        parts.append(f'<h2 class="section">{heading}</h2>\n<ul class="ledger">\n{items}\n</ul>')
    return "\n".join(parts)


def _title(chapter, section):
    number = section.partition("/")[2]
    return next((title for n, title, _ in chapter.sections if n == number), chapter.title)


def _claim(book, id, says, output, links):
    if output is None:
        where, result = "", _waiting(book, id)
    else:
        detail = f" <span class='detail'>{escape(output['detail'])}</span>" if output.get("detail") else ""
        result = f"{verdict(output['verdict'])}{detail} {inline(output['evidence'], links)}"
        where = f' <a class="where" href="{links.claim(id)}">to the cell</a>'
    return f"""<li id="{anchor("claim", id)}"><p class="says">{inline(says, links)}</p>
<p class="result">{result}{where}</p></li>"""


def _erratum(book, id, says, output, links):
    if output is None:
        return f"""<li id="{anchor("erratum", id)}"><p class="says">{inline(says, links)}</p>
<p class="result">{_waiting(book, id)}</p></li>"""
    where = f'<p class="result"><a class="where" href="{links.erratum(id)}">to the cell</a></p>'
    return f"""<li id="{anchor("erratum", id)}" class="erratum">{erratum_parts(output, links)}
{where}</li>"""


def _waiting(book, id):
    """Why there is no result."""
    state = book.runs[book.contents.find(id.partition("#")[0]).name].state
    word = "no cell shows it" if state == "ran" else f"its chapter {STATES[state]}"
    return f'<span class="verdict waiting">{word}</span>'
