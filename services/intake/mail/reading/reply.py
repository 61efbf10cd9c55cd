"""What is new in a reply, and what only repeats the thread. Nothing is thrown away: what is cut is kept to be folded.

The languages are mail-parser-reply's. Its own walk over a text takes 1.5 s for 4 kB of line feeds, so its patterns are shown
a few short lines at a time, and only where a quick look says that a quotation may begin.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mailparser_reply.constants import MAIL_LANGUAGES

_WINDOW = 4
_LINE_MOST = 400
_LINES_MOST = 5000
_HEADER_LINES = 3
"""So many lines like `From: …` make Outlook's block; fewer may be a customer's own list."""


def _patterns(kind: str) -> list[re.Pattern[str]]:
    return [re.compile(language[kind], re.MULTILINE | re.IGNORECASE) for language in MAIL_LANGUAGES.values() if kind in language]


_WROTE, _FROM = _patterns("wrote_header"), _patterns("from_header")
_MORE_WROTE = re.compile(
    r"(?:On|Le|El|Am|Il|Op|Den|Em|W dniu)\s.{5,300}\s(?:wrote|a écrit|escribió|schrieb.{0,100}|"
    r"ha scritto|schreef.{0,100}|skrev.{0,100}|escreveu)"
    r"\s?[:：]$",
    re.IGNORECASE,
)
_WHO_AND_WHEN = re.compile(r".{0,200}<[^<>\s]{1,100}@[^<>\s]{1,100}>.{0,80}[:：]$")
"""In any language: a line with an address, a number and a colon, right above a marked quotation."""
_EARLIER = (
    r"Original[- ]?Message(?: Follows)?|Original[- ]Appointment|Forwarded message|Reply message",
    r"Urspr(?:ü|ue)ngliche (?:Nachricht|Mail|E-Mail)|Original-Nachricht|Weitergeleitete Nachricht",
    r"Message d'origine|Message original|Mensaje original|Mensagem original|Messaggio originale|Oorspronkelijk bericht",
    r"Originalmeddelande|Ursprungligt meddelande|Oprindelig meddelelse|Wiadomość oryginalna|元のメッセージ|原始邮件",
)
_SEPARATOR = re.compile(
    rf"[-_*\s]{{0,10}}-{{2,}}\s*(?:{'|'.join(_EARLIER)})\s*-{{2,}}.{{0,40}}$|#{{2,}}-\s.{{1,120}}\s-#{{2,}}$", re.IGNORECASE
)
_RULE = re.compile(r"[_-]{20,}\s*$")
_LABEL = re.compile(r"[\s>*]{0,8}[^\s:：][^:：]{0,24}\s?\*?[:：]")
_FROM_LABEL = re.compile(
    r"[\s*]{0,8}(?:From|Von|De|Da|Van|Från|Fra|Od|发件人|寄件者|差出人|送信者|보낸\s?사람|Lähettäjä|Kimden|От)\s?\*?\s?[:：]", re.IGNORECASE
)
_QUOTED = re.compile(r"\s?>")
_COLONS = (":", "：")
_SIGNATURE = re.compile(r"--\s?$")


class Split(NamedTuple):
    """`reply` is never empty where the text is not; `whole`: the text is too long to be looked at."""

    reply: str
    quoted: str
    whole: bool = False


def split(text: str) -> Split:
    """The new text, and the rest of `text` that only repeats."""
    lines = text.strip("\n").split("\n")
    if len(lines) > _LINES_MOST:
        return Split(text.strip(), "", whole=True)
    cut = _beginning(lines)
    if cut is None:
        return _without_last_quotation(lines)
    head, tail = lines[:cut], lines[cut:]
    below = _answers_below(tail)
    if below is None:
        return _kept(head, tail, text)
    if any(line.strip() for line in head):
        return _without_last_quotation(lines)  # answers between the quotations: each needs what it answers
    if below:
        return _kept(tail[below:], tail[:below], text)
    return _without_last_quotation(lines)


def _kept(new: list[str], old: list[str], text: str) -> Split:
    reply = "\n".join(new).strip()
    return Split(reply, "\n".join(old).strip()) if reply else Split(text.strip(), "")


def _beginning(lines: list[str]) -> int | None:
    """The line with which the earlier mail begins: who wrote it, or the head of a forwarded one."""
    plain = [line.strip()[:_LINE_MOST] for line in lines]
    for at, line in enumerate(lines):
        if not plain[at] or not _may_begin(plain, line, at) or _QUOTED.match(line):
            continue
        window = plain[at : at + _WINDOW]
        if _SEPARATOR.match(window[0]) and any(part.strip() for part in lines[at + 1 :]):
            return at
        if _names_a_writer(window, lines, at):
            return at
        if _is_head(lines, at):
            return at - 1 if at and _RULE.match(lines[at - 1].strip()) else at
        if _RULE.match(window[0]) and any(_is_head(lines, next_at) for next_at in (at + 1, at + 2)):
            return at
    return None


def _may_begin(plain: list[str], line: str, at: int) -> bool:
    """A quick look, for the many lines that cannot: a rule, a label, or a colon at the end of this line or the next two."""
    return plain[at][0] in "-_*#" or ":" in line or "：" in line or any(part.endswith(_COLONS) for part in plain[at + 1 : at + 3])


def _names_a_writer(window: list[str], lines: list[str], at: int) -> bool:
    """`On Monday, Ann <ann@example.com> wrote:` in many languages, on one to three lines, before a quotation."""
    for count, end in enumerate(window[:3], start=1):
        if not end:
            return False
        if not end.endswith((":", "：")):
            continue
        joined = "\n".join(window[:count])
        if not re.search(r"[\d@]", joined) or not any(line.strip() for line in lines[at + count :]):
            return False
        if count == 1 and re.search(r"\d", joined) and _WHO_AND_WHEN.match(joined) and _marked_next(lines, at + 1):
            return True
        if _MORE_WROTE.match(joined.replace("\n", " ")):
            return True
        return any((found := pattern.match(joined)) and found.end() >= len(joined.rstrip(":：")) for pattern in _WROTE)
    return False


def _marked_next(lines: list[str], at: int) -> bool:
    """Whether the next line that says anything is marked with `>`."""
    return bool(_QUOTED.match(next((line for line in lines[at : at + 3] if line.strip()), "")))


def _is_head(lines: list[str], at: int) -> bool:
    """Outlook's block: From, Sent, To, Subject in one of the languages, on lines that follow each other."""
    if at >= len(lines) or not _FROM_LABEL.match(lines[at][:_LINE_MOST]):
        return False
    block: list[str] = []
    for line in lines[at : at + 10]:
        if not _LABEL.match(line[:_LINE_MOST]):
            if not block or line.strip():
                break
            continue
        block.append(line.strip()[:_LINE_MOST])
    if len(block) < _HEADER_LINES:
        return False
    joined = "\n".join(block)
    return any(pattern.match(joined) for pattern in _FROM) or "@" in block[0]


