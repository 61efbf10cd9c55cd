"""By what an add-on is recognised in a text: its hosts, its own names, words for its kind, its config vars, errors of its clients. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from services.router.expressions import Expression, Words
from services.router.technology import GENERIC, kinds_of
from shared.events.requests import AddonKnown


class Sort(StrEnum):
    """What a hit is, the most telling first."""

    HOST = "host"
    VARIABLE = "config var"
    NAME = "name"
    """The supplier's own: a slug, a name, an alias that is no word for the kind."""
    ERROR = "client error"
    GENERIC = "kind"
    """A word for the kind of service: `redis`. It may be somebody else's."""
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class Known:
    """One attached add-on. `needles` are case-folded strings to look for, hosts first."""

    slug: str
    hosts: tuple[str, ...]
    kinds: tuple[str, ...]
    needles: tuple[tuple[Sort, str], ...]
    names: frozenset[str]
    """The single words of its names."""
    screen: Words
    """Whether any needle is in a text at all."""

    def stands(self, sort: Sort, text: str, start: int, end: int) -> Sort | None:
        """What the needle at `text[start:end]` is there, with word boundaries looked at; None where it is part of something else."""
        before, after = text[start - 1 : start], text[end : end + 1]
        if sort is Sort.HOST:
            return sort if _is_host(text, start, end) and not is_in_mail_address(text, start) else None
        if sort in (Sort.ERROR, Sort.TOPIC):
            return None if before.isalnum() and text[start].isalnum() else sort
        if before.isalnum() or before == "_":
            return None
        if after == "_" and text[end + 1 : end + 2].isalnum():
            return Sort.VARIABLE
        return None if after.isalnum() or after == "_" else sort


def known_by(addons: tuple[AddonKnown, ...]) -> tuple[Known, ...]:
    """What to look for. A kind that two attached add-ons share tells them apart no more: its errors and topics count for neither."""
    names = {addon.slug: _names(addon) for addon in addons}
    kinds = {slug: kinds_of(known) for slug, known in names.items()}
    found = []
    for addon in addons:
        own = [kind for kind in kinds[addon.slug] if sum(kind in others for others in kinds.values()) == 1]
        hosts = tuple(sorted({host.casefold() for host in addon.hosts if host}, key=len, reverse=True))
        words = names[addon.slug]
        generic = {word for word in words if word in GENERIC}
        needles: list[tuple[Sort, str]] = [(Sort.HOST, host) for host in hosts]
        needles += [(Sort.ERROR, error) for kind in own for error in kind.errors]
        needles += [(Sort.NAME, word) for word in sorted(words - generic, key=len, reverse=True)]
        needles += [(Sort.NAME, word.replace("-", "_")) for word in sorted(words - generic) if "-" in word]
        needles += [(Sort.GENERIC, word) for word in sorted(generic)]
        needles += [(Sort.TOPIC, topic) for kind in own for topic in kind.topics]
        found.append(
            Known(
                addon.slug,
                hosts,
                tuple(kind.name for kind in kinds[addon.slug]),
                tuple(needles),
                names=frozenset(part for word in words for part in word.replace("-", " ").split()),
                screen=_screen(tuple(word for _, word in needles)),
            )
        )
    return tuple(found)


@lru_cache(maxsize=512)
def _screen(words: tuple[str, ...]) -> Words:
    """Made once for an add-on, however many apps it is attached to."""
    return Words(words)


_FOREIGN = Expression(
    r"(?:://|@)(?:[^\s/@]*@)?((?:[a-z0-9-]+\.)+[a-z0-9]{2,}|localhost)(?![\w@])|(?<![\w.@/-])((?:[a-z0-9-]+\.)+[a-z]{2,}"
    r"|\d{1,3}(?:\.\d{1,3}){3}|localhost|::1):\d{2,5}\b"
)


def foreign_host(text: str, hosts: tuple[str, ...]) -> str:
    """A host with a port or in a connection string that is none of `hosts`; empty where there is none, or one of `hosts` too."""
    other = ""
    for found in _FOREIGN.finditer(text):
        host = found.group(1) or found.group(2)
        if any(host == own or host.endswith(f".{own}") for own in hosts):
            return ""
        if "://" in found.group() and text[max(0, found.start() - 5) : found.start()].endswith(("http", "https")):
            continue
        other = other or host
    return other


_BARE = Expression(r"(?<![\w.@/-])(?:[a-z0-9-]+\.)+(?:com|net|org|io|dev|app|cloud|eu|de|fr|uk|co|us|example|internal|local)(?![\w-])")


def other_hosts(text: str, hosts: tuple[str, ...]) -> str:
    """The first host in the text that is none of `hosts`; empty where there is none."""
    for found in _BARE.finditer(text):
        host = found.group()
        if not any(host == own or host.endswith(f".{own}") for own in hosts):
            return host
    return ""


_MASKED = re.compile(r"\[masked: [^\]\n]{1,60}\]")
"""What `shared/text/redact.py` leaves of a secret: one word, whatever it says."""


def is_in_mail_address(text: str, start: int) -> bool:
    """`support@redisco.example` is whom somebody wrote to; `redis://user:word@redisco.example` is where an app connects."""
    before = _MASKED.sub("*", text[max(0, start - 300) : start]).rsplit(None, 1)
    word = before[-1] if before and not text[start - 1 : start].isspace() else ""
    return "@" in word and "://" not in word


def _is_host(text: str, start: int, end: int) -> bool:
    """The label before may be anything that ends in a dot (a host under it); what follows must not make it another name."""
    before = text[start - 1 : start]
    if before.isalnum() or before in ("-", "_"):
        return False
    after = text[end : end + 1]
    if after.isalnum() or after in ("-", "_"):
        return False
    return not (after == "." and text[end + 1 : end + 2].isalnum())


def _names(addon: AddonKnown) -> frozenset[str]:
    return frozenset(word.casefold() for word in (addon.slug, addon.name, *addon.aliases) if word)
