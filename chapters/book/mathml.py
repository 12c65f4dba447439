"""TeX formulas as MathML, which browsers draw and screen readers read without a script."""

import re

from chapters.book.escape import escape
from chapters.book.tex import Parser

TAG = re.compile(r"\\tag\{([\w.*′-]+)\}")


def to_mathml(tex, display=False):
    r"""``<math>`` of a formula; `display` for one on a line of its own, with limits above and below.

    Raises
    ------
    ValueError
        ``tex must …, got …`` for an unknown command, a character with no meaning in TeX's mathematics, and
        anything left open.

    Examples
    --------
    >>> to_mathml(r"\frac{x}{s}")
    '<math alttext="\\frac{x}{s}"><mfrac><mi>x</mi><mi>s</mi></mfrac></math>'
    """
    formula, tag = split_tag(tex)
    row = Parser(formula, display).formula()
    if tag is not None:
        row = f'<mrow>{row}<mspace width="2em"/><mtext>({escape(tag)})</mtext></mrow>'
    block = ' display="block"' if display else ""
    return f'<math{block} alttext="{escape(" ".join(tex.split()))}">{row}</math>'


def split_tag(tex):
    r"""The formula without its ``\tag{n}``, and n or None.

    Examples
    --------
    >>> split_tag(r"q = z \tag{3}")
    ('q = z', '3')
    """
    tags = TAG.findall(tex)
    if len(tags) > 1:
        raise ValueError(rf"tex must have one \tag, got {len(tags)}")
    return TAG.sub("", tex).strip(), tags[0] if tags else None
