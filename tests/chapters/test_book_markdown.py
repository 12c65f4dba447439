"""Markdown as HTML: what is expected is written by hand; hostile text is well-formed markup or an error."""

import random
import time
import xml.etree.ElementTree as ET

import pytest

from chapters.book import markdown
from chapters.book.mathml import to_mathml


def page(target):
    return f"/book/{target}.html"


def html(text, resolve=page):
    result = markdown.to_html(text, resolve)
    ET.fromstring(f"<body>{result}</body>")
    return result


def flat(text):
    return html(text).replace("\n", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("**a** *b* `c`", "<strong>a</strong> <em>b</em> <code>c</code>"),
        ("***a***", "<strong><em>a</em></strong>"),
        ("**a *b* c**", "<strong>a <em>b</em> c</strong>"),
        ("*a **b** c*", "<em>a <strong>b</strong> c</em>"),
        ("*a **b***", "<em>a <strong>b</strong></em>"),
        ("**a *b***", "<strong>a <em>b</em></strong>"),
        ("a**b**c", "a<strong>b</strong>c"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("a* b*", "a* b*"),
        ("*a", "*a"),
        ("a*", "a*"),
        ("**a", "**a"),
        ("**a*", "**a*"),
        ("*a **b*", "<em>a **b</em>"),
        ("*a *b*", "*a <em>b</em>"),
        ("****a****", "****a****"),
        ("** a **", "** a **"),
        ("snake_case_name", "snake_case_name"),
        (r"\*a\* \\ \` \[x](y) \q", r"*a* \ ` [x](y) \q"),
        ("`a*b*` `<b>` `\\n`", "<code>a*b*</code> <code>&lt;b&gt;</code> <code>\\n</code>"),
        ("``a ` b`` ` `` `", "<code>a ` b</code> <code>``</code>"),
        ("`a", "`a"),
        ("`a ``b`", "<code>a ``b</code>"),
        ("`a\nb`", "<code>a b</code>"),
        ("`$x$` costs", "<code>$x$</code> costs"),
        ("a\nb", "a\nb"),
        ("a <b>c</b> & &amp;", "a &lt;b&gt;c&lt;/b&gt; &amp; &amp;amp;"),
        ("量化、量 quantization", '<span lang="zh">量化、量</span> quantization'),
    ],
)
def test_inline_markup(text, expected):
    assert html(text) == f"<p>{expected}</p>"
    assert markdown.inline_html(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](realtime/2.1.2)", '<a href="/book/realtime/2.1.2.html">a</a>'),
        ("[**a** `b`](c)", '<a href="/book/c.html"><strong>a</strong> <code>b</code></a>'),
        ("*[a](b)*", '<em><a href="/book/b.html">a</a></em>'),
        ("**a [b** c](d)", "<strong>a [b</strong> c](d)"),
        ("[a](https://x.org/a_(b)?c=1&d)", '<a href="https://x.org/a_(b)?c=1&amp;d">a</a>'),
        ("[a](#2.1.2) [b](mailto:a@b.c)", '<a href="#2.1.2">a</a> <a href="mailto:a@b.c">b</a>'),
        ('[a](http://"onclick=x)', '<a href="http://&quot;onclick=x">a</a>'),
        ("[a](b c) [a] (b) [a]()", "[a](b c) [a] (b) [a]()"),
        ("a](b)", "a](b)"),
        ("[a [b](c) d](e)", '[a <a href="/book/c.html">b</a> d](e)'),
        ("x[0] and y[1]", "x[0] and y[1]"),
    ],
)
def test_links(text, expected):
    assert html(text) == f"<p>{expected}</p>"


def test_a_link_within_the_book_is_kept_when_nothing_resolves_it():
    assert markdown.to_html("[a](realtime/2.1)") == '<p><a href="realtime/2.1">a</a></p>'


@pytest.mark.parametrize(
    "target", ["javascript:alert", "JavaScript:x", "data:text/html,x", "//x.org", "file:///etc"]
)
def test_a_link_with_another_scheme_is_refused(target):
    with pytest.raises(ValueError, match="link must lead into the book, or to http, https or mailto, got "):
        markdown.to_html(f"[a]({target})", page)


