"""Chapters run and become a book; what fails is shown as failed, and the rest stands."""

import io
import json
import shutil

import pytest

from chapters.book import build as build_module
from chapters.book.build import Build, replacing
from chapters.book.notebook import check
from tests.chapters.book_of_three import CHAPTERS, CONTENTS, ONE, SCRIPTS, THREE, TWO, write_scripts
from tests.chapters.page_links import References, broken_links


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the whole book, what was told meanwhile, and the Book; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    told = io.StringIO()
    build = Build(CONTENTS, write_scripts(folder / "scripts"), folder / "book", told)
    build.run(CHAPTERS)
    return folder / "book", told.getvalue(), build.write()


@pytest.fixture
def again(built, tmp_path):
    """The same book in a folder of its own, to be built on."""
    shutil.copytree(built[0].parent, tmp_path, dirs_exist_ok=True)
    return Build(CONTENTS, tmp_path / "scripts", tmp_path / "book", io.StringIO())


def page(folder, name):
    return (folder / name / "index.html").read_text(encoding="utf-8")


def test_every_link_and_anchor_of_a_built_book_leads_somewhere(built):
    assert broken_links(built[0]) == []


def test_a_failing_chapter_shows_its_traceback_and_is_marked_and_the_rest_is_built(built):
    folder, told, book = built
    assert [book.runs[c.name].state for c in CHAPTERS] == ["ran", "ran", "failed"]
    assert "ValueError: no &lt;end&gt;" in page(folder, "text/3")
    assert 'class="state failed"' in (folder / "index.html").read_text(encoding="utf-8")
    assert told.splitlines()[2].startswith("[3/3] text/3") and "FAILED: ValueError: no <end>" in told
    assert "FAILED" not in "".join(told.splitlines()[:2])


def test_what_a_cell_prints_is_text_on_the_page_not_markup(built):
    assert "2 &lt;b&gt;" in page(built[0], "basics/sums")
    two = page(built[0], "text/2.1")
    assert all(
        text in two for text in ("&lt;down&gt;", '<td class="right">&lt;i&gt;', "b&lt;</th>", "&lt; 3 &amp; ")
    )
    assert "<down>" not in two and "<i>" not in two and "<b>" not in page(built[0], "basics/sums")


def test_one_chapter_is_built_again_and_the_ledger_keeps_the_others(again):
    (again.scripts / ONE.file).write_text("# %% [markdown]\n# # Sums\n# %%\nprint('again')\n")
    again.run([ONE])
    book = again.write()
    assert "again" in page(again.output, "basics/sums")
    assert list(book.outputs("claim")) == ["text/2.1.1#small"]
    assert 'class="verdict holds"' in (again.output / "claims.html").read_text(encoding="utf-8")


def test_an_interrupted_chapter_leaves_its_last_page(again, monkeypatch):
    def interrupted(script, folder, **options):
        (folder / "half.png").write_bytes(b"half")
        raise KeyboardInterrupt

    before = page(again.output, "basics/sums")
    monkeypatch.setattr(build_module, "run_script", interrupted)
    with pytest.raises(KeyboardInterrupt):
        again.run([ONE])
    assert page(again.output, "basics/sums") == before
    assert not list(again.output.rglob("half.png"))
    assert sorted(path.name for path in (again.output / "basics").iterdir()) == ["sums"]


def test_without_runs_the_pages_show_the_scripts_alone(again):
    book = again.write(keep_runs=False)
    assert {run.state for run in book.runs.values()} == {"not run yet"}
    assert "has not run yet" in page(again.output, "text/3")
    assert "its chapter has not run yet" in (again.output / "claims.html").read_text(encoding="utf-8")


def test_a_chapter_whose_script_is_missing_or_damaged_is_failed_and_the_rest_is_built(tmp_path):
    write_scripts(tmp_path)
    (tmp_path / ONE.file).unlink()
    (tmp_path / THREE.file).write_text("no cells")
    book = Build(CONTENTS, tmp_path, tmp_path / "book").write()
    assert [book.runs[c.name].state for c in CHAPTERS] == ["failed", "not run yet", "failed"]
    assert "FileNotFoundError" in page(tmp_path / "book", "basics/sums")


@pytest.mark.parametrize(
    "text", ["[x](text/9)", "$$\\nosuch$$", "```\n# never closed", "| a |\n# |---|\n# | 1 | 2 |"]
)
def test_a_text_that_cannot_be_rendered_is_named_on_the_page_and_fails_the_chapter(tmp_path, text):
    write_scripts(tmp_path)
    (tmp_path / ONE.file).write_text(f"# %% [markdown]\n# # Sums\n# %% [markdown]\n# {text}\n")
    book = Build(CONTENTS, tmp_path, tmp_path / "book").write(keep_runs=False)
    assert book.runs[ONE.name].error.startswith("Cell at line 4: ")
    assert "This page is not complete. Cell at line 4: " in page(tmp_path / "book", "basics/sums")
    assert book.runs[TWO.name].error is None


def test_a_claim_that_is_not_in_the_table_fails_its_chapter(again):
    script = again.scripts / TWO.file
    script.write_text(SCRIPTS[TWO.file].replace("text/2.1.1#small", "text/2.1.1#unheard-of"))
    again.run([TWO])
    assert (
        "claim must be in the table of claims, got 'text/2.1.1#unheard-of'"
        in again.write().runs[TWO.name].error
    )


def test_every_notebook_is_valid_and_each_page_offers_its_own(built):
    for chapter in CHAPTERS:
        (path,) = (built[0] / chapter.name).glob("*.ipynb")
        check(json.loads(path.read_text(encoding="utf-8")))
        assert path.name in References(page(built[0], chapter.name)).targets


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "folder"
    with replacing(folder) as new:
        (new / "a").write_text("1")
    with replacing(folder) as new:
        (new / "b").write_text("2")
    with pytest.raises(RuntimeError), replacing(folder) as new:
        (new / "c").write_text("3")
        raise RuntimeError
    assert [path.name for path in folder.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
