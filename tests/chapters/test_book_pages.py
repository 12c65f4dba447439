"""Pages as text: structure, languages, colours that can be read, an index that finds."""

import json
import re

import pytest

from chapters.book import pages_chapter, search
from chapters.book.book import Book
from chapters.book.build import ASSETS
from chapters.book.links import Links
from chapters.book.outputs import ICONS, output_html
from chapters.book.pages_ledger import claims_page, errata_page
from chapters.book.pages_overview import contents_page, course_page
from chapters.book.record import CellRun, Run
from tests.chapters.book_of_three import CONTENTS, ONE, THREE, TWO

STYLE = (ASSETS / "style.css").read_text(encoding="utf-8")
COLOURS = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6}, #\w{6})\)", STYLE))
MACHINE = {"qbref": "0", "processor": "Some <CPU>", "processors": 2, "python": "3.12", "numpy": "2.4"}
CLAIM = {
    "type": "claim",
    "id": "text/2.1.1#small",
    "text": "T",
    "verdict": "holds",
    "detail": "",
    "evidence": "E",
}


def ran(*cells, **changes):
    return Run(list(cells), seconds=1.5, when="2030-01-02 03:04 UTC", machine=MACHINE, **changes)


def book_with(**runs):
    empty = {chapter.name: Run([]) for chapter in CONTENTS.CHAPTERS}
    return Book(
        CONTENTS, empty | {{"one": ONE, "two": TWO, "three": THREE}[n].name: r for n, r in runs.items()}
    )


def shown(output):
    return output_html(output, Links(CONTENTS, "text/2.1/index.html"), set())


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_in_the_definition():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the best known near miss


@pytest.mark.parametrize("theme", (0, 1), ids=("light", "dark"))
@pytest.mark.parametrize("paper", ("paper", "raised", "mark"))
def test_every_colour_of_text_can_be_read_on_every_background_in_both_themes(theme, paper):
    texts = {name: pair.split(", ")[theme] for name, pair in COLOURS.items()}
    background = texts[paper]
    for name in ("paper", "raised", "rule", "mark"):
        del texts[name]
    assert len(texts) > 10
    assert {n: c for n, c in texts.items() if contrast(c, background) < 4.5} == {}  # WCAG 2.2, level AA


def test_nothing_is_fetched_from_elsewhere():
    text = STYLE + (ASSETS / "book.js").read_text(encoding="utf-8") + contents_page(book_with())
    assert re.findall(r"https?://|@import|url\(", text) == []


@pytest.mark.parametrize("verdict", ICONS)
def test_a_verdict_is_a_word_and_an_icon_and_a_colour(verdict):
    page = shown(CLAIM | {"verdict": verdict})
    assert f"{ICONS[verdict]}</span> {verdict}</span>" in page
    assert f".verdict.{verdict.replace(' ', '-')} {{ color: var(--" in STYLE


def test_a_claim_shows_what_was_tested_where_it_holds_and_the_figure():
    page = shown(CLAIM | {"text": "a < b", "detail": "2 bits & 3", "evidence": "9 > 8 `x`"})
    assert all(part in page for part in ("a &lt; b", "2 bits &amp; 3", "9 &gt; 8 <code>x</code>"))


def test_a_picture_has_its_size_and_its_description():
    output = {"type": "picture", "file": "a.png", "alt": 'A "line" <up>', "width": 30, "height": 20}
    assert 'src="a.png" alt="A &quot;line&quot; &lt;up&gt;" width="30" height="20"' in shown(output)


def test_numbers_of_a_table_are_aligned_right_unless_it_says_otherwise():
    table = {"type": "table", "header": ["a", "b"], "rows": [["1", "2"]], "caption": ""}
    assert '<td class="left">1</td><td class="right">2</td>' in shown(table)
    assert '<td class="center">2</td>' in shown(table | {"align": ["left", "center"]})


def test_a_page_says_when_and_on_what_it_ran():
    page, _ = pages_chapter.chapter_page(book_with(one=ran()), ONE)
    assert (
        "Ran in 1.5 s on 2030-01-02 03:04 UTC: Some &lt;CPU&gt;, 2 processors, Python 3.12, NumPy 2.4."
        in page
    )


@pytest.mark.parametrize(
    "source, outputs, is_folded",
    [
        ("lab.claim(*found)", [CLAIM], True),
        ("found = 1\nlab.claim(*found)", [CLAIM], False),
        ("lab.claim(*found)", [], False),  # has not run: nothing else to see
    ],
)
def test_code_that_only_reports_is_folded_away_above_what_it_shows(source, outputs, is_folded):
    page, _ = pages_chapter.chapter_page(book_with(one=ran(CellRun("code", source, 1, outputs))), ONE)
    assert ("<details><summary>Code</summary>" in page) is is_folded
    assert page.count('<pre class="code"') == 1


def test_pages_and_ledger_of_a_quick_run_say_that_figures_are_no_evidence():
    quick = book_with(one=ran(quick=True))
    pages = [pages_chapter.chapter_page(quick, ONE)[0], claims_page(quick), contents_page(quick)]
    assert all("no evidence" in page for page in pages)
    assert "no evidence" not in claims_page(book_with(one=ran()))


