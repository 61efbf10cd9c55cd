"""A text in parts: prose, and what must stay as it was typed (fenced code, pasted logs).
Pure, linear.

A log is recognised by how its lines begin, so a customer who pastes one needs no fence. A doubtful
line is prose: a log shown as prose reads badly, prose shown as a log is never wrong but never
wraps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

FEWEST_LOG_LINES = 3
"""A log is at least so many lines in a row; below, a sentence with a time in it would be one."""
MOST_BLOCKS = 100
"""Blocks of code in one text; what comes after them is prose."""
_LOOKED_AT = 160
"""Characters of a line that say whether it is of a log."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\s`]{0,40})[^`]*$")
_LOG = re.compile(
    r"""\s{0,4}[\[(<]?(?:
        \d{4}-\d\d-\d\d[T\ ]\d\d:\d\d                       # 2026-11-30T14:02 …
      | \d\d:\d\d:\d\d[.,]?\d*\b                            # 14:02:11.123 …
      | (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)?,?\ ?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\ {1,2}\d{1,2}\ \d\d:\d\d
      | \d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\ \S{1,40}\ \S{1,40}\ \[  # an access log
      | (?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE)[\]:]?[\s:\[]
      | (?:[a-z_][\w.-]{0,30}=\S{1,60}\s+){2}[a-z_][\w.-]{0,30}=  # at=info method=GET path=…
      | at\ [\w$.<>\[\]/-]{1,90}\ ?\(                       # a frame of Java or JavaScript
      | Traceback\ \(most\ recent
      | File\ "[^"]{1,90}",\ line\ \d
      | Caused\ by:\ [\w.$]{1,90}
      | [\w.$/-]{1,90}:\d{1,6}:in\ [`']                     # a frame of Ruby
      | \{"[\w.@-]{1,40}"\s?:                               # one JSON object a line
      | (?:remote|heroku|app)\[[\w.-]{1,30}\]:
    )""",
    re.VERBOSE,
)
_GOES_ON = re.compile(r"[ \t]{2,}\S|\.\.\. \d+ more|[\w.$]{3,90}(?:Error|Exception)\b")
"""A line that belongs to the log line before it: indented, or the end of a traceback."""


class MarkupBlock(NamedTuple):
    """`kind` is `prose`, `code` (fenced) or `log`; `text` without the fences."""

    kind: str
    text: str


def parts_of(text: str) -> Iterator[MarkupBlock]:
    """The text's parts, in its order. A fence that is never closed ends with the text."""
    prose: list[str] = []
    lines = text.split("\n")
    n = blocks = 0
    while n < len(lines):
        # Beyond so many blocks all the rest is prose: bounds what one text can cost.
        end, kind = _code_from(lines, n) if blocks < MOST_BLOCKS else (n, "")
        if end == n:
            prose.append(lines[n])
            n += 1
            continue
        # Blank lines between two blocks are no paragraph.
        if any(line.strip() for line in prose):
            yield MarkupBlock("prose", "\n".join(prose))
        prose = []
        blocks += 1
        if kind == "code":
            # The last line may be the text's end and no fence.
            is_closed = _closes(lines[end - 1], lines[n]) and end - 1 > n
            inner = lines[n + 1 : end - 1 if is_closed else end]
            yield MarkupBlock("code", "\n".join(_without_indent(inner, lines[n])))
        else:
            yield MarkupBlock("log", "\n".join(lines[n:end]))
        n = end
    if any(line.strip() for line in prose):
        yield MarkupBlock("prose", "\n".join(prose))


def _code_from(lines: list[str], n: int) -> tuple[int, str]:
    """Where the code that begins at line `n` ends, and its kind; `n` where none begins."""
    line = lines[n]
    if not line:
        return n, ""
    # The cheap question first; the pattern is for lines that begin like a fence.
    if line.lstrip(" ")[:3] in ("```", "~~~") and _FENCE.match(line[:200]):
        end = n + 1
        while end < len(lines):
            end += 1
            if _closes(lines[end - 1], line):
                break
        return end, "code"
    if not _LOG.match(line[:_LOOKED_AT]):
        return n, ""
    # A log goes on while its lines do, or belong to the line before (tracebacks).
    end, found = n, 0
    while end < len(lines):
        if _LOG.match(lines[end][:_LOOKED_AT]):
            found += 1
        elif not _GOES_ON.match(lines[end][:_LOOKED_AT]):
            break
        end += 1
    # Three lines of a log, or one with a longer traceback behind it.
    is_log = found >= FEWEST_LOG_LINES or (found >= 1 and end - n > FEWEST_LOG_LINES)
    return (end, "log") if is_log else (n, "")


def _closes(line: str, opening: str) -> bool:
    """Whether a line closes the fence that `opening` opened."""
    fence = opening.strip()
    mark = fence[:1]
    length = len(fence) - len(fence.lstrip(mark))
    bare = line.strip()
    return len(bare) >= length and bare == mark * len(bare) and len(line) - len(line.lstrip()) <= 3


def _without_indent(lines: list[str], opening: str) -> list[str]:
    """The lines without as many blanks as stand before their fence."""
    blanks = len(opening) - len(opening.lstrip(" "))
    # Only blanks are taken away: a line with fewer keeps its words.
    return [line[:blanks].lstrip(" ") + line[blanks:] for line in lines] if blanks else lines