def test_a_link_to_nowhere_is_refused_by_whoever_resolves():
    def resolve(target):
        raise ValueError(f"link must name a page, got {target!r}")

    with pytest.raises(ValueError, match="got 'realtime/9'"):
        markdown.to_html("[a](realtime/9)", resolve)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("$x_i$.", [("x_i", False), "."]),
        ("a$x$b$y$", ["a", ("x", False), "b", ("y", False)]),
        (r"$\$ *a* \%$", None),
        ("is $$x$$ here", ["is ", ("x", True), " here"]),
        ("$*a*$ *$x$*", [("*a*", False), " <em>", ("x", False), "</em>"]),
    ],
)
def test_formulas_in_a_line(text, pieces):
    if pieces is None:
        pieces = [(text[1:-1], False)]
    expected = "".join(piece if isinstance(piece, str) else to_mathml(*piece) for piece in pieces)
    assert html(text) == f"<p>{expected}</p>"


@pytest.mark.parametrize(
    "text", ["$5 and $6", "5$ and 6$", r"\$x\$", "a $ b $ c", "$x", "US$5-$6", "$$", "$"]
)
def test_a_dollar_is_no_formula(text):
    assert markdown.inline_html(text) == text.replace("\\", "")


def test_an_unknown_formula_is_an_error():
    for text in ("$\\foo$", "$$\\foo$$", "| a |\n|---|\n| $\\foo$ |"):
        with pytest.raises(ValueError, match="tex must "):
            markdown.to_html(text)


def test_a_display_formula_may_have_many_lines_and_a_number():
    formula = to_mathml("x\n= y", display=True)
    assert html("$$\nx\n= y\n$$") == f'<div class="equation">{formula}</div>'
    number = '<span class="number">(2.1)</span>'
    assert html("$$x\n= y \\tag{2.1}$$") == f'<div class="equation" id="eq-2.1">{formula}{number}</div>'


def test_a_display_formula_ends_a_paragraph_and_the_text_after_it_begins_one():
    x, y = (f'<div class="equation">{to_mathml(tex, True)}</div>' for tex in "xy")
    assert flat("so\n$$x$$ and\nthen\n$$y$$") == f"<p>so</p>{x}<p>and\nthen</p>{y}".replace("\n", "")
    assert flat("$$x$$$$y$$") == x + y


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# 2.1 The map", '<h1 id="2.1">2.1 The map</h1>'),
        ("## 2.1.2 分类", '<h2 id="2.1.2">2.1.2 <span lang="zh">分类</span></h2>'),
        ("# 1 Background", '<h1 id="1">1 Background</h1>'),
        ("# 5.1–5.4 Project", '<h1 id="5.1">5.1–5.4 Project</h1>'),
        ("## 4.1, 4.2 Models", '<h2 id="4.1">4.1, 4.2 Models</h2>'),
        ("## 8 bits", '<h2 id="8-bits">8 bits</h2>'),
        (
            "### What *we* `measured`!",
            '<h3 id="what-we-measured">What <em>we</em> <code>measured</code>!</h3>',
        ),
        ("#### 量化", '<h4 id="量化"><span lang="zh">量化</span></h4>'),
        ("## ...", '<h2 id="section">...</h2>'),
        ("##### a", "<p>##### a</p>"),
        ("#a", "<p>#a</p>"),
        ('# "><script>', '<h1 id="script">&quot;&gt;&lt;script&gt;</h1>'),
    ],
)
def test_headings_have_anchors(text, expected):
    assert html(text) == expected


def test_equal_headings_have_different_anchors_also_across_texts():
    ids = set()
    assert 'id="a"' in markdown.to_html("# A", ids=ids)
    assert 'id="a-2"' in markdown.to_html("# a\n\n# a", ids=ids)
    assert ids == {"a", "a-2", "a-3"}
    assert markdown.headings("# a", ids) == [(1, "a-4", "a")]


