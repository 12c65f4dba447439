"""No section, claim or mistake of the originals is left without a cell, and no verdict is a typed word."""

import sys
from functools import cache

import pytest

from chapters import __main__ as command
from chapters import contents
from tests.chapters.scripts import Script

EVERY_CHAPTER = pytest.mark.parametrize("chapter", contents.CHAPTERS, ids=lambda chapter: chapter.name)
LAST_HEADINGS = ["What we measured", "Try next", "Exercises"]


@cache
def script(chapter):
    return Script.of((command.SCRIPTS / chapter.file).read_text(encoding="utf-8"))


@EVERY_CHAPTER
def test_a_chapter_begins_with_its_title_and_the_original_s(chapter):
    number = chapter.name.split("/")[1]
    title = f"{number} {chapter.title}" if number[0].isdigit() else chapter.title
    first = script(chapter).cells[0]
    assert first.kind == "markdown"
    assert first.source.splitlines()[0] == f"# {title}"
    assert f"*{chapter.chinese}*" in first.source


@EVERY_CHAPTER
def test_every_section_of_a_chapter_has_a_heading_with_both_its_titles(chapter):
    headings = [text for level, text in script(chapter).headings() if level == 2]
    for section in chapter.sections:
        if f"{chapter.document}/{section.number}" != chapter.name:
            assert f"{section.number} {section.title} ({section.chinese})" in headings


@EVERY_CHAPTER
def test_a_chapter_ends_with_what_was_measured_what_to_try_and_exercises(chapter):
    assert [text for level, text in script(chapter).headings() if level == 2][-3:] == LAST_HEADINGS


@pytest.mark.parametrize("kind, table", [("claim", contents.CLAIMS), ("erratum", contents.ERRATA)])
def test_every_entry_is_recorded_by_one_cell_in_the_chapter_of_its_section(kind, table):
    expected = sorted((contents.find(id.split("#")[0]).name, id) for id in table)
    recorded = [(c.name, id) for c in contents.CHAPTERS for id, _ in script(c).recorded(kind)]
    assert sorted(recorded) == expected


def test_every_section_with_a_claim_or_a_mistake_is_one_of_the_table():
    for id in [*contents.CLAIMS, *contents.ERRATA]:
        assert id.split("#")[0] in contents.sections()


@EVERY_CHAPTER
def test_no_verdict_is_typed(chapter):
    assert script(chapter).typed_verdicts() == []


@EVERY_CHAPTER
def test_a_chapter_imports_only_what_every_reader_has(chapter):
    roots = {name.split(".")[0] for name in script(chapter).imported()}
    assert roots <= {"numpy", "qbref"} | sys.stdlib_module_names
    assert script(chapter).private_names() == []


@pytest.mark.parametrize(
    "verdict, typed",
    [
        ("'holds'", True),
        ("lab.Verdict('holds', '')", True),
        ("lab.facts(True)", True),
        ("lab.facts({'a': ALWAYS})", True),
        ("lab.more_than(0, lab.Interval(1, 1, 1))", True),
        ("lab.facts(a < b)", False),
        ("lab.more_than(LIMIT, lost)", False),
        ("verdict", False),
        ("word", True),
        ("lab.not_testable('needs a power meter')", False),
    ],
)
def test_the_reader_of_scripts_tells_a_typed_verdict_from_a_computed_one(verdict, typed):
    code = "# %%\nALWAYS = True\nLIMIT = 1\nverdict = lab.facts(a < b)\nword = 'holds'\n"
    found = Script.of(f"{code}lab.claim('text/3#up', 'It goes up.', {verdict}, 'A figure.')\n")
    assert found.typed_verdicts() == (["text/3#up"] if typed else [])
    assert [id for id, _ in found.recorded("claim")] == ["text/3#up"]


def test_the_reader_of_scripts_sees_headings_imports_and_private_names():
    found = Script.of(
        "# %% [markdown]\n# # 1 One\n#\n# ## Two\n# %%\n# # no heading\nimport a.b as c\n"
        "from d import _e\nc._f\nc._replace\n"
    )
    assert found.headings() == [(1, "1 One"), (2, "Two")]
    assert list(found.imported()) == ["a.b", "d"]
    assert found.private_names() == ["_f", "_e"]
