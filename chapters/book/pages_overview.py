"""The contents by document, and the same chapters as a course."""

from itertools import groupby

from chapters.book.escape import escape
from chapters.book.links import OVERVIEWS, Links, page_of
from chapters.book.outputs import COUNTED
from chapters.book.pages import QUICK, TITLE, banner, chinese, frame, numbered, state_mark

INTRODUCTION = """<p>What happens when the numbers of a neural network get eight bits, four, or one? This book
follows two Chinese survey articles section by section. Each chapter is a program: what you read has run,
every figure was measured by the run whose date and processor stand at the foot of the page, and what the
articles claim is put to the test.</p>"""
COURSE = """<p>The same chapters in the order in which they can be taught: ten units, each building on those
before it.</p>"""


def contents_page(book):
    links = Links(book.contents, OVERVIEWS["contents"])
    parts = "\n".join(_document(book, links, name, chapters) for name, chapters in book.by_document())
    body = f"""<h1>{escape(TITLE)}</h1>
{banner(QUICK, "quick") if book.is_quick() else ""}
{INTRODUCTION}
<p>Two ways through: by document, below, or
<a href="{links.to(OVERVIEWS["course"])}">as a course of ten units</a>. {_ledgers(book, links)}</p>
{parts}"""
    return frame(book, links, TITLE, body)


def _ledgers(book, links):
    words = [
        f"{number} {COUNTED[word][number != 1]}" for word, number in book.verdict_counts().items() if number
    ]
    counts = f": {', '.join(words)}" if words else ""
    claims, errata = links.to(OVERVIEWS["claims"]), links.to(OVERVIEWS["errata"])
    return (
        f'What became of each claim stands in the <a href="{claims}">ledger of claims</a>{counts}. '
        f'What the articles got wrong stands in the <a href="{errata}">errata</a>.'
    )


def _document(book, links, document, chapters):
    title, original = book.contents.DOCUMENTS[document]
    items = "\n".join(_chapter(book, links, chapter) for chapter in chapters)
    return f"""<section class="document" aria-labelledby="{document}">
<h2 id="{document}">{escape(title)} {chinese(original)}</h2>
<ul class="chapters">
{items}
</ul>
</section>"""


def _chapter(book, links, chapter):
    run = book.runs[chapter.name]
    sections = "".join(
        _section(links, f"{chapter.document}/{section.number}", section)
        for section in chapter.sections
        if f"{chapter.document}/{section.number}" != chapter.name
    )
    inside = f'<ul class="sections">{sections}</ul>' if sections else ""
    link = f'<a class="chapter" href="{links.to(page_of(chapter))}">{numbered(chapter)}</a>'
    return f"<li>{link} {chinese(chapter.chinese)}{state_mark(run)}{_seconds(run)}{inside}</li>"


def _section(links, name, section):
    number = f'<span class="number">{escape(section.number)}</span>'
    link = f'<a href="{links.section(name)}">{number} {escape(section.title)}</a>'
    return f"<li>{link} {chinese(section.chinese)}</li>"


def _seconds(run):
    return f' <span class="seconds">{run.seconds:.0f} s</span>' if run.state == "ran" else ""


def course_page(book):
    links = Links(book.contents, OVERVIEWS["course"])
    units = "\n".join(
        _unit(book, links, list(lessons)) for _, lessons in groupby(book.lessons, lambda lesson: lesson.unit)
    )
    body = f"""<h1>As a course</h1>
{COURSE}
<ol class="units">
{units}
</ol>"""
    return frame(book, links, "As a course", body)


def _unit(book, links, lessons):
    items = "\n".join(_lesson(book, links, lesson) for lesson in lessons)
    return f"""<li id="unit-{lessons[0].unit}"><h2>{escape(lessons[0].unit_title)}</h2>
<ul class="chapters">{items}</ul></li>"""


def _lesson(book, links, lesson):
    where = (
        ""
        if lesson.chapter.document == "foundations"
        else f'<span class="number">{escape(lesson.name)}</span> '
    )
    needs = ", ".join(
        f'<a href="{links.to(page_of(other))}">{numbered(other)}</a>'
        for other in map(book.contents.find, lesson.chapter.needs)
    )
    return (
        f'<li><a class="chapter" href="{links.section(lesson.name)}">{where}{escape(lesson.title)}</a>'
        f"{state_mark(book.runs[lesson.chapter.name])}"
        + (f'<p class="needs">Builds on {needs}</p>' if needs else "")
        + "</li>"
    )