def test_headings_are_listed_as_they_are_anchored():
    text = "# 2.1 *Map*\n\n```\n# no\n```\n\n> # quoted\n\n## End $x$ [l](m)\n## End $x$ l"
    assert markdown.headings(text) == [
        (1, "2.1", "2.1 Map"),
        (2, "end-x-l", "End x l"),
        (2, "end-x-l-2", "End x l"),
    ]
    assert 'id="end-x-l-2"' in html(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("* a\n+ b", "<ul><li>a</li></ul><ul><li>b</li></ul>"),
        ("1. a\n2. b\n3. c", "<ol><li>a</li><li>b</li><li>c</li></ol>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("- a\n  - b\n    - c\n- d", "<ul><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li><li>d</li></ul>"),
        ("1. a\n   - b\n2. c", "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>"),
        ("1. a\n  - b\n2. c", "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>"),
        ("- a\n\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"),
        ("- a\n\n  b\n- c", "<ul><li><p>a</p><p>b</p></li><li><p>c</p></li></ul>"),
        ("- a\n\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("- a\n  b\nc", "<ul><li>abc</li></ul>"),
        ("- a\n\nb", "<ul><li>a</li></ul><p>b</p>"),
        ("- a\n# b", '<ul><li>a</li></ul><h1 id="b">b</h1>'),
        ("- # a", '<ul><li><h1 id="a">a</h1></li></ul>'),
        ("- ```\n  x\n\n  y\n  ```", "<ul><li><pre><code>xy</code></pre></li></ul>"),
        ("a\n- b", "<p>a</p><ul><li>b</li></ul>"),
        ("in\n2020. b", "<p>in2020. b</p>"),
        ("-a\n-", "<p>-a-</p>"),
        ("- **a**\n- $x", "<ul><li><strong>a</strong></li><li>$x</li></ul>"),
        ("-\ta\n\t- b", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
    ],
)
def test_lists(text, expected):
    assert flat(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("> a\n> b\n\nc", "<blockquote><p>ab</p></blockquote><p>c</p>"),
        (
            "> a\n>\n> - b\n> > c",
            "<blockquote><p>a</p><ul><li>b</li></ul><blockquote><p>c</p></blockquote></blockquote>",
        ),
        ("a\n> b", "<p>a</p><blockquote><p>b</p></blockquote>"),
        ("a\n\n---\nb", "<p>a</p><hr/><p>b</p>"),
        ("a\n-----", "<p>a</p><hr/>"),
        ("--", "<p>--</p>"),
        ("", ""),
        ("\n \n", ""),
        ("a\r\n\r\nb\rc", "<p>a</p><p>bc</p>"),
    ],
)
def test_quotes_rules_and_paragraphs(text, expected):
    assert flat(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```\na *b*\n\n<c>\n```", "<pre><code>a *b*\n\n&lt;c&gt;</code></pre>"),
        ("```text\n$x$\n```", '<pre><code class="language-text">$x$</code></pre>'),
        (
            "```python\nif x\n```",
            '<pre><code class="language-python"><span class="k">if</span> x</code></pre>',
        ),
        ("````\n```\n````", "<pre><code>```</code></pre>"),
        ("```\n```", "<pre><code></code></pre>"),
        ('```a"b c\nx\n```', '<pre><code class="language-a&quot;b">x</code></pre>'),
        ("  ```\n  a\n    b\n c\n  ```", "<pre><code>a\n  b\nc</code></pre>"),
        ("a\n```\nb\n```\nc", "<p>a</p>\n<pre><code>b</code></pre>\n<p>c</p>"),
        ("```a`b```", "<p><code>a`b</code></p>"),
    ],
)
def test_fenced_code(text, expected):
    assert html(text) == expected


def test_a_table_has_a_head_and_aligned_columns():
    expected = (
        '<div class="wide"><table><thead><tr><th scope="col">a</th><th scope="col" class="left">b</th>'
        '<th scope="col" class="right"><em>c</em></th><th scope="col" class="center">d</th></tr></thead>'
        '<tbody><tr><td>1</td><td class="left"><code>x|y</code></td><td class="right">p|q</td>'
        '<td class="center"></td></tr></tbody></table></div><p>end</p>'
    )
    text = "| a | b | *c* | d |\n|---|:---|---:|:---:|\n| 1 | `x|y` | p\\|q | |\n\nend"
    assert flat(text) == expected
    assert flat("a | b | *c* | d\n--- | :-- | --: | :-:\n1 | `x|y` | p\\|q | |\nend") == expected


def test_a_bar_in_a_formula_divides_no_cell():
    assert f"<td>{to_mathml('|x|')}</td><td>b</td>" in html("| a | b |\n|---|---|\n| $|x|$ | b |")


def test_a_row_that_does_not_fit_is_refused():
    for row in ("| 1 |", "| 1 | 2 | 3 |"):
        with pytest.raises(ValueError, match="table row must have 2 cells, got "):
            markdown.to_html(f"| a | b |\n|---|---|\n{row}")


@pytest.mark.parametrize("text", ["a | b\nc | d", "| a | b |\n|---|", "a\n---|---x", "| a |"])
def test_bars_alone_make_no_table(text):
    assert "<table" not in html(text)


@pytest.mark.parametrize("text", ["```\na", "- ```\na", "> ```\n\na\n```", "````\n```"])
def test_code_without_an_end_is_refused(text):
    with pytest.raises(ValueError, match="code must end with a line '```+', got "):
        markdown.to_html(text)


