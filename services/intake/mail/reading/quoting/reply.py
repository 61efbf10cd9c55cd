"""What is new in a reply, and what of it only repeats mails of ours. Nothing is thrown away: what
is folded is kept, and every line of the text is in one of the two.

Only a reply is trimmed. A mail that becomes a ticket is taken whole (`requests.extract_texts`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from services.intake.mail.reading.quoting import quotations
from services.intake.mail.reading.quoting.ours import NOBODY, OwnNames, is_footer
from services.intake.mail.reading.quoting.quotations import MARK, Span

LINES_MOST = 8_000
"""A text of more lines is not looked at: nothing of it is folded."""

_FOOTER = re.compile(
    r"\s*(?:--\s?$|[_-]{3,}\s*$|sent (?:from|with|via)\b|get outlook for\b|gesendet (?:von|mit)\b"
    r"|von meinem .{1,40} gesendet|envoyé (?:de|depuis|à partir)\b|enviado (?:desde|do|a partir)\b"
    r"|inviato da\b|verzonden (?:vanaf|met|vanuit)\b|skickat från\b|sendt fra\b|lähetetty\b"
    r"|wysłan[eo]\b|odesláno\b|отправлено\b|iphone ?から送信|发自我的|从我的.{1,20}发送|나의 .{1,30}보냄"
    r"|this (?:e-?mail|message)\b|disclaimer\b|confidential|diese (?:e-?mail|nachricht)\b"
    r"|ce (?:message|courriel|mail)\b|este (?:mensaje|correo)\b|virus-free|virenfrei|sans virus)",
    re.IGNORECASE,
)
"""How the lines begin that a program, not a person, puts below a quotation."""


class SplitReply(NamedTuple):
    """`reply` is never empty where the text is not. `whole`: the text is too long to look at."""

    reply: str
    quoted: str
    whole: bool = False


def split(text: str, ours: OwnNames = NOBODY, heads: Sequence[str] = ()) -> SplitReply:
    """The text without the quotations of `ours`, and these.

    `heads`: the first words of what the mail's HTML marks as a quotation (`markup.heads_of`).
    """
    lines = text.strip("\n").split("\n")
    if len(lines) > LINES_MOST:
        return SplitReply(_join_lines(lines), "", whole=True)
    return _fold(lines, quotations.find(lines, ours, heads))


def _fold(lines: Sequence[str], found: Sequence[Span]) -> SplitReply:
    """Fold the quotations. Answers between them keep what they answer: only a last one goes."""
    # Where nothing new would be left, everything is kept: the reply must say something.
    new = _between(lines, found)
    if not found or not new:
        return SplitReply(_join_lines(lines), "")
    # A program's footer below a quotation is no answer of the person.
    said = new[:-1] if len(new) > 1 and _FOOTER.match(_first_words(lines, new[-1])) else new
    # Answers between quotations need what they answer.
    answers_between = len(said) > 1 or (
        said[0][0] >= found[0][1] and any(map(MARK.match, lines[said[0][0] : said[0][1]]))
    )
    folded = [
        span
        for span in found
        if not answers_between or span[0] >= said[-1][1] or _is_whole(lines[span[0] : span[1]])
    ]
    # Whatever is not folded is the reply, so no line is lost between the two.
    kept = _between(lines, folded)
    return SplitReply(
        "\n\n".join(_join_lines(lines[first:after]) for first, after in kept),
        "\n\n".join(_join_lines(lines[first:after]) for first, after in folded),
    )


def _is_whole(quotation: Sequence[str]) -> bool:
    """From its head to the last line of our mail: no answer can stand in the middle of it."""
    return not MARK.match(quotation[0]) and any(map(is_footer, quotation))


def _between(lines: Sequence[str], found: Sequence[Span]) -> list[Span]:
    """The stretches outside `found` that say anything."""
    edges = [0, *(edge for span in found for edge in span), len(lines)]
    stretches = zip(edges[::2], edges[1::2], strict=True)
    return [(a, b) for a, b in stretches if any(line.strip() for line in lines[a:b])]


def _first_words(lines: Sequence[str], span: Span) -> str:
    return next(line for line in lines[span[0] : span[1]] if line.strip())[:200]


def _join_lines(lines: Sequence[str]) -> str:
    """Without blank lines at both ends; the first line keeps its indentation."""
    first, last = 0, len(lines)
    while first < last and not lines[first].strip():
        first += 1
    while last > first and not lines[last - 1].strip():
        last -= 1
    return "\n".join(lines[first:last]).rstrip()
