"""Cells as a Jupyter notebook, and the rules of the format it must keep (nbformat 4.5)."""

import json
import re

from chapters.book import markdown

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"}
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FIELDS = {
    "markdown": ({"id", "cell_type", "metadata", "source"}, {"attachments"}),
    "raw": ({"id", "cell_type", "metadata", "source"}, {"attachments"}),
    "code": ({"id", "cell_type", "metadata", "source", "outputs", "execution_count"}, set()),
    "stream": ({"output_type", "name", "text"}, set()),
    "display_data": ({"output_type", "data", "metadata"}, set()),
    "execute_result": ({"output_type", "data", "metadata", "execution_count"}, set()),
    "error": ({"output_type", "ename", "evalue", "traceback"}, set()),
}


def to_notebook(cells, title, resolve=None):
    """A notebook of `cells` that has not been run, as a dict to be written as JSON.

    `resolve` turns the targets of links within the book into addresses, as in `markdown.to_html`.

    Examples
    --------
    >>> from chapters.book.cells import Cell
    >>> to_notebook([Cell("code", "1 + 1", 2)], "Sums")["cells"][0]["source"]
    ['1 + 1']
    """
    return {
        "cells": [_cell(cell, f"cell-{number}", resolve) for number, cell in enumerate(cells, 1)],
        "metadata": {"kernelspec": dict(KERNEL), "language_info": dict(LANGUAGE), "title": title},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def check(notebook):
    """Raise ValueError, naming the place, for what the schema of nbformat 4.5 forbids."""
    _fields(notebook, "notebook", {"cells", "metadata", "nbformat", "nbformat_minor"})
    version = notebook["nbformat"], notebook["nbformat_minor"]
    _must(version == (4, 5), "version", "be (4, 5)", version)
    _metadata(notebook["metadata"])
    _must(isinstance(notebook["cells"], list), "cells", "be a list", notebook["cells"])
    for index, cell in enumerate(notebook["cells"]):
        _check_cell(cell, f"cells[{index}]")
    ids = [cell["id"] for cell in notebook["cells"]]
    _must(len(set(ids)) == len(ids), "cell ids", "differ", ids)
    try:
        json.dumps(notebook, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"notebook must be JSON, got {error}") from None


def _cell(cell, name, resolve):
    source = cell.source
    if cell.kind == "markdown" and resolve:
        source = markdown.relink(source, resolve)
    common = {"cell_type": cell.kind, "id": name, "metadata": {}, "source": source.splitlines(keepends=True)}
    return common | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {})


def _must(holds, name, rule, value):
    if not holds:
        raise ValueError(f"{name} must {rule}, got {value!r}")


def _fields(value, name, required, optional=frozenset()):
    _must(isinstance(value, dict), name, "be a dict", value)
    _must(
        required <= set(value) <= required | optional,
        name,
        f"have the fields {sorted(required)}",
        sorted(value),
    )


def _metadata(metadata):
    _must(isinstance(metadata, dict), "metadata", "be a dict", metadata)
    required = {"kernelspec": ("name", "display_name"), "language_info": ("name",)}
    for part, names in required.items():
        values = metadata.get(part, dict.fromkeys(names, ""))
        good = isinstance(values, dict) and all(isinstance(values.get(name), str) for name in names)
        _must(good, f"metadata.{part}", f"name its {' and '.join(names)}", values)
    title = metadata.get("title", "")
    _must(isinstance(title, str), "metadata.title", "be a str", title)


def _check_cell(cell, name):
    kind = cell.get("cell_type") if isinstance(cell, dict) else None
    _must(kind in ("markdown", "raw", "code"), f"{name}.cell_type", "be markdown, raw or code", kind)
    _fields(cell, name, *FIELDS[kind])
    known = isinstance(cell["id"], str) and CELL_ID.fullmatch(cell["id"])
    _must(known, f"{name}.id", "be 1 to 64 letters, digits, '-' or '_'", cell["id"])
    _must(isinstance(cell["metadata"], dict), f"{name}.metadata", "be a dict", cell["metadata"])
    _must(_is_text(cell["source"]), f"{name}.source", "be a str or a list of str", cell["source"])
    if kind == "code":
        _count(cell, name)
        _must(isinstance(cell["outputs"], list), f"{name}.outputs", "be a list", cell["outputs"])
        for index, output in enumerate(cell["outputs"]):
            _check_output(output, f"{name}.outputs[{index}]")


def _check_output(output, name):
    kind = output.get("output_type") if isinstance(output, dict) else None
    kinds = ("stream", "display_data", "execute_result", "error")
    _must(kind in kinds, f"{name}.output_type", f"be one of {', '.join(kinds)}", kind)
    _fields(output, name, *FIELDS[kind])
    if kind == "stream":
        _must(isinstance(output["name"], str), f"{name}.name", "be a str", output["name"])
        _must(_is_text(output["text"]), f"{name}.text", "be a str or a list of str", output["text"])
    elif kind == "error":
        for field in ("ename", "evalue"):
            _must(isinstance(output[field], str), f"{name}.{field}", "be a str", output[field])
        good = isinstance(output["traceback"], list) and _is_text(output["traceback"])
        _must(good, f"{name}.traceback", "be a list of str", output["traceback"])
    else:
        _must(isinstance(output["data"], dict), f"{name}.data", "be a dict", output["data"])
        _must(isinstance(output["metadata"], dict), f"{name}.metadata", "be a dict", output["metadata"])
    if kind == "execute_result":
        _count(output, name)


def _count(holder, name):
    count = holder["execution_count"]
    good = count is None or (type(count) is int and count >= 0)
    _must(good, f"{name}.execution_count", "be None or a count", count)


def _is_text(value):
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(line, str) for line in value)
    )
