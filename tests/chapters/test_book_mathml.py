"""MathML written by hand from TeX's own rules of spacing and scripts."""

import itertools
import random
import re
import time
import xml.etree.ElementTree as ET

import pytest

from chapters.book.mathml import split_tag, to_mathml
from chapters.book.tex import COMMANDS, ENVIRONMENTS


def inside(tex, display=False):
    """The markup between ``<math …>`` and ``</math>``, which an XML parser has accepted."""
    markup = to_mathml(tex, display)
    ET.fromstring(markup)
    return re.fullmatch(r"<math[^>]*>(.*)</math>", markup)[1]


def row(tex, display=False):
    """The same without the row around it."""
    return inside(tex, display).removeprefix("<mrow>").removesuffix("</mrow>")


X, Y, SUB = "<mi>x</mi>", "<mi>y</mi>", "<mi>i</mi>"
THIN = '<mspace width="0.1667em"/>'
APPLY = "<mo>&#x2061;</mo>"


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("x", X),
        ("12.5", "<mn>12.5</mn>"),
        ("1{,}048{,}576", "<mn>1,048,576</mn>"),
        (r"\alpha", "<mi>α</mi>"),
        (r"\Delta", '<mi mathvariant="normal">Δ</mi>'),
        ("x^2", f"<msup>{X}<mn>2</mn></msup>"),
        ("x_i", f"<msub>{X}{SUB}</msub>"),
        ("x_i^2", f"<msubsup>{X}{SUB}<mn>2</mn></msubsup>"),
        ("x^2_i", f"<msubsup>{X}{SUB}<mn>2</mn></msubsup>"),
        ("x'", f"<msup>{X}<mo>′</mo></msup>"),
        ("x''_i", f"<msubsup>{X}{SUB}<mrow><mo>′</mo><mo>′</mo></mrow></msubsup>"),
        ("x'^2", f"<msup>{X}<mrow><mo>′</mo><mn>2</mn></mrow></msup>"),
        ("{}^x", f"<msup><mrow></mrow>{X}</msup>"),
        (r"\frac{x}{y}", f"<mfrac>{X}{Y}</mfrac>"),
        (r"\frac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"\tfrac xy", f'<mstyle displaystyle="false"><mfrac>{X}{Y}</mfrac></mstyle>'),
        (r"\dfrac xy", f'<mstyle displaystyle="true"><mfrac>{X}{Y}</mfrac></mstyle>'),
        (r"\sqrt{x}", f"<msqrt>{X}</msqrt>"),
        (r"\sqrt[3]{x}", f"<mroot>{X}<mn>3</mn></mroot>"),
        (r"\hat{x}", f'<mover accent="true">{X}<mo stretchy="false">^</mo></mover>'),
        (r"\bar x", f'<mover accent="true">{X}<mo stretchy="false">¯</mo></mover>'),
        (r"\tilde x", f'<mover accent="true">{X}<mo stretchy="false">~</mo></mover>'),
        (r"\widehat x", f'<mover accent="true">{X}<mo stretchy="true">\u0302</mo></mover>'),
        (r"\overline x", f'<mrow style="border-top:0.05em solid;padding-top:0.12em">{X}</mrow>'),
        (r"\underbrace{x}_{y}", f'<munder><munder>{X}<mo stretchy="true">⏟</mo></munder>{Y}</munder>'),
        (r"\overbrace{x}^{y}", f'<mover><mover>{X}<mo stretchy="true">⏞</mo></mover>{Y}</mover>'),
        (r"\overset{y}{x}", f"<mover>{X}{Y}</mover>"),
        (r"\underset{y}{x}", f"<munder>{X}{Y}</munder>"),
        (r"\mathrm{d}", '<mi mathvariant="normal">d</mi>'),
        (r"\mathrm{clip}", "<mi>clip</mi>"),
        (r"\text{if } ", "<mtext>if\u00a0</mtext>"),
        (r"\text{a \_ 5\,\% < b}", "<mtext>a\u00a0_\u00a05\u2009%\u00a0&lt;\u00a0b</mtext>"),
        (r"\texttt{qmin}", '<mtext style="font-family:monospace">qmin</mtext>'),
        (r"\mathbf{aZ0}", "<mi>𝐚𝐙𝟎</mi>"),
        (r"\mathbb{R}", "<mi>ℝ</mi>"),
        (r"\mathbb{1}", "<mi>𝟙</mi>"),
        (r"\mathcal{L}", "<mi>ℒ</mi>"),
        (r"\mathcal{Q}", "<mi>𝒬</mi>"),
        (r"\operatorname{sign}", "<mi>sign</mi>"),
        (r"\operatorname{arg\,min}", "<mi>arg\u2009min</mi>"),
        (r"\infty", '<mi mathvariant="normal">∞</mi>'),
        (r"\&", '<mi mathvariant="normal">&amp;</mi>'),
    ],
)
def test_one_construct_is_one_element(tex, expected):
    assert inside(tex) == expected


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("x+y", f"{X}<mo>+</mo>{Y}"),
        ("-x", f'<mo form="prefix">−</mo>{X}'),
        ("(-x", f'<mo form="prefix" stretchy="false">(</mo><mo form="prefix">−</mo>{X}'),
        ("x=-y", f'{X}<mo>=</mo><mo form="prefix">−</mo>{Y}'),
        (r"x\cdot-y", f'{X}<mo>⋅</mo><mo form="prefix">−</mo>{Y}'),
        (r"x\,-\,y", f"{X}{THIN}<mo>−</mo>{THIN}{Y}"),
        (r"\in-x", f'<mo>∈</mo><mo form="prefix">−</mo>{X}'),
        (r"x \bmod y", f'{X}<mo lspace="0.2222em" rspace="0.2222em">mod</mo>{Y}'),
        ("x_+", f'<msub>{X}<mo form="prefix">+</mo></msub>'),
        ("x_{+}", f'<msub>{X}<mo form="prefix">+</mo></msub>'),
        ("x^*", f'<msup>{X}<mo lspace="0" rspace="0">∗</mo></msup>'),
        (r"x\overset{y}{+}y", f"{X}<mover><mo>+</mo>{Y}</mover>{Y}".replace("<mo>", '<mo form="prefix">')),
        ("x+,", f'{X}<mo form="prefix">+</mo><mo lspace="0" rspace="0.1667em">,</mo>'),
        (r"\neg x", f'<mo form="prefix">¬</mo>{X}'),
        ("x/y", f'{X}<mo lspace="0" rspace="0">/</mo>{Y}'),
        ("x,y", f'{X}<mo lspace="0" rspace="0.1667em">,</mo>{Y}'),
        ("x<y>x", f"{X}<mo>&lt;</mo>{Y}<mo>&gt;</mo>{X}"),
        (r"x~y\!", f'{X}<mspace width="0.25em"/>{Y}<mspace width="-0.1667em"/>'),
    ],
)
def test_a_sign_between_two_things_is_spaced_and_a_lone_one_is_not(tex, expected):
    assert row(tex) == expected


