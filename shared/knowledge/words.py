"""From what somebody typed or pasted to what is looked up: error codes, and words in one form.
Pure.

The same folding is applied to the articles and to the query, so what is one word here is one word
there.
"""

from __future__ import annotations

import functools
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.text.ansi import readable

MOST_CHARACTERS = 12_000
"""Of a query, whatever was pasted into it; the codes and the first words are in there."""

# Looked up at most; of longer texts the first ones.
MOST_WORDS = 400

LONGEST = 40
"""Letters of a word; what is longer is a key or rubbish."""

_CODE = re.compile(r"([HRLhrl])(?<![A-Za-z0-9][HRLhrl])[ \-_]?(\d\d)(?:['’]?[sS])?(?![A-Za-z0-9])")
"""This one and those of `_NOISE` begin with a set of signs, and look behind them only then: so
`re` passes over all other signs without trying.
"""
_CODE_OF_ROUTER = re.compile(r"\bcode=([HRL]\d\d)\b")

_NOISE = (
    ("-", re.compile(r"\d\d\d\d-\d\d-\d\d[T ]\d\d:\d\d\S*")),  # instants
    (  # request ids
        "-",
        re.compile(r"[0-9a-fA-F](?<!\w[0-9a-fA-F])[0-9a-fA-F]{7}-[0-9a-fA-F\-]{20,}\b"),
    ),
    (".", re.compile(r"\d(?<!\w\d)\d{0,2}(?:\.\d{1,3}){3}\b")),  # addresses
)
"""What a log line carries that says nothing about its matter, with a sign that each must
contain.
"""

# A value in quotes, or up to the next blank.
_VALUE = re.compile(r"\"[^\"]*\"|\S*")
_NOISY_NAMES = frozenset(
    [
        "at",
        "sock",
        "method",
        "path",
        "host",
        "request_id",
        "fwd",
        "dyno",
        "connect",
        "service",
        "status",
        "bytes",
        "protocol",
        "agent",
    ]
)
"""Of a router's line; their values say nothing. `desc="…"` stays."""
_LONGEST_NAME = max(map(len, _NOISY_NAMES))
_OF_A_NAME = string.ascii_letters + string.digits + "_"

_WORD = re.compile(r"[a-z0-9]+")

# Heroku is among them: here every question is about it.
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
class Question:
    """A query understood: `codes` as often as said, most first; `words` folded, each once, in their
    order.
    """

    codes: tuple[str, ...]
    words: tuple[str, ...]


class Vocabulary:
    """How words are folded. `same` maps a phrase of several words, or one word, to the word that
    stands for it.
    """

    def __init__(self, same: Mapping[str, str] | None = None) -> None:
        self._same: dict[str, list[tuple[list[str], list[str]]]] = {}
        pairs = {" ".join(_plain(phrase)): word for phrase, word in (same or {}).items()}
        # Longest first, so that "config vars" is found before "config".
        for phrase in sorted(filter(None, pairs), key=len, reverse=True):
            words = phrase.split()
            self._same.setdefault(words[0], []).append((words, pairs[phrase].split()))

    def words(self, text: str) -> list[str]:
        """All words of a text without the stop words, folded, not yet stemmed."""
        plain = _plain(text)
        if not self._same.keys().isdisjoint(plain):
            plain = self._with_one_word_for_each(plain)
        return [word for word in plain if word not in STOP and 1 < len(word) <= LONGEST]

    def _with_one_word_for_each(self, plain: list[str]) -> list[str]:
        """The words, with the word that stands for it instead of each phrase of `same`; where
        several begin at one place, the longest.
        """
        found: list[str] = []
        done = 0
        for at in [at for at, word in enumerate(plain) if word in self._same]:
            if at < done:
                continue
            for phrase, instead in self._same[plain[at]]:
                if plain[at : at + len(phrase)] == phrase:
                    found += plain[done:at]
                    found += instead
                    done = at + len(phrase)
                    break
        return found + plain[done:]

    def asked(self, query: str) -> Question:
        """What somebody asks for. Any string: binary rubbish and ten thousand characters
        included.
        """
        text = readable(query[:MOST_CHARACTERS])
        codes = _codes(text)
        # The sign is a cheap question: most texts lack it.
        for sign, noise in _NOISE:
            if sign in text:
                text = noise.sub(" ", text)
        if "=" in text:
            text = _without_noisy_values(text)
        # "H-12" and "h12s" become one form, which the articles have too.
        if codes:
            text = _CODE.sub(r" \1\2 ", text)
        return Question(codes, tuple(dict.fromkeys(self.words(text)[:MOST_WORDS])))


def codes_in(text: str) -> tuple[str, ...]:
    """The error codes a text names, the most frequent first. Codes that a router's line states go
    before codes in prose.
    """
    return _codes(readable(text))


def _codes(text: str) -> tuple[str, ...]:
    found = _CODE.findall(text)
    if not found:
        return ()
    said = Counter(letter.upper() + digits for letter, digits in found)
    stated = Counter(_CODE_OF_ROUTER.findall(text)) if "code=" in text else Counter[str]()
    places = {code: place for place, code in enumerate(said)}
    # Stated by the router, then most frequent, then first.
    return tuple(sorted(said, key=lambda code: (-stated[code], -said[code], places[code])))


def _without_noisy_values(text: str) -> str:
    """Without `name=value` of the noisy names."""
    kept, done = [], 0
    at = text.find("=")
    while at >= 0:
        # Only so far back as a name can reach: a line may be long.
        before = text[max(done, at - _LONGEST_NAME - 1) : at]
        begin = at - len(before) + len(before.rstrip(_OF_A_NAME))
        if text[begin:at] in _NOISY_NAMES:
            value = _VALUE.match(text, at + 1)
            kept.append(text[done:begin])
            done = value.end() if value else at + 1
        at = text.find("=", max(done, at + 1))
    return " ".join((*kept, text[done:])) if kept else text


@functools.lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """The word without the endings that make no difference here: restarts, restarted, restarting →
    restart.
    """
    # In this order: plural, then the ending of a verb, then the silent e.
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("sses", "shes", "ches", "xes", "zes")) else word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            word = word[: -len(ending)]
            # "stopped" → "stop"; but "crossing" keeps its letters.
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def stems(words: Iterable[str]) -> list[str]:
    return [stem(word) for word in words]


def _plain(text: str) -> list[str]:
    """Words of letters and digits, without accents, in lower case; an apostrophe joins (can't →
    cant).
    """
    # The quick way for nearly all texts.
    if text.isascii():
        return _WORD.findall(text.lower().replace("'", "").replace("_", " "))
    folded = (
        unicodedata.normalize("NFKD", text)
        .casefold()
        .replace("'", "")
        .replace("’", "")
        .replace("_", " ")
    )
    return _WORD.findall("".join(sign for sign in folded if not unicodedata.combining(sign)))
