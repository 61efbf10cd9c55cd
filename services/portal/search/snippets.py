"""The piece of a text in which a search found its words, and which of its letters they
are. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from services.portal.projector.index_words import SearchTerm, fold_text

BEFORE, LENGTH = 60, 240
"""Characters of a snippet before the first word that was found, and in all."""

_MARKS = re.compile(r"[*`]+|~~+|^#{1,6} |^> ?", re.MULTILINE)
"""Marks of Markdown, which say nothing in a snippet."""

Part = tuple[str, bool]
"""(text, whether it is what was looked for)"""

# MongoDB's expressions know nothing of accents, so they are written out.
_ACCENTED = {
    "a": "àáâãäåāăą",
    "c": "çćč",
    "d": "đď",
    "e": "èéêëēėęě",
    "g": "ğ",
    "i": "ìíîïīı",
    "l": "ł",
    "n": "ñńň",
    "o": "òóôõöøōő",
    "r": "řŕ",
    "s": "śšşș",
    "t": "ťţț",
    "u": "ùúûüūůű",
    "y": "ýÿ",
    "z": "źżž",
}


def pattern_of(terms: Iterable[SearchTerm]) -> str:
    """A regular expression for MongoDB that finds any of the words, with accents or without."""
    return "|".join(
        "".join(
            f"[{letter}{_ACCENTED[letter]}]" if letter in _ACCENTED else re.escape(letter)
            for letter in term.word
        )
        # The longest first: an alternative that is found ends the search.
        for term in sorted(terms, key=lambda term: -len(term.word))
    )


def mark_terms(text: str, terms: Sequence[SearchTerm]) -> list[Part]:
    """The text in parts, those that were looked for marked. Words count from their beginning; in
    scripts without blanks any place counts.
    """
    plain, at = _plain(text)
    hits: list[tuple[int, int]] = []
    for word, _ in terms:
        start = plain.find(word)
        while start >= 0:
            # In the middle of a word counts only where words have no blanks between them.
            if not (start and plain[start - 1].isalnum() and word[0].isascii()):
                hits.append((at[start], at[start + len(word) - 1] + 1))
            start = plain.find(word, start + 1)
    parts: list[Part] = []
    done = 0
    for start, end in sorted(hits):
        # Words may overlap: what was marked is not marked twice.
        if end <= done:
            continue
        start = max(start, done)
        parts += [(text[done:start], False), (text[start:end], True)]
        done = end
    return _join_parts([*parts, (text[done:], False)])


def _plain(text: str) -> tuple[str, list[int]]:
    """The text folded, and for each of its characters the place of the one it comes from."""
    # Most subjects are plain, and then every letter stays in its place.
    if text.isascii():
        return text.lower(), list(range(len(text)))
    plain: list[str] = []
    at: list[int] = []
    for place, letter in enumerate(text):
        # One letter may become several when it is folded.
        for each in fold_text(letter):
            plain.append(each)
            at.append(place)
    return "".join(plain), at


def _join_parts(parts: list[Part]) -> list[Part]:
    """Without empty parts, neighbours of a kind as one."""
    made: list[Part] = []
    for text, is_hit in parts:
        if not text:
            continue
        if made and made[-1][1] == is_hit:
            made[-1] = (made[-1][0] + text, is_hit)
        else:
            made.append((text, is_hit))
    return made


def snippet(piece: str, is_cut: bool, terms: Sequence[SearchTerm]) -> list[Part]:
    """What a result shows of a text: on one line, marked. `piece` begins where MongoDB cut the
    text.
    """
    line = re.sub(r"\s+", " ", _MARKS.sub("", piece))
    if is_cut:
        # The first word is half a word: it goes, unless there is no blank near.
        line = "…" + (line.partition(" ")[2] if " " in line[:20] else line)
    if len(line) >= LENGTH:
        line = (
            line[:LENGTH].rpartition(" ")[0] + " …"
            if " " in line[LENGTH // 2 :]
            else line[:LENGTH] + "…"
        )
    return mark_terms(line, terms)


def score(item: dict[str, Any], subject: Sequence[Part], terms: Sequence[SearchTerm]) -> int:
    """How well a ticket fits, by what a list knows of it: words in its subject, its app, who asked;
    one that lives stands before one that is done.
    """
    words = {term.word for term in terms}
    in_subject = sum(len(text) for text, is_hit in subject if is_hit)
    beside = fold_text(
        f"{item.get('app') or ''} {item.get('requester') or ''} {item.get('requester_name') or ''}"
    )
    # By the part of the subject that was asked for, so that short subjects do not lose.
    return (
        (100 * in_subject) // max(10, len(item.get("subject") or ""))
        + 10 * sum(word in beside for word in words)
        + (5 if item.get("status") in ("new", "open", "pending") else 0)
    )
