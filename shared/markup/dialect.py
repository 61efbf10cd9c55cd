"""The parser and renderer of our Markdown (see `prose.py`), loaded when the first text needs
them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import escape

from shared.markup.code import block
from shared.markup.links import LONGEST, REL, spans

_SAFE = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x20]", re.IGNORECASE)
# Tokens that get `dir="auto"`: a page in English may hold a message in Arabic.
_DIRECTED = ("paragraph_open", "bullet_list_open", "ordered_list_open", "blockquote_open")


def dialect(nested: int) -> MarkdownIt:
    """A parser; `nested`: how deep lists and quotations may stand in each other."""
    parser = MarkdownIt(
        "commonmark",
        {"html": False, "breaks": True, "maxNesting": nested},
        renderer_cls=_Renderer,
    )
    parser.enable(["table", "strikethrough"])
    # `&lt;` in a message is what somebody typed, and not a letter.
    parser.disable(["lheading", "html_block", "html_inline", "entity"])
    parser.validateLink = is_safe  # type: ignore[method-assign]
    parser.core.ruler.push("link-addresses", _link_addresses)
    parser.core.ruler.push("direct", _direct)
    return parser


def is_safe(url: str) -> bool:
    """Whether something may link there: http, https and mailto alone."""
    return len(url) <= LONGEST and _SAFE.match(url) is not None


class _Renderer(RendererHTML):
    """What is drawn otherwise than CommonMark's HTML; the method's name is the token's type."""

    def image(self, tokens: Sequence[Token], n: int, options: Any, env: Any) -> str:
        """Nobody's browser asks another host for anything: a picture is a link to it."""
        source, words = str(tokens[n].attrs.get("src", "")), tokens[n].content or "picture"
        title = escape(source[:200])
        return (
            f'<a href="{escape(source)}" title="{title}" rel="{REL}">{escape(words)}</a>'
            if is_safe(source)
            else str(escape(words))
        )

    def heading_open(self, tokens: Sequence[Token], n: int, options: Any, env: Any) -> str:
        """A page has headings of its own."""
        return '<p class="heading" dir="auto"><strong>'

    def heading_close(self, tokens: Sequence[Token], n: int, options: Any, env: Any) -> str:
        return "</strong></p>\n"

    def fence(self, tokens: Sequence[Token], n: int, options: Any, env: Any) -> str:
        """Inside a list or quotation; elsewhere `blocks.py` has taken it out before."""
        return block(tokens[n].content, "Code")

    def code_block(self, tokens: Sequence[Token], n: int, options: Any, env: Any) -> str:
        return block(tokens[n].content, "Code")

    def table_open(self, tokens: Sequence[Token], n: int, options: Any, env: Any) -> str:
        return '<div class="wide" tabindex="0" role="group" aria-label="Table"><table dir="auto">\n'

    def table_close(self, tokens: Sequence[Token], n: int, options: Any, env: Any) -> str:
        return "</table></div>\n"


def _direct(state: StateCore) -> None:
    """Each paragraph and list reads in the direction of its first letter; each link says who made
    it.
    """
    for token in state.tokens:
        if token.type in _DIRECTED:
            token.attrSet("dir", "auto")
        # markdown-it writes alignment as a style.
        if token.type in ("th_open", "td_open") and "style" in token.attrs:
            # Our pages allow no style in an element.
            token.attrSet("align", str(token.attrs.pop("style")).rpartition(":")[2])
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("rel", REL)
                # Where it leads, for those who look before they follow.
                child.attrSet("title", str(child.attrs["href"])[:200])


def _link_addresses(state: StateCore) -> None:
    """Addresses that stand in the text become links, as in GitHub's Markdown; http and https."""
    for token in state.tokens:
        if token.children and "://" in token.content:
            token.children = _with_links(token.children)


def _with_links(tokens: list[Token]) -> list[Token]:
    made: list[Token] = []
    inside = 0
    for token in tokens:
        # No link inside a link: an address that was written as one stays.
        inside += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type != "text" or inside:
            made.append(token)
            continue
        at = 0
        for start, end in spans(token.content):
            url = token.content[start:end]
            opening = Token("link_open", "a", 1, attrs={"href": url})
            closing = Token("link_close", "a", -1)
            made += [_words(token.content[at:start]), opening, _words(url), closing]
            at = end
        made.append(_words(token.content[at:]))
    return made


def _words(content: str) -> Token:
    return Token("text", "", 0, content=content)
