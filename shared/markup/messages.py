"""A message as HTML for a page, a mail or a webhook. Pure; the same text always gives the same
HTML.
"""

from __future__ import annotations

import re
from enum import StrEnum

from shared.markup.blocks import parts_of
from shared.markup.code import code_html
from shared.markup.plain import plain_html
from shared.markup.prose import is_cheap, markdown_html
from shared.text.ansi import readable

_STYLES = {
    "p": "margin:0 0 12px",
    "pre": (
        "margin:0 0 12px;padding:10px 12px;background:#eceff3;border-radius:6px;overflow-x:auto;"
        "white-space:pre;font:13px/1.45 ui-monospace,Menlo,Consolas,monospace"
    ),
    "blockquote": "margin:0 0 12px;padding:0 0 0 12px;border-left:3px solid #c3cad3;color:#4a5563",
    "table": "border-collapse:collapse;margin:0 0 12px",
    "th": "border:1px solid #c3cad3;padding:4px 8px;text-align:start",
    "td": "border:1px solid #c3cad3;padding:4px 8px",
}
"""Mail programs take no style sheet: each element carries its own."""
_AS_TYPED = ";white-space:pre-wrap"
# Only tags that `_STYLES` has; the class is that of plain paragraphs.
_TAG = re.compile(r'<(p|pre|blockquote|table|th|td)( class="as-typed")?(?=[ >])')


class RenderTarget(StrEnum):
    """Where the HTML is shown. On a page long code folds; a mail carries its styles with it."""

    PAGE = "page"
    MAIL = "mail"
    DATA = "data"


def message_html(
    text: str, *, is_plain: bool = False, shape: RenderTarget = RenderTarget.PAGE
) -> str:
    """The text as safe HTML: links to http, https and mailto alone, no script, nothing fetched.

    `is_plain`: it came by mail, so `*` and `_` mean themselves. Code in fences and pasted logs keep
    their lines in either case. Colour codes of terminals are left out.
    """
    parts = list(parts_of(readable(text.replace("\r\n", "\n"))))
    # Judged over all prose together: one part must not read as Markdown and the next as typed.
    reads = not is_plain and is_cheap("".join(part.text for part in parts if part.kind == "prose"))
    made: list[str] = []
    for part in parts:
        if part.kind == "prose":
            made.append((markdown_html if reads else plain_html)(part.text))
        else:
            made.append(code_html(part.text, part.kind, folds=shape is RenderTarget.PAGE))
    html = "".join(made)
    return _add_styles(html) if shape is RenderTarget.MAIL else html


def _add_styles(html: str) -> str:
    """With styles on each element. What people wrote is escaped, so a tag can only be ours."""
    return _TAG.sub(
        lambda tag: f'<{tag[1]} style="{_STYLES[tag[1]]}{_AS_TYPED if tag[2] else ""}"', html
    )
