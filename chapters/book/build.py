"""Build the book: run chapters, keep what they showed, write the pages."""

import json
import os
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from chapters.book import shared
from chapters.book.book import Book, notebook_of
from chapters.book.cells import Cell
from chapters.book.links import OVERVIEWS, Links, page_of
from chapters.book.notebook import to_notebook
from chapters.book.pages_chapter import chapter_page
from chapters.book.pages_ledger import claims_page, errata_page
from chapters.book.pages_overview import contents_page, course_page
from chapters.book.record import FILE, Run
from chapters.book.run import run_script
from chapters.book.search import index_script

ASSETS = Path(__file__).parent / "assets"
PAGES = {
    OVERVIEWS["contents"]: contents_page,
    OVERVIEWS["course"]: course_page,
    OVERVIEWS["claims"]: claims_page,
    OVERVIEWS["errata"]: errata_page,
    "assets/search-index.js": index_script,
}


class Build:
    """One book in one folder.

    Parameters
    ----------
    contents : module
        Like :mod:`chapters.contents`.
    scripts : path-like
        Folder of the scripts that the contents name.
    output : path-like
        Folder of the book. The last run of every chapter stays in it, so that one chapter can be built again.
    stream : file
        Where the progress is told; by default stderr.
    """

    def __init__(self, contents, scripts, output, stream=None):
        self.contents, self.scripts, self.output = contents, Path(scripts), Path(output)
        self.stream = stream or sys.stderr

    def train_shared(self, quick=False, data=None):
        """Make the trainings that the contents name, before all chapters run."""
        self._tell(f"{'trainings that chapters share':38} ")
        started = time.perf_counter()
        shared.train(self.contents.TRAININGS, quick, data)
        self._tell(f"{time.perf_counter() - started:6.1f} s\n")

    def run(self, chapters, **options):
        """Run chapters one after another; each replaces its former run when it has ended.

        `options`: as for :func:`chapters.book.run.run_script`.
        """
        runs = self._last_runs()
        for number, chapter in enumerate(chapters, 1):
            self._tell(f"[{number}/{len(chapters)}] {chapter.name:30} ")
            with replacing(self.output / chapter.name) as folder:
                run = runs[chapter.name] = run_script(self.scripts / chapter.file, folder, **options)
                self._write_chapter(Book(self.contents, runs), chapter, folder)
            self._tell(f"{run.seconds:6.1f} s{f'  FAILED: {run.error}' if run.error else ''}\n")

    def write(self, keep_runs=True):
        """Write all pages, from the last run of each chapter or, without `keep_runs`, from the scripts alone.

        Returns
        -------
        Book
            In its runs, a page that could not be completed counts as a failure.
        """
        book = Book(self.contents, self._last_runs(keep_runs))
        shutil.copytree(ASSETS, self.output / "assets", dirs_exist_ok=True)
        for chapter in self.contents.CHAPTERS:
            self._write_chapter(book, chapter, self.output / chapter.name)
        for path, page in PAGES.items():
            write_file(self.output / path, page(book))
        return book

    def _last_runs(self, keep_runs=True):
        return {chapter.name: self._last_run(chapter, keep_runs) for chapter in self.contents.CHAPTERS}

    def _last_run(self, chapter, keep_runs):
        folder = self.output / chapter.name
        try:
            if keep_runs and (folder / FILE).exists():
                return Run.load(folder)
            return Run.of(self.scripts / chapter.file)
        except (OSError, ValueError) as error:
            return Run([], error=f"{type(error).__name__}: {error}")

    def _write_chapter(self, book, chapter, folder):
        page, problems = chapter_page(book, chapter)
        run = book.runs[chapter.name]
        run.error = run.error or (problems[0] if problems else None)
        write_file(folder / "index.html", page)
        resolve = None if problems else Links(self.contents, page_of(chapter)).resolve
        cells = [Cell(cell.kind, cell.source, cell.line) for cell in run.cells]
        notebook = json.dumps(to_notebook(cells, chapter.title, resolve), ensure_ascii=False, indent=1)
        write_file(folder / notebook_of(chapter), notebook)

    def _tell(self, text):
        self.stream.write(text)
        self.stream.flush()


@contextmanager
def replacing(folder):
    """A new folder that takes the place of `folder` if all goes well; if not, nothing has happened."""
    new, old = (folder.with_name(f".{folder.name}.{end}") for end in ("new", "old"))
    for left in (new, old):  # by a build that was killed
        shutil.rmtree(left, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        if folder.exists():
            os.replace(folder, old)
        os.replace(new, folder)
    finally:
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)


def write_file(path, text):
    """The whole file or none of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