def test_the_ledger_counts_verdicts_and_says_why_one_is_missing():
    two = ran(CellRun("code", "claim()", 2, [CLAIM]))
    assert book_with(two=two).verdict_counts()["holds"] == 1
    page = claims_page(book_with(two=two, three=ran()))
    assert "no cell shows it" in page and "its chapter has not run yet" not in page
    assert "its chapter failed" in claims_page(book_with(two=two, three=ran(error="E")))


def test_the_ledger_leads_to_the_cell_in_whatever_chapter_it_stands():
    run = ran(CellRun("code", "claim()", 2, [CLAIM]))
    page = claims_page(book_with(two=run, three=run))
    assert 'href="text/3/index.html#claim-text-2.1.1-small">to the cell' in page


def test_a_claim_that_is_shown_twice_has_one_anchor():
    run = ran(CellRun("code", "claim()", 2, [CLAIM, CLAIM]))
    page, problems = pages_chapter.chapter_page(book_with(two=run), TWO)
    assert problems == []
    assert page.count("<aside") == 2 and page.count('id="claim-text-2.1.1-small"') == 1


def test_errata_stand_with_the_original_what_is_shown_and_what_is_right():
    texts = {"original": "One", "shown": "Two", "correction": "Three"}
    erratum = {"type": "erratum", "id": "text/2.1.2#up"} | texts
    page = errata_page(book_with(two=ran(CellRun("code", "erratum()", 2, [erratum]))))
    entry = re.sub(r"<[^>]+>|\n", " ", page.partition('class="ledger"')[2])
    words = ["original says", "One", "shows", "Two", "It is", "Three", "to the cell"]
    assert re.findall("|".join(words), entry) == words


def test_chapters_stand_by_document_and_in_the_order_of_the_course():
    by_document, course = (page(book_with()).partition("<main")[2] for page in (contents_page, course_page))
    assert re.findall(r'href="(\w+/[^"]+)"', by_document) == [
        "basics/sums/index.html",
        "text/2.1/index.html",
        "text/2.1/index.html#2.1.1",
        "text/2.1/index.html#2.1.2",
        "text/3/index.html",
    ]
    assert re.findall(r'class="chapter" href="([^"]+)"', course) == [
        "basics/sums/index.html",
        "text/2.1/index.html#2.1.1",
        "text/2.1/index.html#2.1.2",
        "text/3/index.html",
    ]
    assert re.findall(r"Builds on <a href=\"([^\"]+)", course) == ["text/2.1/index.html"]


def test_previous_and_next_follow_the_documents():
    book = book_with()
    assert [book.neighbours(chapter) for chapter in (ONE, TWO, THREE)] == [
        (None, TWO),
        (ONE, THREE),
        (TWO, None),
    ]


def test_chinese_names_its_language():
    page, _ = pages_chapter.chapter_page(book_with(two=ran(CellRun("markdown", "# 2.1 量化 maps", 2))), TWO)
    assert '<span lang="zh" class="chinese">文</span>' in page
    assert '<span lang="zh">量化</span> maps</h1>' in page


def index_of(run):
    script = search.index_script(book_with(two=run))
    return json.loads(script.removeprefix("bookIndex(").removesuffix(");\n"))


def test_the_index_has_an_entry_for_every_heading_with_its_text_code_and_results():
    text = "# 2.1 A map\nfirst\n\n```\n# no heading\n```\n\n## Again\nsecond"
    prose = {"type": "prose", "markdown": "Five is **5**."}
    run = ran(
        CellRun("markdown", text, 2),
        CellRun("code", "quantize(x)", 9, [CLAIM, prose]),
        CellRun("markdown", "## Again", 12),
    )
    entries = [entry for entry in index_of(run) if entry[2].startswith("text/2.1/")]
    assert [(heading, path) for _, heading, path, _ in entries] == [
        ("映射", "text/2.1/index.html"),
        ("2.1 A map", "text/2.1/index.html#2.1"),
        ("Again", "text/2.1/index.html#again"),
        ("Again", "text/2.1/index.html#again-2"),
    ]
    assert "first" in entries[1][3] and "# no heading" in entries[1][3] and "second" not in entries[1][3]
    assert all(word in entries[2][3] for word in ("second", "quantize(x)", "T holds E", "Five is 5."))


def test_anchors_in_the_index_are_those_of_the_page():
    said = CellRun("code", "say()", 5, [{"type": "prose", "markdown": "## Again"}])
    run = ran(CellRun("markdown", "## Again", 2), said, CellRun("markdown", "## Again", 9))
    page, _ = pages_chapter.chapter_page(book_with(two=run), TWO)
    anchors = [path.partition("#")[2] for _, _, path, _ in index_of(run) if "#" in path]
    assert re.findall(r'<h2 id="([^"]+)">Again', page) == ["again", "again-2", "again-3"]
    assert anchors == ["again", "again-3"]
