"""Highlighted Python: the text stays, the classes are those expected by hand."""

import builtins
import html
import inspect
import re
import xml.etree.ElementTree as ET

import pytest

from chapters.book import cells, highlight, inline


def classes(source):
    return [(name, html.unescape(text)) for name, text in SPAN.findall(highlight.python(source))]


SPAN = re.compile(r'<span class="(\w)">([^<]*)</span>')


def test_every_sort_of_token_has_its_class():
    assert classes("@cache\ndef f(x=1.5):  # why\n    return len('a') if x else None\n") == [
        ("d", "cache"),
        ("k", "def"),
        ("f", "f"),
        ("n", "1.5"),
        ("c", "# why"),
        ("k", "return"),
        ("b", "len"),
        ("s", "'a'"),
        ("k", "if"),
        ("k", "else"),
        ("k", "None"),
    ]


def test_a_decorator_stands_at_the_start_of_a_statement_and_a_product_does_not():
    assert classes("a @ b") == classes("(a\n@ b)") == []
    assert classes("class A:\n    @property\n    def x(self): pass")[2] == ("d", "property")
    assert classes("x = 1\n\n# note\n@first\n@second\ndef f(): ...")[2:4] == [("d", "first"), ("d", "second")]


def test_an_attribute_is_no_builtin():
    assert classes("x.max(max)") == [("b", "max")]


def test_a_string_over_several_lines_is_one_span():
    assert classes('x = """a\n  b"""') == [("s", '"""a\n  b"""')]


@pytest.mark.parametrize("string", ['f"{x!r:>{width}} {{b}}"', "f'{a + 1}'", 'rf"\\d{n}"', 'f"""{x}\n{y}"""'])
def test_an_f_string_is_one_string_on_every_python(string):
    assert classes(f"y = {string} + 1") == [("s", string), ("n", "1")]


@pytest.mark.parametrize(
    "source",
    ["def f(:\n  '", "x = $1", "a ? b", "(((", '"""open', "  x\n y", "'\n", "\x00", "if x:\n\ty\n  z\n"],
)
def test_what_is_no_python_is_only_escaped(source):
    assert html.unescape(highlight.python(source)) == source.replace("\x00", "\ufffd")
    assert "<" not in highlight.python(source)


def test_hostile_code_cannot_leave_its_element():
    code = "x = '</code></pre><script>' # </span><script>\nif a<b>c: pass"
    assert "<script" not in highlight.python(code)
    assert highlight.python("a<b>c&d") == "a&lt;b&gt;c&amp;d"


@pytest.mark.parametrize("module", [cells, highlight, inline, html, re, builtins.__import__("tokenize")])
def test_no_character_of_real_source_is_lost(module):
    source = inspect.getsource(module)
    element = ET.fromstring(f"<pre>{highlight.python(source)}</pre>")
    assert "".join(element.itertext()) == source
    assert len(element) > 50


@pytest.mark.parametrize("source", ["", "\n\n", "x", "x\n", "# é 量化 𝔹\nx = '𝔹' + y"])
def test_small_and_wide_characters_keep_their_place(source):
    assert "".join(ET.fromstring(f"<pre>{highlight.python(source)}</pre>").itertext()) == source


def test_line_ends_become_those_of_html():
    assert highlight.python("x\r\ny\r") == "x\ny\n"
