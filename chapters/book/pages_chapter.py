"""The page of one chapter: its text and code, and under each cell what it showed."""

from chapters.book import highlight, markdown
from chapters.book.book import notebook_of
from chapters.book.escape import escape
from chapters.book.links import OVERVIEWS, Links, page_of
from chapters.book.outputs import error, output_html
from chapters.book.pages import QUICK, banner, chinese, frame, numbered
from chapters.book.reporting import only_reports


def chapter_page(book, chapter):
    """HTML of the page, and what of it could not be rendered.

    Returns
    -------
    page : str
    problems : list of str
    """
    links = Links(book.contents, page_of(chapter))
    run, ids, problems = book.runs[chapter.name], set(), []
    cells = "\n".join(_cell(cell, links, ids, problems) for cell in run.cells)
    if not run.cells:
        cells = f"<h1>{numbered(chapter)}</h1>"
    head = "\n".join([_origin(book, chapter), *_banners(run, problems)])
    body = f'{head}\n<article class="chapter">\n{cells}\n</article>\n{_foot(book, chapter, links)}'
    return frame(book, links, chapter.title, body, chapter), problems


def _origin(book, chapter):
    """Above the heading: which original the chapter mirrors."""
    title, original = book.contents.DOCUMENTS[chapter.document]
    return f'<p class="origin">{escape(title)} {chinese(original)}</p>'


def _banners(run, problems):
    if run.state == "not run yet":
        yield banner("This chapter has not run yet: its code stands here without results.", "waiting")
    if run.quick:
        yield banner(QUICK, "quick")
    if run.error:
        yield banner(f"This chapter failed. {run.error}", "failed")
    for problem in problems:
        yield banner(f"This page is not complete. {problem}", "failed")


def _cell(cell, links, ids, problems):
    if cell.kind == "markdown":
        return _rendered(lambda: markdown.to_html(cell.source, links.resolve, ids), cell, problems, links)
    code = f'<pre class="code" tabindex="0"><code>{highlight.python(cell.source)}</code></pre>'
    if cell.outputs and only_reports(cell.source):
        code = f"<details><summary>Code</summary>\n{code}\n</details>"
    shown = [_rendered(lambda o=o: output_html(o, links, ids), cell, problems, links) for o in cell.outputs]
    outputs = '<div class="outputs">\n' + "\n".join(shown) + "\n</div>\n" if shown else ""
    return f'<div class="cell">\n{code}\n{outputs}</div>'


def _rendered(render, cell, problems, links):
    """What `render` returns; where it cannot, the reason, on the page and in the list of problems."""
    try:
        return render()
    except (ValueError, KeyError) as reason:
        problem = f"Cell at line {cell.line}: {reason}"
        problems.append(problem)
        return error({"traceback": problem}, links)


def _foot(book, chapter, links):
    before, after = book.neighbours(chapter)
    ways = [
        f'<a class="{name}" rel="{name}" href="{links.to(page_of(other))}">'
        f"<small>{word}</small> {numbered(other)}</a>"
        for name, word, other in (("prev", "Previous", before), ("next", "Next", after))
        if other
    ]
    return f"""<footer>
<p class="colophon">{_colophon(book.runs[chapter.name])}
<a href="{links.to(f"{chapter.name}/{notebook_of(chapter)}")}" download>Download as notebook</a></p>
<p class="unit">{_course(book, chapter, links)}</p>
<nav class="ways" aria-label="Previous and next chapter">{"".join(ways)}</nav>
</footer>"""


def _colophon(run):
    if run.when is None:
        return "Not run yet."
    m = run.machine
    return (
        f"Ran in {run.seconds:.1f} s on {escape(run.when)}: {escape(m['processor'])}, "
        f"{m['processors']} processors, Python {escape(m['python'])}, NumPy {escape(m['numpy'])}."
    )


def _course(book, chapter, links):
    """Where the chapter stands in the course, what comes after it there, what it builds on."""
    places = "; ".join(
        f'<a href="{links.to(OVERVIEWS["course"], f"unit-{lesson.unit}")}">unit {lesson.unit}</a>, '
        f"{escape(lesson.unit_title)}" + (f", then {_lesson(after, links)}" if after else "")
        for lesson, after in book.places_in_course(chapter)
    )
    needs = ", ".join(
        f'<a href="{links.to(page_of(other))}">{numbered(other)}</a>'
        for other in map(book.contents.find, chapter.needs)
    )
    return (f"In the course: {places}. " if places else "") + (f"Builds on {needs}." if needs else "")


def _lesson(lesson, links):
    return f'<a href="{links.section(lesson.name)}">{escape(lesson.title)}</a>'
