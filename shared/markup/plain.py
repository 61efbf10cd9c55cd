"""Prose that is no Markdown (it came by mail, or is too long to read as such): paragraphs, links.
Pure.
"""

from __future__ import annotations

import re

from shared.markup.links import link_addresses

_BETWEEN = re.compile(r"\n[ \t]*\n\s*")


def plain_html(text: str) -> str:
    """Paragraphs in which spaces and line breaks count (`white-space: pre-wrap`), each in its own
    direction.
    """
    return "".join(
        f'<p class="as-typed" dir="auto">{link_addresses(paragraph)}</p>\n'
        for paragraph in _BETWEEN.split(text.strip("\n"))
        if paragraph.strip()
    )
