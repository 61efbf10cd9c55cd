"""Markdown to HTML: CommonMark with tables and strikethrough. No raw HTML, no picture from
elsewhere. Pure.

Some things differ from CommonMark, since people type messages and not documents: a line break is a
line break, and a heading is a bold line (a page has headings of its own). A line of dashes makes no
heading of the line above it, and `&lt;` stays what it is.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import TYPE_CHECKING

from shared.markup.plain import plain_html

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

MOST_READ = 10_000
"""Characters of one text that are read as Markdown; a longer text is shown as it was typed."""
MOST_MARKS = 600
"""Marks with a meaning that one text may have: beyond that somebody tries us, or pasted data."""
_NESTED = 12

_MARKS = re.compile(
    r"[*_`~<>\[\]\\|!&]|^[ \t]*(?:#|[+-][ \t]|\d{1,9}[.)])|(?:[+-]|\d[.)])[ \t]", re.M
)
_MEANS = re.compile(
    r"""[*`] | ~~ | \]\( | \]: | \\[!-/:-@\[-`{-~\n]
      | (?<!\w)_ | _(?!\w)
      | <(?:https?:|mailto:|[\w.+-]{1,64}@)
      | -\s*\| | \|\s*:?-
      | ^[ \t]{0,3}(?:> | \#{1,6}(?:\s|$) | [+-](?:\s|$) | \d{1,9}[.)]\s | -{3} | _{3})
      | ^(?:\ {4}|\t)
    """,
    re.MULTILINE | re.VERBOSE,
)
"""What a paragraph must have for Markdown to make anything of it; most have nothing."""
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n)+")


def markdown_html(text: str) -> str:
    """The text as HTML. Paragraphs in which nothing means anything are not parsed at all."""
    made: list[str] = []
    # Neighbours of one kind go together: a list or a table may span blank lines.
    for means_something, paragraphs in itertools.groupby(
        _BLANK_LINES.split(text.strip("\n")), lambda part: _MEANS.search(part) is not None
    ):
        joined = "\n\n".join(paragraphs)
        made.append(str(_parser().render(joined)) if means_something else plain_html(joined))
    return "".join(made)


def is_cheap(text: str) -> bool:
    """Whether Markdown reads the text quickly: tens of milliseconds at the very most."""
    return len(text) <= MOST_READ and len(_MARKS.findall(text)) <= MOST_MARKS


@functools.cache
def _parser() -> MarkdownIt:
    # Most processes that write a mail never read Markdown: it costs memory where it is loaded.
    from shared.markup.dialect import dialect

    return dialect(_NESTED)
