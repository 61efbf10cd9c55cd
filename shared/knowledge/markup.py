"""Markdown to HTML that a page may show: CommonMark and tables, no raw HTML, and only harmless
elements left in the end.
"""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")

# No h1: the page has its own. No img: nothing is fetched from elsewhere.
_ELEMENTS = {
    "a",
    "blockquote",
    "br",
    "code",
    "em",
    "h2",
    "h3",
    "h4",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}


def to_html(text: str) -> str:
    """The text as HTML. Whoever writes articles is trusted with words, not with scripts: what could
    run is taken out.
    """
    # Cleaned although the parser makes no raw HTML: one mistake in either is not enough.
    return nh3.clean(
        _MARKDOWN.render(text),
        tags=_ELEMENTS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer",
    )


def links_of(text: str) -> list[str]:
    """The targets of a text's links, in their order."""
    found: list[str] = []
    for block in _MARKDOWN.parse(text):
        found += [
            str(part.attrs["href"]) for part in block.children or () if part.type == "link_open"
        ]
    return found