def _answers_below(tail: list[str]) -> int | None:
    """None: nothing new stands below. Else the first new line's place in `tail`, or 0 where new and quoted lines alternate."""
    marked = [bool(_QUOTED.match(line)) for line in tail]
    if not any(marked):
        return None  # unmarked, as Outlook quotes: all that follows is old
    first = marked.index(True)
    if first > _WINDOW:
        return None
    last = len(tail) - 1 - marked[::-1].index(True)
    signature = next((at for at in range(last + 1, len(tail)) if _SIGNATURE.match(tail[at])), len(tail))
    after = any(line.strip() for line in tail[last + 1 : signature])
    between = any(line.strip() and not mark for line, mark in zip(tail[first:last], marked[first:last], strict=True))
    if between and not _wrapped(tail[first:last], marked[first:last]):
        return 0
    return last + 1 if after else None


def _wrapped(lines: list[str], marked: list[bool]) -> bool:
    """Quoted lines that a mailer broke: each unmarked line is short and stands alone right below a marked one."""
    return all(
        mark or not line.strip() or (at > 0 and marked[at - 1] and len(line) < 30 and at + 1 < len(lines) and marked[at + 1])
        for at, (line, mark) in enumerate(zip(lines, marked, strict=True))
    )


def _without_last_quotation(lines: list[str]) -> Split:
    """Cut a block of `>` lines at the end, with nothing said below it."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _QUOTED.match(lines[end - 1])):
        end -= 1
    return _kept(lines[:end], lines[end:], "\n".join(lines))
