"""Percent scripts as cells: expected lists are written by hand."""

import pytest

from chapters.book.cells import Cell, parse


def test_cells_keep_their_order_their_kind_and_the_line_they_begin_at():
    markdown = "# %% [markdown]\n# # Title\n#\n# Text\n\n"
    script = f'"""Not shown."""\n\n{markdown}# %%\nx = 1\n\ny = 2\n\n# %% [md]\n# End\n'
    assert parse(script) == [
        Cell("markdown", "# Title\n\nText", 4),
        Cell("code", "x = 1\n\ny = 2", 9),
        Cell("markdown", "End", 14),
    ]


def test_line_is_that_of_the_first_line_that_is_not_blank():
    assert parse("# %%\n\n\nx = 1") == [Cell("code", "x = 1", 4)]
    assert parse("# %% [markdown]\n#\n\n# a") == [Cell("markdown", "a", 4)]


@pytest.mark.parametrize("marker", ["# %%", "#%%", "# %% A title", "# %%  ", "# %% 50 % [of it]"])
def test_a_code_marker_may_carry_a_title(marker):
    assert parse(f"{marker}\n1") == [Cell("code", "1", 2)]


@pytest.mark.parametrize(
    "marker", ["# %% [markdown]", "# %% [md]", "#%% [markdown]", "# %% [markdown] A title"]
)
def test_markdown_has_two_names(marker):
    assert parse(f"{marker}\n# a") == [Cell("markdown", "a", 2)]


def test_empty_cells_are_left_out():
    assert parse("# %%\n\n# %% [markdown]\n#\n# %%\n1\n# %%") == [Cell("code", "1", 6)]


def test_only_one_space_belongs_to_the_comment_sign():
    assert parse("# %% [md]\n# - a\n#   - b\n#     c")[0].source == "- a\n  - b\n    c"


def test_code_is_kept_as_it_is_with_its_comments_and_indentation():
    source = "# why\nfor i in a:\n    # %% no marker: it is indented\n    pass  # %%"
    assert parse(f"# %%\n{source}\n") == [Cell("code", source, 2)]


def test_line_ends_of_other_systems_and_a_byte_order_mark_do_not_matter():
    assert parse("\ufeff# %%\r\na\r\nb") == parse("# %%\ra\rb") == [Cell("code", "a\nb", 2)]


def test_a_form_feed_ends_no_line():
    assert parse("# %%\nx = '\x0c\u2028'\n# %%\ny")[1].line == 4


def test_comments_and_a_long_docstring_may_stand_before_the_first_cell():
    assert parse('#!/usr/bin/env python\n"""A\nB\n"""\n# note\n# %%\n1') == [Cell("code", "1", 7)]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", "script must have a line '# %%', got none"),
        ("x = 1\n", "script must have a line '# %%', got none"),
        (
            '"""Doc."""\nimport os\n# %%\n',
            "line 2 must stand in a cell, got 'import os' before the first '# %%'",
        ),
        ("1\n# %%\n", "line 1 must stand in a cell"),
        ("a b\n# %%\n", "line 1 must be Python, got invalid syntax"),
        ("# %%\n1\n# %% [raw]\nx", "line 3 must open a cell: '# %%' or '# %% [markdown]', got '# %% [raw]'"),
        ("# %%[markdown]\n# a", "line 1 must open a cell"),
        ("# %%%\n", "line 1 must open a cell"),
        ("# %% [markdown]\n# a\nx = 1", "line 3 must begin with '# ' in a Markdown cell, got 'x = 1'"),
        ("# %% [markdown]\n#a", "line 2 must begin with '# ' in a Markdown cell, got '#a'"),
    ],
)
def test_a_malformed_script_is_refused_with_its_line(script, message):
    with pytest.raises(ValueError) as error:
        parse(script)
    assert message in str(error.value)
