"""The text of an SPF record → its terms, by the grammar of RFC 7208 section 12. Pure.

An error anywhere makes the whole record worth nothing (section 4.6): it is found before the first
term is asked about.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import NamedTuple

# Far more than any real record: the patterns below are tried on each word.
RECORD_MOST = 4096

# The grammar in pieces, named as in section 12: macro, macro-literal, toplabel, domain-spec, masks.
_EXPAND = r"%(?:\{[slodiphv](?:[1-9]\d{0,2})?r?[.\-+,/_=]*\}|[%_-])"
_LETTERS = rf"(?:{_EXPAND}|[\x21-\x24\x26-\x7e])*"
_TOP = r"(?=[0-9]*[a-z-])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"{_LETTERS}(?:\.{_TOP}\.?|{_EXPAND})"
_FOUR = r"/(?:3[0-2]|[12]\d|\d)"
_SIX = r"/(?:12[0-8]|1[01]\d|[1-9]\d|\d)"
_ARGUMENTS = {
    "all": "",
    "include": rf":{_DOMAIN}",
    "a": rf"(?::{_DOMAIN})?(?:{_FOUR})?(?:/{_SIX})?",
    "mx": rf"(?::{_DOMAIN})?(?:{_FOUR})?(?:/{_SIX})?",
    "ptr": rf"(?::{_DOMAIN})?",
    "ip4": rf":[0-9.]+(?:{_FOUR})?",
    "ip6": rf":[0-9a-f:.]+(?:{_SIX})?",
    "exists": rf":{_DOMAIN}",
}
"""Mechanism → what stands behind its name."""
_MECHANISMS = {
    name: re.compile(rf"([+?~-]?)({name})({rest})", re.IGNORECASE)
    for name, rest in _ARGUMENTS.items()
}
_NAME = re.compile(r"[+?~-]?([a-z0-9]+)", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)
_VALUES = {
    "redirect": re.compile(_DOMAIN, re.IGNORECASE),
    "exp": re.compile(_DOMAIN, re.IGNORECASE),
}
# An unknown modifier is allowed and ignored, if its value is well formed (section 6).
_ANY = re.compile(_LETTERS, re.IGNORECASE)


class SpfTerm(NamedTuple):
    """A mechanism: `argument` is what stands behind its name and colon, a mask with its slash."""

    qualifier: str
    name: str
    argument: str
    text: str


class SpfRecord(NamedTuple):
    """`redirect` empty: there is none."""

    terms: tuple[SpfTerm, ...]
    redirect: str


class BadRecord(Exception):
    """The record is wrong, or asks for too much: SPF's `permerror`."""


def parse_record(text: str) -> SpfRecord:
    """`text` begins with `v=spf1`. Raises BadRecord."""
    if len(text) > RECORD_MOST:
        raise BadRecord("the record is too large")
    # A control or a letter beyond ASCII is a syntax error (section 4.6).
    if not (text.isascii() and text.isprintable()):
        raise BadRecord("the record has letters that none may have")
    terms: list[SpfTerm] = []
    modifiers: dict[str, str] = {}
    for word in text.split(" ")[1:]:
        if not word:
            continue
        if modifier := _MODIFIER.fullmatch(word):
            name, value = modifier[1].lower(), modifier[2]
            if not _VALUES.get(name, _ANY).fullmatch(value):
                raise BadRecord(f"{word[:40]!r} has a wrong value")
            # Each of the two may be there once (section 6).
            if name in _VALUES and name in modifiers:
                raise BadRecord(f"{name} is there twice")
            modifiers[name] = value
        else:
            terms.append(_mechanism(word))
    return SpfRecord(tuple(terms), modifiers.get("redirect", ""))


def _mechanism(word: str) -> SpfTerm:
    named = _NAME.match(word)
    pattern = _MECHANISMS.get(named[1].lower()) if named else None
    match = pattern.fullmatch(word) if pattern else None
    if match is None:
        raise BadRecord(f"unknown term {word[:40]!r}")
    # The pattern knows the letters of an address; whether it is one is asked here.
    if match[2].lower() in ("ip4", "ip6"):
        try:
            ip_network(match[3][1:], strict=False)
        except ValueError as error:
            raise BadRecord(f"no such network: {word[:60]!r}") from error
    return SpfTerm(match[1] or "+", match[2].lower(), match[3].removeprefix(":"), word)
