import sys
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from qbref import lab, plots


@pytest.fixture
def received():
    shown = []
    before = lab.send_to(shown.append)
    yield shown
    lab.send_to(before)


def test_say_joins_lines_to_paragraphs_and_leaves_lists_alone(capsys):
    lab.say(
        """
        One two
        three.

        - four
        - five
        """
    )
    assert capsys.readouterr().out == "One two three.\n\n- four\n- five\n"


def test_say_fits_a_terminal(capsys):
    lab.say("word " * 40)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= 80


def test_a_table_is_aligned(capsys):
    lab.table(("", "bytes"), [("float32", 4), ("int8", "1")])
    assert capsys.readouterr().out.splitlines() == [
        "         bytes",
        "──────────────",
        "float32      4",
        "int8         1",
    ]


def test_a_column_of_words_is_aligned_left(capsys):
    lab.table(("", "by", "ms"), [("int8", "avx2", "1.5"), ("xnor", "sse2", "–"), ("lut", "", "10")])
    assert capsys.readouterr().out.splitlines() == [
        "      by     ms",
        "───────────────",
        "int8  avx2  1.5",
        "xnor  sse2    –",
        "lut          10",
    ]


def test_a_table_with_a_short_row_is_refused():
    with pytest.raises(ValueError, match=r"rows must have 2 cells as the header, got \('1',\)"):
        lab.table(("a", "b"), [(1,)])


def test_the_receiver_gets_everything_and_nothing_is_printed(received, tmp_path, capsys):
    lab.say("a **b**")
    lab.table(("a",), [(1,)], caption="c")
    lab.show(plots.figure(300, 200), alt="  an empty\n picture ")
    assert capsys.readouterr().out == ""
    prose, table, picture = (shown.as_dict(tmp_path) for shown in received)
    assert prose == {"type": "prose", "markdown": "a **b**"}
    assert table == {
        "type": "table",
        "align": ["left"],
        "header": ["a"],
        "rows": [["1"]],
        "caption": "c",
    }
    file = tmp_path / picture.pop("file")
    assert picture == {"type": "picture", "alt": "an empty picture", "width": 300, "height": 200}
    image = file.read_bytes()
    assert image.startswith(b"\x89PNG")
    assert [int.from_bytes(image[i : i + 4], "big") for i in (16, 20)] == [
        600,
        400,
    ]  # twice, for fine screens


def test_the_same_picture_has_the_same_file(received, tmp_path):
    for _ in range(2):
        lab.show(plots.figure(100, 100), alt="empty")
    assert len({shown.as_dict(tmp_path)["file"] for shown in received}) == 1


def test_a_notebook_gets_the_object_itself(monkeypatch, capsys):
    displayed = []
    stand_in = SimpleNamespace(
        get_ipython=lambda: object(), display=SimpleNamespace(display=displayed.append)
    )
    monkeypatch.setitem(sys.modules, "IPython", stand_in)
    lab.say("a")
    lab.table(("<",), [("&",)])
    assert displayed[0]._repr_markdown_() == "a" and capsys.readouterr().out == ""
    cells = [cell.text for cell in ElementTree.fromstring(displayed[1]._repr_html_()).iter() if cell.text]
    assert cells == ["<", "&"]


@pytest.mark.parametrize(
    "fig, alt, error, message",
    [
        ("x.png", "a", TypeError, "fig must be a Matplotlib figure, got str"),
        (plots.figure(100, 100), " ", ValueError, "alt must describe the picture, got an empty text"),
    ],
)
def test_a_picture_needs_a_figure_and_a_description(fig, alt, error, message):
    with pytest.raises(error, match=message):
        lab.show(fig, alt)
