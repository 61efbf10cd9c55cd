"""From what somebody typed or pasted to what is looked up: error codes, and words in one form. Pure.

The same folding is applied to the articles and to the query, so what is one word here is one word there.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

MOST_CHARACTERS = 12_000
"""Of a query, whatever was pasted into it; the codes and the first words are in there."""

MOST_WORDS = 400

LONGEST = 40
"""Letters of a word; what is longer is a key or rubbish."""

_CODE = re.compile(r"(?<![A-Za-z0-9])([HRL])[ \-_]?(\d\d)(?:['’]?s)?(?![A-Za-z0-9])", re.IGNORECASE)
_CODE_OF_ROUTER = re.compile(r"\bcode=([HRL]\d\d)\b")

_NOISE = (
    re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*"),                                     # instants
    re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{20,}\b", re.IGNORECASE),                        # request ids
    re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),                                          # addresses
    re.compile(r"\b(?:at|sock|method|path|host|request_id|fwd|dyno|connect|service|status|bytes|protocol|agent)=(?:\"[^\"]*\"|\S*)"),
)  # fmt: skip
"""What a log line carries that says nothing about its matter. `desc="…"` stays."""

_WORD = re.compile(r"[a-z0-9]+")

_STOP = """
    a about after again all also am an and any anybody anyone are as at be because been but by can cannot cant could did do does doing
    dont doesnt didnt done else even for from get gets getting go goes going good got had has have hasnt havent having hello help her here
    heroku hey hi his how i if im in instead into is isnt it its ive just keep keeps know let like make makes many may me might more most
    much must my need needs no not now of off ok on one only or other our out over own please really s should show shows since so some
    somebody someone something still such sure t tell than thank thanks that the their them then there these they thing this
    those to too trying try tried us very via want wants was we well were what whats when where wheres which while who whom why will with
    without wont work working works would yes you your happen happens happening happened say says said seeing see
"""

STOP = frozenset(_STOP.split())
"""Words that every question has, whatever it is about."""


@dataclass(frozen=True)
class Asked:
    """A query understood: `codes` as often as said, most first; `words` folded, each once, in their order."""

    codes: tuple[str, ...]
    words: tuple[str, ...]


class Vocabulary:
    """How words are folded. `same` maps a phrase of several words, or one word, to the word that stands for it."""

    def __init__(self, same: Mapping[str, str] | None = None) -> None:
        pairs = {" ".join(_plain(phrase)): word for phrase, word in (same or {}).items()}
        longest = sorted(pairs, key=len, reverse=True)
        self._same = pairs
        self._pattern = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, longest))})(?![a-z0-9])") if longest else None

    def words(self, text: str) -> list[str]:
        """All words of a text without the stop words, folded, not yet stemmed."""
        plain = " ".join(_plain(text))
        if self._pattern is not None:
            plain = self._pattern.sub(lambda found: self._same[found.group()], plain)
        return [word for word in plain.split() if word not in STOP and 1 < len(word) <= LONGEST]

    def asked(self, query: str) -> Asked:
        """What somebody asks for. Any string: binary rubbish and ten thousand characters included."""
        text = query[:MOST_CHARACTERS]
        codes = codes_in(text)
        for noise in _NOISE:
            text = noise.sub(" ", text)
        text = _CODE.sub(r" \1\2 ", text)
        return Asked(codes, tuple(dict.fromkeys(self.words(text)[:MOST_WORDS])))


def codes_in(text: str) -> tuple[str, ...]:
    """The error codes a text names, the most frequent first. Codes that a router's line states go before codes in prose."""
    said = Counter(letter.upper() + digits for letter, digits in _CODE.findall(text))
    stated = Counter(_CODE_OF_ROUTER.findall(text))
    places = {code: place for place, code in enumerate(said)}
    return tuple(sorted(said, key=lambda code: (-stated[code], -said[code], places[code])))


def stem(word: str) -> str:
    """The word without the endings that make no difference here: restarts, restarted, restarting → restart."""
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("sses", "shes", "ches", "xes", "zes")) else word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def stems(words: Iterable[str]) -> list[str]:
    return [stem(word) for word in words]


def _plain(text: str) -> list[str]:
    """Words of letters and digits, without accents, in lower case; an apostrophe joins (can't → cant)."""
    folded = unicodedata.normalize("NFKD", text).casefold().replace("'", "").replace("’", "").replace("_", " ")
    return _WORD.findall("".join(sign for sign in folded if not unicodedata.combining(sign)))