@pytest.mark.parametrize("text", ["$$\nx", "a\n$$ x $"])
def test_a_display_formula_without_an_end_is_refused(text):
    with pytest.raises(ValueError, match=r"a formula must end with '\$\$', got "):
        markdown.to_html(text)


def test_plain_text_has_the_words_and_no_marks():
    text = "# 1 *A*\n\na **b**\nc [d](e)\n\n- f\n  - `g`\n\n> h\n\n```python\ni = 1\n```\n\n---\n\n"
    text += "| j | k |\n|--|--|\n| l | $m$ |"
    assert markdown.plain(text) == "1 A\na b c d\nf\ng\nh\ni = 1\nj k\nl m"


def test_relinking_changes_targets_and_nothing_else():
    text = "[a](b) `[a](b)` $[a](b)$ \\[a](b)\n\n```\n[a](b)\n```\n[c](https://d)\n- [e](f/1)\r\n"
    expected = text.replace("[a](b)", "[a](/book/b.html)", 1).replace("f/1", "/book/f/1.html")
    assert markdown.relink(text, page) == expected


def test_relinking_leaves_what_is_no_link():
    fenced = "- ```\n  [a](b)\n  ```\n> ````\n> [a](b)"
    for text in ("a](b)", "", "\n", "x[0](y z)", "```\na\n```", fenced):
        assert markdown.relink(text, page) == text


PIECES = list("*_`$[]()<>|-#>\\&\"' \n\n.:!{}^1aé量\t\r\0\x0b\ud800") + ["**", "$$", "```", "](", "](b)"]
PIECES += ["1. ", "- ", "  - ", "|---|", "\n\n", "# ", "> ", "\\tag{1}", "[a](b)", "\n```\n"]
PIECES += ["<script>", "</p>", "<img src=x onerror=y>"]
TAGS = set(
    "body h1 h2 h3 h4 p strong em code a ul ol li blockquote pre table thead tbody tr th td hr div span"
    " math mi mn mo mtext mrow msub msup msubsup mspace".split()
)
ATTRIBUTES = set(
    "id href class start scope lang alttext display form stretchy lspace rspace mathvariant width".split()
)


def test_random_text_is_well_formed_and_harmless_or_an_error():
    draw, written = random.Random(1), 0
    for _ in range(3000):
        text = "".join(draw.choices(PIECES, k=draw.randint(1, 30)))
        try:
            result = markdown.to_html(text)
        except ValueError as error:
            assert " must " in str(error)
            continue
        written += 1
        assert "<script" not in result and "<img" not in result
        for element in ET.fromstring(f"<body>{result}</body>").iter():
            assert element.tag in TAGS and set(element.attrib) <= ATTRIBUTES
        markdown.plain(text), markdown.headings(text), markdown.relink(text, str)
    assert written > 1000


@pytest.mark.parametrize(
    "piece",
    [
        "*",
        "*a ",
        "**a *b ",
        "`",
        "`a``",
        "$",
        "$x ",
        "$ x$",
        "$$x$$\n",
        "[",
        "[a](",
        "[a](b(",
        "](a(b)",
        "\\",
        "<b>",
        "> ",
    ]
    + [
        "- ",
        "- a\n",
        "1. a\n\n",
        "- a\n  - b\n",
        "# a b\n",
        "|",
        "|a",
        "a|b\n",
        "|-",
        "|-|\n",
        "a\n\n",
        "\n",
        " ",
        "(" * 9,
    ]
    + [
        "```\nx\n```\n",
        "``` \n",
        "量",
        "&",
        "-",
        ">" * 20 + "\n",
        "_a",
        "a\n|",
        "- \n",
        "  - a\n\n\n",
        "\\`",
        "[a](b) ",
    ],
)
def test_time_grows_with_the_length(piece):
    text = piece * (20_000 // len(piece))
    begin = time.perf_counter()
    for write in (markdown.to_html, markdown.plain, lambda text: markdown.relink(text, str)):
        try:
            write(text)
        except ValueError:
            pass
    assert time.perf_counter() - begin < 3  # linear: well under one second


@pytest.mark.parametrize("marker", ["> ", "- ", "1. ", "*a ", "[", "> - "])
def test_nesting_of_any_depth_is_written(marker):
    assert html(marker * 3000 + "x").count("x") == 1
    nested = "\n".join("  " * depth + "- a" for depth in range(300))
    assert html(nested).count("a") >= 300
