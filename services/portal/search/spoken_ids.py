"""Ticket ids as people say them on a phone, by the spelling alphabet of ICAO and ITU. Pure."""

from __future__ import annotations

import re

from services.portal.web.filters import short_id

_WORDS = """
    Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa Quebec
    Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu two three four five six seven
"""
ALPHABET = dict(zip("abcdefghijklmnopqrstuvwxyz234567", _WORDS.split(), strict=True))
"""Letter or digit of an id → its word."""
# Other ways to write the words, as people do.
_HEARD = {word.lower().replace("-", ""): letter for letter, word in ALPHABET.items()} | {
    "alpha": "a",
    "juliet": "j",
    "whisky": "w",
}
# Fewer letters tell tickets apart only by luck.
_FEWEST = 8
_PARTS = re.compile(r"[\s,.;/-]+")


def spell_id(ticket_id: str) -> str:
    """`tkt_kk2…` → `Kilo Kilo two …`: the eight characters that tell tickets apart."""
    return " ".join(ALPHABET.get(letter, letter) for letter in short_id(ticket_id))


def read_spelled_id(text: str) -> str | None:
    """The id, or its beginning, that was spelled: in words, or letter by letter. None: it is no
    spelling.
    """
    # The one word of the alphabet with a hyphen, which also parts words.
    parts = [part for part in _PARTS.split(text.strip().lower().replace("x-ray", "xray")) if part]
    letters = [_HEARD.get(part, part) for part in parts]
    if len(parts) < _FEWEST or any(letter not in ALPHABET for letter in letters):
        return None
    return "".join(letters)
