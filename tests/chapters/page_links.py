"""Anchors and references of pages, and which of them lead nowhere."""

from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag


class References(HTMLParser):
    """The anchors of a page, and what it refers to."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.targets = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "src"):
                self.targets.append(value)


def broken_links(folder):
    """What is wrong with the references of the pages in a folder, as a list of sentences."""
    pages = {path.resolve(): References(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    wrong = []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        wrong += [
            f"{name} has two anchors {id}" for id in sorted({i for i in page.ids if page.ids.count(i) > 1})
        ]
        for target in page.targets:
            if target.startswith(("https://", "http://", "mailto:", "data:")):
                continue
            file, anchor = urldefrag(target)
            there = (path.parent / unquote(file)).resolve() if file else path
            if not there.is_file():
                wrong.append(f"{name} refers to {target}, which is no file")
            elif anchor and (there not in pages or unquote(anchor) not in pages[there].ids):
                wrong.append(f"{name} refers to {target}, which has no such anchor")
    return wrong