def bar(form, sign="|"):
    return f'<mo form="{form}" stretchy="false">{sign}</mo>'


def test_bars_open_and_close_in_turn():
    one, two = bar("prefix"), bar("postfix")
    assert row("|x|+|-y|") == f'{one}{X}{two}<mo>+</mo>{one}<mo form="prefix">−</mo>{Y}{two}'
    assert row(r"\|x\||y|") == f"{bar('prefix', '‖')}{X}{bar('postfix', '‖')}{one}{Y}{two}"
    assert row("|x|_i|y|^2") == f"{one}{X}<msub>{two}{SUB}</msub>{one}{Y}<msup>{two}<mn>2</mn></msup>"
    assert row(r"\lvert x\rvert") == f"{one}{X}{two}"


def test_the_name_of_a_function_stands_apart_from_its_argument_unless_that_is_in_parentheses():
    log = "<mi>log</mi>"
    opening, closing = (
        f'<mo form="{form}" stretchy="false">{sign}</mo>'
        for form, sign in (("prefix", "("), ("postfix", ")"))
    )
    assert row(r"\log x") == f"{log}{APPLY}{THIN}{X}"
    assert row(r"\log(x)") == f"{log}{APPLY}{opening}{X}{closing}"
    assert row(r"2\log_2 x") == f"<mn>2</mn>{THIN}<msub>{log}<mn>2</mn></msub>{APPLY}{THIN}{X}"
    assert row(r"-\log x") == f'<mo form="prefix">−</mo>{THIN}{log}{APPLY}{THIN}{X}'
    assert row(r"\max|x|") == f"<mi>max</mi>{APPLY}{THIN}{bar('prefix')}{X}{bar('postfix')}"
    assert row(r"\log = x") == f"{log}<mo>=</mo>{X}"


