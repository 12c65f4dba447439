"""Where things are in the book, and how a page refers to them."""

import posixpath
from typing import NamedTuple

OVERVIEWS = {
    "contents": "index.html",
    "course": "course.html",
    "claims": "claims.html",
    "errata": "errata.html",
}
ELSEWHERE = ("https://", "http://", "mailto:")


class Links(NamedTuple):
    """Hyperlinks of one page.

    Attributes
    ----------
    contents : module
        The table of chapters, claims and errata.
    page : str
        Path of the page within the book.
    """

    contents: object
    page: str

    def to(self, path, anchor=""):
        """Reference to a file of the book, relative to the page."""
        path = posixpath.relpath(path, posixpath.dirname(self.page) or ".")
        return f"{path}#{anchor}" if anchor else path

    def resolve(self, target):
        """Reference to what a chapter's text names.

        Parameters
        ----------
        target : str
            A chapter or section ("realtime/2.1.2"), a claim or erratum ("realtime/2.1.2#qat-keeps-more"),
            an overview ("contents", "course", "claims", "errata"), an anchor of the page ("#eq-1"),
            or an address ("https://…").

        Raises
        ------
        ValueError
            If the target is none of these.
        """
        if target.startswith("#") or target.startswith(ELSEWHERE):
            return target
        if target in OVERVIEWS:
            return self.to(OVERVIEWS[target])
        if target in self.contents.CLAIMS:
            return self.to(OVERVIEWS["claims"], anchor("claim", target))
        if target in self.contents.ERRATA:
            return self.to(OVERVIEWS["errata"], anchor("erratum", target))
        return self.section(target)

    def section(self, name):
        """Reference to a chapter, or to a section within its page."""
        try:
            chapter = self.contents.find(name)
        except (KeyError, ValueError):
            raise ValueError(f"link must lead to a part of the book or an address, got {name!r}") from None
        number = name.rpartition("/")[2]
        is_inside = number in [section[0] for section in chapter.sections] and name != chapter.name
        return self.to(page_of(chapter), number if is_inside else "")

    def cell(self, chapter, kind, id):
        """Reference to the cell of a chapter that shows a claim or an erratum."""
        return self.to(page_of(chapter), anchor(kind, id))


def page_of(chapter):
    """A chapter has a folder of its own: page, pictures, notebook, record of the run."""
    return f"{chapter.name}/index.html"


def anchor(kind, id):
    """
    Examples
    --------
    >>> anchor("claim", "realtime/2.1.2#qat-keeps-more")
    'claim-realtime-2.1.2-qat-keeps-more'
    """
    return f"{kind}-{id.replace('/', '-').replace('#', '-')}"
