"""The book as data: the table of contents, the run of every chapter, and what follows from both."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from chapters.book import markdown
from chapters.book.outputs import ICONS


class Lesson(NamedTuple):
    """A chapter, or a section of one, in the course."""

    unit: int
    unit_title: str
    name: str
    title: str
    chapter: object


@dataclass(frozen=True)
class Book:
    """
    Attributes
    ----------
    contents : module
        Like :mod:`chapters.contents`.
    runs : dict of str to Run
        Of every chapter, by its name.
    """

    contents: object
    runs: dict

    def by_document(self):
        """(document, its chapters), in order."""
        for document in self.contents.DOCUMENTS:
            if chapters := [c for c in self.contents.CHAPTERS if c.document == document]:
                yield document, chapters

    def neighbours(self, chapter):
        """The chapters before and after, or None."""
        chapters = [c for _, group in self.by_document() for c in group]
        here = chapters.index(chapter)
        return (chapters[here - 1] if here else None), (chapters[here + 1 : here + 2] or [None])[0]

    @cached_property
    def lessons(self):
        """The course from beginning to end."""
        return [
            Lesson(number, unit, name, _title(self.contents.find(name), name), self.contents.find(name))
            for number, (unit, names) in enumerate(self.contents.COURSE, 1)
            for name in names
        ]

    def places_in_course(self, chapter):
        """(lesson, the lesson after it or None) for every lesson of a chapter."""
        after = [*self.lessons[1:], None]
        return [pair for pair in zip(self.lessons, after, strict=True) if pair[0].chapter == chapter]

    def headings(self, chapter):
        """(anchor, text) of the second-level headings of a chapter's page."""
        ids, found = set(), []
        for text in _texts(self.runs[chapter.name]):
            try:
                found += markdown.headings(text, ids)
            except ValueError:  # the page says it
                continue
        return [(id, text) for level, id, text in found if level == 2]

    def outputs(self, type):
        """{id: output} of all claims or errata; of several with one id the last."""
        runs = [self.runs[chapter.name] for chapter in self.contents.CHAPTERS]
        return {output["id"]: output for run in runs for output in run.outputs(type)}

    def showing(self, type, id):
        """The chapter in which a claim or an erratum is shown, the last of several."""
        return [
            chapter
            for chapter in self.contents.CHAPTERS
            if any(output["id"] == id for output in self.runs[chapter.name].outputs(type))
        ][-1]

    def verdict_counts(self):
        """How many claims got each verdict."""
        words = [output["verdict"] for output in self.outputs("claim").values()]
        return {word: words.count(word) for word in ICONS}

    def is_quick(self):
        """Whether any run was cut short."""
        return any(run.quick for run in self.runs.values())


def notebook_of(chapter):
    """Name of the notebook, beside the page."""
    return chapter.file.rpartition("/")[2].removesuffix(".py") + ".ipynb"


def _title(chapter, name):
    number = name.rpartition("/")[2]
    return next(
        (s.title for s in chapter.sections if s.number == number and name != chapter.name), chapter.title
    )


def _texts(run):
    """Everything in Markdown, in the order of the page."""
    for cell in run.cells:
        if cell.kind == "markdown":
            yield cell.source
        for output in cell.outputs:
            if output["type"] == "prose":
                yield output["markdown"]