@pytest.mark.parametrize(
    ("tex", "base"),
    [(r"\sum", "<mo>∑</mo>"), (r"\prod", "<mo>∏</mo>"), (r"\max", "<mi>max</mi>"), (r"\lim", "<mi>lim</mi>")]
    + [(r"\argmin", "<mi>arg\u2009min</mi>"), (r"\operatorname*{mean}", "<mi>mean</mi>")],
)
def test_limits_stand_above_and_below_in_display_and_beside_in_text(tex, base):
    assert inside(tex + "_i", display=True) == f"<munder>{base}{SUB}</munder>"
    assert inside(tex + "^x", display=True) == f"<mover>{base}{X}</mover>"
    assert inside(tex + "_i^x", display=True) == f"<munderover>{base}{SUB}{X}</munderover>"
    assert inside(tex + "_i") == f"<msub>{base}{SUB}</msub>"
    assert inside(tex + "_i^x") == f"<msubsup>{base}{SUB}{X}</msubsup>"


def test_limits_stand_beside_in_fractions_and_scripts_of_a_display_and_below_after_them():
    beside = f"<msub><mi>max</mi>{SUB}</msub>"
    below = f"<munder><mi>max</mi>{SUB}</munder>"
    assert inside(r"\frac{\max_i}{x}", display=True) == f"<mfrac>{beside}{X}</mfrac>"
    assert row(r"x^{\max_i}\max_i", display=True) == f"<msup>{X}{beside}</msup>{THIN}{below}"
    assert row(r"\sqrt{\max_i}", display=True) == f"<msqrt>{below}</msqrt>"


def test_an_integral_and_a_log_never_take_limits():
    assert inside(r"\int_0^1", display=True) == "<msubsup><mo>∫</mo><mn>0</mn><mn>1</mn></msubsup>"
    assert inside(r"\log_2", display=True) == "<msub><mi>log</mi><mn>2</mn></msub>"


def fence(form, sign):
    return f'<mo form="{form}" fence="true" stretchy="true">{sign}</mo>'


@pytest.mark.parametrize(
    ("left", "right", "opening", "closing"),
    [
        ("(", ")", "(", ")"),
        ("(", "]", "(", "]"),
        ("|", "|", "|", "|"),
        (r"\{", r"\}", "{", "}"),
        (r"\lfloor", r"\rceil", "⌊", "⌉"),
        (r"\lVert", r"\rVert", "‖", "‖"),
        (r"\|", r"\|", "‖", "‖"),
    ],
)
def test_left_and_right_grow_with_what_they_enclose(left, right, opening, closing):
    expected = f"<mrow>{fence('prefix', opening)}{X}{fence('postfix', closing)}</mrow>"
    assert inside(rf"\left{left} x \right{right}") == expected


def test_an_empty_delimiter_draws_nothing_and_a_middle_one_divides():
    assert inside(r"\left. x \right|") == f"<mrow>{X}{fence('postfix', '|')}</mrow>"
    expected = f"<mrow>{fence('prefix', '(')}{X}{fence('infix', '|')}{Y}{fence('postfix', ')')}</mrow>"
    assert inside(r"\left( x \middle| y \right)") == expected
    big = '<mo stretchy="true" symmetric="true" minsize="1.2em" maxsize="1.2em">(</mo>'
    assert row(r"\bigl( -x") == f'{big}<mo form="prefix">−</mo>{X}'
    assert row(r"\bigr) -x") == f"{big.replace('(', ')')}<mo>−</mo>{X}"
    assert row(r"x -\bigm( x") == f'{X}<mo form="prefix">−</mo>{big}{X}'


def cell(side, content):
    return f'<mtd style="text-align:{side}">{content}</mtd>'


def test_aligned_equations_meet_at_the_ampersand():
    right, left = "right;padding-right:0", "left;padding-left:0"
    first = cell(right, X) + cell(left, f"<mo>=</mo><munder><mi>max</mi>{SUB}</munder>")
    second = cell(right, "") + cell(left, f'<mo form="infix">+</mo>{Y}')
    table = (
        f'<mtable columnalign="right left" displaystyle="true"><mtr>{first}</mtr><mtr>{second}</mtr></mtable>'
    )
    for display in (True, False):
        assert (
            inside(r"\begin{aligned} x &= \max_i \\ &+ y \\ \end{aligned}", display)
            == f"<mrow>{table}</mrow>"
        )


