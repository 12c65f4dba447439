"""Text as it may stand in HTML and in XML alike."""

import html
import re

FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
CHINESE = re.compile("[\u3400-\u9fff][\u3000-\u303f\u3400-\u9fff\uff00-\uffef]*")


def escape(text):
    """`text` for the inside of an element or of a quoted attribute; characters XML forbids become U+FFFD.

    Examples
    --------
    >>> escape('a < "b" & c')
    'a &lt; &quot;b&quot; &amp; c'
    """
    return html.escape(FORBIDDEN.sub("\ufffd", text))


def prose(text):
    """Escaped `text` whose Chinese words name their language, for screen readers and fonts.

    Examples
    --------
    >>> prose("量化 quantization")
    '<span lang="zh">量化</span> quantization'
    """
    return CHINESE.sub(r'<span lang="zh">\g<0></span>', escape(text))
