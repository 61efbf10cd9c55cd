"""The words that a ticket is found by, and those that a search asks for. Pure.

Both sides are read alike: compatibility forms and capitals folded, accents of Latin, Greek,
Cyrillic, Hebrew and Arabic letters taken off (Unicode Standard Annex 15, NFKD), so that "storung"
finds "Störung". Scripts that put no blanks between words (Chinese, Japanese, Thai, …) are cut into
pairs of neighbouring characters: whatever stands in such a text is found by any two characters of
it.

A word that not everybody may read carries a mark of its audience behind a `~`, which no word
contains: `secret~s` is in a note of staff. So one index serves all, and a search names the
audiences it may look in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from shared.events import Audience
from shared.text.ansi import readable

MOST_WORDS = 3_000
"""Entries of one ticket in the index; what comes later in it is not found."""
MOST_OF_ONE = 2_000
"""Entries of one text: a pasted log leaves room for the replies."""
MOST_READ = 12_000
"""Words of one text that are read, repeated ones included: four times as many as an index holds,
and a text of nothing but the same words costs no more.
"""
MOST_ASKED = 8
"""Words of a search that are looked at."""
LONGEST = 40
PIECES = 3
"""A word of more than `LONGEST` characters is cut into pieces; the first few are kept."""

MARKS: dict[Audience, str] = {Audience.EVERYONE: "", Audience.PROVIDER: "~p", Audience.STAFF: "~s"}

# Letters with a stroke or tied together: Unicode takes nothing off them.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe"}
)
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1-\u05c7\u064b-\u065f\u0670]+")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"
)
"""Thai, Lao, Myanmar, Khmer, kana, Han, Hangul."""


_ASCII_WORD = re.compile("[a-z0-9]+")


class SearchTerm(NamedTuple):
    """A word of a search; with `begins`, words that begin with it count as well."""

    word: str
    begins: bool


def fold_text(text: str) -> str:
    """The text as words are compared."""
    text = text.casefold()
    if text.isascii():
        return text
    # NFKD takes Hangul syllables apart, which NFC mends, and may bring capitals back, so the text
    # is folded twice.
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).translate(_LETTERS)
    return unicodedata.normalize("NFC", bare).casefold()


_MARKS = "".join(
    chr(code)
    for code in range(0x20000)
    if unicodedata.category(chr(code)).startswith("M") and not 0xFE00 <= code <= 0xFE0F
)
"""Marks that belong to letters: vowels in Indic scripts and Thai. Above are variation selectors
only.
"""
_WORDS = re.compile(f"([{_UNSPACED}]+)|((?:[^\\W_{_UNSPACED}]|[{_MARKS}])+)")


def words_in(text: str) -> Iterator[str]:
    """The words of a text, in its order, some of them twice. Colour codes are read through."""
    text = readable(text)
    if text.isascii():
        # Most texts, and long logs above all: one plain class is several times as fast.
        for match in _ASCII_WORD.finditer(text.lower()):
            word = match.group()
            if len(word) <= LONGEST:
                yield word
            else:
                yield from _pieces(word)
        return
    for match in _WORDS.finditer(fold_text(text)):
        unspaced, spaced = match.groups()
        if unspaced:
            # The last character also stands alone, so that a search for it alone finds the text.
            yield from (unspaced[n : n + 2] for n in range(len(unspaced)))
        else:
            yield from _pieces(spaced)


def with_words(kept: Sequence[str], texts: Iterable[str], audience: Audience) -> list[str]:
    """`kept` and the words of the texts that are not in it yet, marked for their audience; at most
    `MOST_WORDS` in all, and `MOST_OF_ONE` of each text.
    """
    found = dict.fromkeys(kept)
    mark = MARKS[audience]
    for text in texts:
        room = min(MOST_WORDS, len(found) + MOST_OF_ONE)
        for word in islice(words_in(text), MOST_READ):
            if len(found) >= room:
                break
            # What everybody may read already needs no second entry.
            if word not in found:
                found[word + mark] = None
    return list(found)


def terms_of(query: str) -> list[SearchTerm]:
    """The words a search asks for, all of which must be found; the last may be half typed."""
    runs = _WORDS.findall(fold_text(query))[:MOST_ASKED]
    terms: list[SearchTerm] = []
    for n, (unspaced, spaced) in enumerate(runs):
        is_last = n == len(runs) - 1
        # Whole pairs only: what follows the last character of a search need not end the text's run.
        if len(unspaced) > 1:
            terms += [SearchTerm(unspaced[i : i + 2], False) for i in range(len(unspaced) - 1)]
        elif unspaced:
            terms.append(SearchTerm(unspaced, True))
        else:
            pieces = list(_pieces(spaced))
            # Only the last word may be half typed, and of a long one only its last piece.
            terms += [SearchTerm(piece, False) for piece in pieces[:-1]]
            terms.append(SearchTerm(pieces[-1], is_last))
    # A run without blanks gives many pairs: the database is asked for a bounded number.
    return list(dict.fromkeys(terms))[: 2 * MOST_ASKED]


def clauses(terms: Iterable[SearchTerm], audiences: Iterable[Audience]) -> list[dict[str, Any]]:
    """One condition a term for MongoDB. An index leads to each: an expression must begin with plain
    characters for that, and have no `|` anywhere.
    """
    marks = [MARKS[audience] for audience in audiences]
    ends = "".join(sorted(mark[1:] for mark in marks))
    found: list[dict[str, Any]] = []
    for word, begins in terms:
        if begins:
            # The word ends there, or goes on without a mark, and may carry one of the marks
            # allowed.
            tail = f"[^~]*(~[{ends}])?$" if ends else "[^~]*$"
            found.append({"words": {"$regex": f"^{re.escape(word)}{tail}"}})
        else:
            found.append({"words": {"$in": [word + mark for mark in marks]}})
    return found


def _pieces(word: str) -> Iterator[str]:
    for n in range(0, min(len(word), LONGEST * PIECES), LONGEST):
        yield word[n : n + LONGEST]