def test_cases_open_a_brace_that_nothing_closes():
    rows = f"<mtr>{cell('left', X)}{cell('left', '<mtext>if</mtext>')}</mtr><mtr>{cell('left', Y)}</mtr>"
    table = f'<mtable columnalign="left left">{rows}</mtable>'
    expected = f"<mrow>{fence('prefix', '{')}{table}</mrow>"
    assert inside(r"\begin{cases} x & \text{if} \\ y \end{cases}") == expected


@pytest.mark.parametrize(("name", "opening", "closing"), [("pmatrix", "(", ")"), ("bmatrix", "[", "]")])
def test_a_matrix_stands_between_its_brackets(name, opening, closing):
    one = '<mo form="prefix">−</mo><mn>1</mn>'
    rows = f"<mtr>{cell('center', X)}{cell('center', one)}</mtr>"
    table = f'<mtable columnalign="center center">{rows}</mtable>'
    expected = f"<mrow>{fence('prefix', opening)}{table}{fence('postfix', closing)}</mrow>"
    assert inside(rf"\begin{{{name}}} x & -1 \end{{{name}}}") == expected
    assert inside(r"\begin{matrix} x & -1 \end{matrix}") == f"<mrow>{table}</mrow>"


def test_limits_return_to_their_place_after_a_matrix():
    assert row(r"\begin{matrix} x \end{matrix} \sum_i", True).endswith(f"<munder><mo>∑</mo>{SUB}</munder>")


def test_the_formula_is_its_own_alternative_text():
    element = ET.fromstring(to_mathml('\\text{"<>"} <\n x', display=True))
    assert element.attrib == {"display": "block", "alttext": '\\text{"<>"} < x'}
    assert "display" not in ET.fromstring(to_mathml("x")).attrib


def test_a_tag_is_split_off_or_drawn_behind():
    assert split_tag(r"x = y \tag{2.1}") == ("x = y", "2.1")
    assert split_tag("x") == ("x", None)
    assert inside(r"x\tag{3}") == f'<mrow>{X}<mspace width="2em"/><mtext>(3)</mtext></mrow>'
    with pytest.raises(ValueError, match=r"tex must have one \\tag, got 2"):
        split_tag(r"\tag{1}\tag{2}")


@pytest.mark.parametrize(
    ("tex", "got"),
    [
        (r"\foo", r"\foo"),
        (r"x \limits", r"\limits"),
        ("x ≤ y", "≤"),
        ("量", "量"),
        ("x² ", "²"),
        ("٣", "٣"),
        ('"', '"'),
        ("x % y", "%"),
        ("#", "#"),
        ("{x", "its end"),
        ("x}", "}"),
        ("x & y", "&"),
        (r"x \\ y", r"\\"),
        (r"x \right)", r"\right"),
        (r"x \middle|", r"\middle"),
        (r"\end{cases}", r"\end"),
        ("x^", "its end"),
        ("^2", "^"),
        ("x^^2", "^"),
        ("x^2^3", "^"),
        ("x^2'", "'"),
        ("x_1_2", "_"),
        (r"\frac{x}", "its end"),
        (r"\sqrt[3{x}", "its end"),
        (r"\left( x", "its end"),
        (r"\left( x }", "}"),
        (r"\left x", "x"),
        (r"\left( x \right", "its end"),
        (r"\big x", "x"),
        (r"\begin{align} x \end{align}", "align"),
        (r"\begin{cases} x", "its end"),
        (r"\begin{cases} x \end{matrix}", "matrix"),
        (r"\begin{cases} \end{cases}", "none"),
        (r"\begin x", "x"),
        (r"\text x", "x"),
        (r"\text{x", "its end"),
        (r"\text{$x$}", "$"),
        (r"\text{a_b}", "_"),
        (r"\text{\alpha}", r"\alpha"),
        (r"\mathrm{x_i}", "_"),
        (r"\mathbf{\mu}", r"\mu"),
        (r"\mathbb{α}", "α"),
        (r"\mathcal{}", ""),
        (r"\tag{a b} x", r"\tag"),
        ("", "nothing"),
        (r"\tag{1}", "nothing"),
        ("{" * 41 + "x" + "}" * 41, "more"),
        (r"\hat" * 50 + "x", "more"),
        ("\\", "\\"),
    ],
)
def test_what_is_unknown_or_left_open_is_an_error_that_names_it(tex, got):
    with pytest.raises(ValueError, match=r"^tex must .*, got ") as error:
        to_mathml(tex)
    assert str(error.value).rpartition(", got ")[2] in (got, repr(got))


