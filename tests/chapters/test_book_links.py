"""Every reference of every page leads somewhere: in the real book, and the checker sees when one does not."""

import pytest

from chapters import __main__ as command
from chapters import contents
from chapters.book.build import Build
from chapters.book.links import Links
from tests.chapters.book_of_three import CONTENTS
from tests.chapters.page_links import broken_links


def test_every_link_of_the_book_leads_somewhere(tmp_path):
    book = Build(contents, command.SCRIPTS, tmp_path).write(keep_runs=False)
    assert {name: run.error for name, run in book.runs.items() if run.error} == {}
    assert broken_links(tmp_path) == []


@pytest.mark.parametrize(
    "text, complaint",
    [
        ('<a href="b.html">', "a.html refers to b.html, which is no file"),
        ('<img src="x.png">', "a.html refers to x.png, which is no file"),
        ('<a href="#there">', "a.html refers to #there, which has no such anchor"),
        ('<a href="other.html#here">', "a.html refers to other.html#here, which has no such anchor"),
        ('<p id="x"><b id="x">', "a.html has two anchors x"),
    ],
)
def test_the_checker_sees_what_is_broken(tmp_path, text, complaint):
    (tmp_path / "a.html").write_text(f'<p id="here">{text}')
    (tmp_path / "other.html").write_text('<a href="a.html#here"><a href="https://example.org/nothing">')
    assert broken_links(tmp_path) == [complaint]


LINKS = Links(CONTENTS, "text/2.1/index.html")


@pytest.mark.parametrize(
    "target, href",
    [
        ("text/3", "../3/index.html"),
        ("text/2.1.2", "index.html#2.1.2"),
        ("text/2.1", "index.html"),
        ("basics/sums", "../../basics/sums/index.html"),
        ("claims", "../../claims.html"),
        ("text/3#done", "../../claims.html#claim-text-3-done"),
        ("text/2.1.2#up", "../../errata.html#erratum-text-2.1.2-up"),
        ("#eq-1", "#eq-1"),
        ("https://example.org/x#y", "https://example.org/x#y"),
    ],
)
def test_targets_become_references_relative_to_the_page(target, href):
    assert LINKS.resolve(target) == href


@pytest.mark.parametrize("target", ["text/9", "javascript:alert(1)", "text/3#other", "../x.html", ""])
def test_a_target_that_is_nowhere_is_an_error_that_names_it(target):
    with pytest.raises(ValueError, match="link must") as raised:
        LINKS.resolve(target)
    assert repr(target) in str(raised.value)
