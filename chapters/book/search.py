"""The index of the search box, one entry for every heading; a script, so that it needs no server."""

import json
from contextlib import suppress

from chapters.book import markdown
from chapters.book.links import page_of

SHOWN = {
    "prose": lambda output: markdown.plain(output["markdown"]),
    "claim": lambda output: f"{output['text']} {output['verdict']} {output['evidence']}",
    "erratum": lambda output: f"{output['original']} {output['shown']} {output['correction']}",
    "table": lambda output: " ".join([output.get("caption", ""), *output["header"]]),
    "picture": lambda output: output["alt"],
}


def index_script(book):
    """JavaScript that hands the entries to the page: [chapter, heading, path, text]."""
    found = [
        entry for chapter in book.contents.CHAPTERS for entry in entries(book.runs[chapter.name], chapter)
    ]
    return f"bookIndex({json.dumps(found, ensure_ascii=False, separators=(',', ':'))});\n"


def entries(run, chapter):
    """One entry for each part of a page, from a heading to the next."""
    ids, page = set(), page_of(chapter)
    found = [[chapter.title, chapter.chinese, page, ""]]
    for cell in run.cells:
        for part in _parts(cell):
            try:
                headings = markdown.headings(part, ids) if cell.kind == "markdown" else []
                text = markdown.plain(part) if cell.kind == "markdown" else part
            except ValueError:  # the page says it
                headings, text = [], part
            for _, id, title in headings[:1]:
                found.append([chapter.title, title, f"{page}#{id}", ""])
            found[-1][3] += text + "\n"
        _pass_anchors(cell, ids)
        found[-1][3] += "\n".join(SHOWN[o["type"]](o) for o in cell.outputs if o["type"] in SHOWN)
    return found


def _parts(cell):
    """The source of a cell, divided before every heading."""
    if cell.kind == "code":
        return [cell.source]
    parts, fenced = [[]], False
    for line in cell.source.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if line.startswith("#") and not fenced:
            parts.append([])
        parts[-1].append(line)
    return ["\n".join(part) for part in parts if part]


def _pass_anchors(cell, ids):
    """What a cell says may have headings, whose anchors the page has given away."""
    for output in cell.outputs:
        if output["type"] == "prose":
            with suppress(ValueError):  # the page says it
                markdown.headings(output["markdown"], ids)