def test_forty_levels_are_deep_enough():
    assert "<mi>x</mi>" in to_mathml("{" * 39 + "x" + "}" * 39)


NEEDED = r"""
\frac \tfrac \sqrt \sum \prod \int \min \max \argmin \log \exp \operatorname \mathrm \text
\mathbf \mathbb \mathcal \alpha \beta \gamma \delta \epsilon \lambda \mu \sigma \theta
\Delta \Sigma \hat \bar \tilde \overline \underbrace \left \lfloor \lceil \lVert \{ \cdot
\times \le \ge \ne \approx \in \notin \subset \to \mapsto \infty \pm \mp \dots \cdots
\ldots \partial \nabla \oplus \odot \wedge \vee \neg \gg \ll \forall \exists \quad \, \;
\! \% \_ \lim
"""
ARGUMENTS = {r"\frac": " xy", r"\tfrac": " xy", r"\left": r"(x\right)", r"\operatorname": "{f}"}
RAW = (r"\mathrm", r"\text", r"\mathbf", r"\mathbb", r"\mathcal")


@pytest.mark.parametrize("command", NEEDED.split())
def test_every_command_a_chapter_may_use_is_known(command):
    argument = "{R}" if command in RAW else ARGUMENTS.get(command, " x")
    for display in (True, False):
        assert inside(f"x {command}{argument}", display).count("<") > 2


PIECES = sorted(COMMANDS) + [rf"\begin{{{name}}}" for name in ENVIRONMENTS]
PIECES += list("xy123+-=(){}[]|_^'&<>$%#\"\\ ~.,:/*!é量\0") + [
    "{x}",
    "</math>",
    "<script>",
    r"\text{<script>}",
]
PIECES += [r"\right", r"\middle", r"\\", r"\end{cases}", r"\begin{cases}", r"\left(", r"\right)", r"\tag{1}"]


def test_random_tex_is_well_formed_markup_or_an_error():
    draw, drawn = random.Random(0), 0
    for _ in range(3000):
        tex = "".join(draw.choices(PIECES, k=draw.randint(1, 7)))
        try:
            markup = to_mathml(tex, draw.random() < 0.5)
        except ValueError as error:
            assert str(error).startswith("tex must ")
            continue
        drawn += 1
        assert "<script" not in markup
        tags = {element.tag for element in ET.fromstring(markup).iter()}
        assert tags <= KNOWN_TAGS
    assert drawn > 150


KNOWN_TAGS = set(
    "math mi mn mo mtext mspace mrow mfrac msqrt mroot mstyle msub msup msubsup munder mover munderover"
    " mtable mtr mtd".split()
)
CHILDREN = {
    "mfrac": 2,
    "mroot": 2,
    "msub": 2,
    "msup": 2,
    "munder": 2,
    "mover": 2,
    "msubsup": 3,
    "munderover": 3,
}
PARTS = ["x", "-", "+", "|", r"\max", r"\log", r"\sum", r"\,", "{}", "{-x}", r"\left(x\right)", "="]


@pytest.mark.parametrize(
    "template", ["_{%s}", r"\frac{%s}{2}", r"\hat{%s}", "x^{%s}_%s", r"\overset{%s}{x}", "%s"]
)
def test_every_element_has_as_many_children_as_it_must(template):
    for pair in itertools.product(PARTS, repeat=2):
        inner = " ".join(pair)
        tex = "x" + template.replace("%s", inner if "{%s}" in template or template == "%s" else "x", 1)
        for element in ET.fromstring(to_mathml(tex.replace("%s", "x"), True)).iter():
            assert element.tag not in CHILDREN or len(element) == CHILDREN[element.tag]


@pytest.mark.parametrize(
    "piece", ["x", "x^12", "{", r"\left(", "|", "12", "x_", r"\text{a}", r"\begin{cases}", "'", r"\&&"]
)
def test_time_grows_with_the_length(piece):
    begin = time.perf_counter()
    try:
        to_mathml(piece * 20_000)
    except ValueError:
        pass
    assert time.perf_counter() - begin < 3  # linear: well under one second
