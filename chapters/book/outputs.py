"""What cells show, as HTML. Nothing of it is trusted: every text is escaped."""

from chapters.book import markdown
from chapters.book.escape import escape
from chapters.book.links import anchor

ICONS = {
    "holds": "✓",
    "refuted": "✗",
    "qualified": "◐",
    "undecided": "?",
    "not testable here": "–",
}
COUNTED = {
    "holds": ("holds", "hold"),
    "refuted": ("refuted", "refuted"),
    "qualified": ("qualified", "qualified"),
    "undecided": ("undecided", "undecided"),
    "not testable here": ("not testable here", "not testable here"),
}


def output_html(output, links, ids):
    """One output of a cell; ValueError if it cannot be rendered. `ids`: the anchors of the page so far."""
    if output["type"] == "prose":
        return f'<div class="said">{markdown.to_html(output["markdown"], links.resolve, ids)}</div>'
    if output["type"] in ("claim", "erratum"):
        return RENDERERS[output["type"]](output, links, _anchor(output, ids))
    return RENDERERS[output["type"]](output, links)


def _anchor(output, ids):
    """The attribute that the ledger refers to; what is shown again on the same page has none."""
    name = anchor(output["type"], output["id"])
    if name in ids:
        return ""
    ids.add(name)
    return f' id="{name}"'


def text(output, links):
    return f'<pre class="printed" tabindex="0">{escape(output["text"].rstrip())}</pre>'


def table(output, links):
    def row(cells, tag, scope=""):
        return "".join(
            f'<{tag}{scope} class="{side}">{escape(cell)}</{tag}>'
            for side, cell in zip(sides, cells, strict=True)
        )

    sides = output.get("align") or ["left", *["right"] * (len(output["header"]) - 1)]
    body = "\n".join(f"<tr>{row(cells, 'td')}</tr>" for cells in output["rows"])
    caption = output.get("caption")
    below = f"<figcaption>{inline(caption, links)}</figcaption>" if caption else ""
    return f"""<figure class="table"><div class="wide" tabindex="0" role="region" aria-label="Table"><table>
<thead><tr>{row(output["header"], "th", ' scope="col"')}</tr></thead>
<tbody>
{body}
</tbody></table></div>{below}</figure>"""


def picture(output, links):
    return (
        f'<figure class="picture"><a href="{escape(output["file"])}" title="Enlarge">'
        f'<img src="{escape(output["file"])}" alt="{escape(output["alt"])}"'
        f' width="{int(output["width"])}" height="{int(output["height"])}" loading="lazy"></a></figure>'
    )


def claim(output, links, name):
    id, word = output["id"], output["verdict"]
    if id not in links.contents.CLAIMS:
        raise ValueError(f"claim must be in the table of claims, got {id!r}")
    detail = f'<p class="detail">{escape(output["detail"])}</p>' if output.get("detail") else ""
    return f"""<aside class="claim {kind(word)}"{name} aria-label="Claim: {escape(word)}">
<p class="head">{verdict(word)} <a class="id" href="{links.resolve(id)}">{escape(id)}</a></p>
<p class="says">{inline(output["text"], links)}</p>
{detail}
<p class="evidence">{inline(output["evidence"], links)}</p>
</aside>"""


def verdict(word):
    """The word, its colour and its icon: never the colour alone."""
    return f'<span class="verdict {kind(word)}"><span aria-hidden="true">{ICONS[word]}</span> {word}</span>'


def kind(word):
    return word.replace(" ", "-")


def erratum(output, links, name):
    id = output["id"]
    if id not in links.contents.ERRATA:
        raise ValueError(f"erratum must be in the table of errata, got {id!r}")
    return f"""<aside class="erratum"{name} aria-label="Erratum">
<p class="head"><span class="verdict erratum"><span aria-hidden="true">✎</span> erratum</span>
<a class="id" href="{links.resolve(id)}">{escape(id)}</a></p>
{erratum_parts(output, links)}
</aside>"""


def erratum_parts(output, links):
    terms = {"The original says": "original", "Running it shows": "shown", "It is": "correction"}
    parts = "\n".join(
        f"<dt>{term}</dt><dd>{inline(output[name], links)}</dd>" for term, name in terms.items()
    )
    return f"<dl>{parts}</dl>"


def error(output, links):
    return f'<pre class="traceback" tabindex="0">{escape(output["traceback"].rstrip())}</pre>'


def inline(text, links):
    return markdown.inline_html(text, links.resolve)


RENDERERS = {
    "text": text,
    "table": table,
    "picture": picture,
    "claim": claim,
    "erratum": erratum,
    "error": error,
}
