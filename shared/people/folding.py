"""Mail addresses as names of people: when two of them are the same person's. Pure.

A-Z count as a-z, and nothing else is mapped. `str.lower` and `str.casefold` map more: the Kelvin
sign (U+212A) to `k`, `İ` to an `i` with a dot above, `ẞ` to `ß`. With them, somebody who owns an
address with such a letter would count as somebody else.
"""

from __future__ import annotations

import unicodedata

# For `translate`: code point → code point.
_A_TO_Z = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def fold_address(address: str) -> str:
    """The address as it is compared and kept: the letters A-Z in lower case, all others as they
    are.
    """
    return address.lower() if address.isascii() else address.translate(_A_TO_Z)


def is_same_address(one: str, other: str) -> bool:
    """Whether both are one person's address."""
    return fold_address(one) == fold_address(other)


def why_ambiguous(address: str) -> str:
    """Why an address cannot be registered: some program would take it for another one. Empty where
    nothing speaks against it.

    >>> why_ambiguous("ann@example.org"), why_ambiguous("grüße@example.org")
    ('', '')
    """
    if address.isascii():
        return ""
    # Three ways in which another program could see another address: case, compatibility forms,
    # combining marks.
    for letter in address:
        if not letter.isascii() and (letter.lower() != letter or not letter.isprintable()):
            return f"U+{ord(letter):04X} is not a small letter"
    if unicodedata.normalize("NFKC", address) != address:
        return "some of its letters have another, plainer form"
    if any(unicodedata.combining(letter) for letter in address):
        return "it has a letter that is put together from two"
    return ""
