"""Notebooks: the rules of the nbformat 4.5 schema, each broken once."""

import copy
import json
import re

import pytest

from chapters.book.cells import Cell
from chapters.book.notebook import check, to_notebook

CELLS = [
    Cell("markdown", "# 2.1 Title\n\nsee [bits](realtime/2.1.2) and [web](https://example.org)", 2),
    Cell("code", "x = 1\nx", 7),
]


def notebook():
    made = to_notebook(CELLS, "2.1 Title")
    made["cells"][1]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "1\n"},
        {"output_type": "display_data", "data": {"text/plain": ["1"]}, "metadata": {}},
        {"output_type": "execute_result", "data": {}, "metadata": {}, "execution_count": 1},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]},
    ]
    made["cells"].append({"id": "raw", "cell_type": "raw", "metadata": {}, "source": "r"})
    return made


def test_a_notebook_is_written_field_by_field():
    assert to_notebook(CELLS, "Bits") == {
        "cells": [
            {
                "cell_type": "markdown",
                "id": "cell-1",
                "metadata": {},
                "source": [
                    "# 2.1 Title\n",
                    "\n",
                    "see [bits](realtime/2.1.2) and [web](https://example.org)",
                ],
            },
            {
                "cell_type": "code",
                "execution_count": None,
                "id": "cell-2",
                "metadata": {},
                "outputs": [],
                "source": ["x = 1\n", "x"],
            },
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
            "title": "Bits",
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def test_links_into_the_book_are_resolved_in_markdown_only():
    code = Cell("code", "'[a](b)'", 1)
    made = to_notebook([*CELLS, code], "t", resolve=lambda target: f"https://book.example/{target}.html")
    assert made["cells"][0]["source"][2].startswith(
        "see [bits](https://book.example/realtime/2.1.2.html) and [web](https:"
    )
    assert made["cells"][2]["source"] == ["'[a](b)'"]


def test_an_unknown_link_is_refused():
    def resolve(target):
        raise ValueError(f"no page {target}")

    with pytest.raises(ValueError, match="no page realtime/2.1.2"):
        to_notebook(CELLS, "t", resolve)


def test_source_lines_joined_are_the_source():
    source = "a\x0cb\u2028c\n\nd"
    (cell,) = to_notebook([Cell("code", source, 1)], "t")["cells"]
    assert "".join(cell["source"]) == source


@pytest.mark.parametrize("cells", [[], CELLS, CELLS * 40])
def test_what_is_written_passes_the_check(cells):
    made = to_notebook(cells, "t")
    check(made)
    check(json.loads(json.dumps(made)))


def test_the_check_accepts_everything_the_format_allows():
    check(notebook())


def delete(made, *path):
    *path, last = path
    for step in path:
        made = made[step]
    del made[last]


def put(made, value, *path):
    *path, last = path
    for step in path:
        made = made[step]
    made[last] = value


OUTPUTS = ("cells", 1, "outputs")
REQUIRED = [
    *[(name,) for name in ("cells", "metadata", "nbformat", "nbformat_minor")],
    *[("cells", 0, name) for name in ("id", "cell_type", "metadata", "source")],
    *[("cells", 1, name) for name in ("outputs", "execution_count")],
    *[("metadata", "kernelspec", name) for name in ("name", "display_name")],
    ("metadata", "language_info", "name"),
    *[(*OUTPUTS, 0, name) for name in ("output_type", "name", "text")],
    *[(*OUTPUTS, 1, name) for name in ("data", "metadata")],
    (*OUTPUTS, 2, "execution_count"),
    *[(*OUTPUTS, 3, name) for name in ("ename", "evalue", "traceback")],
]


@pytest.mark.parametrize("path", REQUIRED)
def test_a_required_field_is_missed(path):
    made = notebook()
    delete(made, *path)
    with pytest.raises(ValueError, match=" must "):
        check(made)


WRONG = [
    (3, "nbformat"),
    (4, "nbformat_minor"),
    ({}, "cells"),
    ([], "metadata"),
    (1, "metadata", "title"),
    ("x", "metadata", "kernelspec"),
    (1, "more"),
    ("x", "cells", 0),
    ("heading", "cells", 0, "cell_type"),
    (["list"], "cells", 0, "cell_type"),
    ("", "cells", 0, "id"),
    ("a b", "cells", 0, "id"),
    ("a" * 65, "cells", 0, "id"),
    (1, "cells", 0, "id"),
    ("cell-2", "cells", 0, "id"),
    (None, "cells", 0, "metadata"),
    (1, "cells", 0, "source"),
    ([1], "cells", 0, "source"),
    ([], "cells", 0, "outputs"),
    (-1, "cells", 1, "execution_count"),
    (True, "cells", 1, "execution_count"),
    ("1", "cells", 1, "execution_count"),
    ({}, *OUTPUTS),
    ("x", *OUTPUTS, 0),
    ("print", *OUTPUTS, 0, "output_type"),
    (["x"], *OUTPUTS, 0, "output_type"),
    (1, *OUTPUTS, 0, "name"),
    (1, *OUTPUTS, 0, "text"),
    (1, *OUTPUTS, 0, "more"),
    ([], *OUTPUTS, 1, "data"),
    ([], *OUTPUTS, 1, "metadata"),
    (-1, *OUTPUTS, 2, "execution_count"),
    ("t", *OUTPUTS, 3, "traceback"),
    (1, *OUTPUTS, 3, "ename"),
    (1, *OUTPUTS, 3, "evalue"),
    (float("nan"), "cells", 0, "metadata", "x"),
    ({1}, "cells", 0, "metadata", "x"),
]


@pytest.mark.parametrize("value_and_path", WRONG, ids=repr)
def test_a_wrong_value_is_refused(value_and_path):
    value, *path = value_and_path
    made = copy.deepcopy(notebook())
    put(made, value, *path)
    with pytest.raises(ValueError, match=" must "):
        check(made)


def test_the_error_names_the_place_and_the_value():
    made = notebook()
    made["cells"][1]["outputs"][0]["text"] = 7
    with pytest.raises(
        ValueError, match=re.escape("cells[1].outputs[0].text must be a str or a list of str, got 7")
    ):
        check(made)


@pytest.mark.parametrize("value", [None, [], "x"])
def test_a_notebook_is_a_dict(value):
    with pytest.raises(ValueError, match="notebook must be a dict"):
        check(value)
