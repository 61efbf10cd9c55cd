"""By what an add-on is recognised in a text: its hosts, its own names, words for its kind, its
config vars, errors of its clients. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from services.router.evidence.expressions import Expression, Words
from services.router.evidence.technology import GENERIC, kinds_of
from shared.events.requests import AddonKnown


class EvidenceKind(StrEnum):
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
class KnownAddon:
    """One attached add-on. `needles` are case-folded strings to look for, hosts first."""

    slug: str
    hosts: tuple[str, ...]
    kinds: tuple[str, ...]
    needles: tuple[tuple[EvidenceKind, str], ...]
    names: frozenset[str]
    """The single words of its names."""
    screen: Words
    """Whether any needle is in a text at all."""

    def kind_at(self, sort: EvidenceKind, text: str, start: int, end: int) -> EvidenceKind | None:
        """What the needle at `text[start:end]` is there, with word boundaries looked at; None where
        it is part of something else.
        """
        # One character to each side is all that the boundaries need.
        before, after = text[start - 1 : start], text[end : end + 1]
        # A host within a mail address is a person's address, and says nothing of the service.
        if sort is EvidenceKind.HOST:
            return (
                sort if _is_host(text, start, end) and not is_in_mail_address(text, start) else None
            )
        # Errors often end in a sign (`redis::`), so only their beginning needs a boundary.
        if sort in (EvidenceKind.ERROR, EvidenceKind.TOPIC):
            return None if before.isalnum() and text[start].isalnum() else sort
        # The middle of a longer word or name.
        if before.isalnum() or before == "_":
            return None
        # A name with `_` and more behind it is a config var: `REDISCO_URL`.
        if after == "_" and text[end + 1 : end + 2].isalnum():
            return EvidenceKind.VARIABLE
        return None if after.isalnum() or after == "_" else sort


def index_addons(addons: tuple[AddonKnown, ...]) -> tuple[KnownAddon, ...]:
    """What to look for. A kind that two attached add-ons share tells them apart no more: its errors
    and topics count for neither.
    """
    names = {addon.slug: _names(addon) for addon in addons}
    kinds = {slug: kinds_of(known) for slug, known in names.items()}
    found = []
    for addon in addons:
        # Only kinds that no other attached add-on has: its errors point to one add-on.
        own = [
            kind
            for kind in kinds[addon.slug]
            if sum(kind in others for others in kinds.values()) == 1
        ]
        # Long hosts first, so that the host found is the most exact one.
        hosts = tuple(
            sorted({host.casefold() for host in addon.hosts if host}, key=len, reverse=True)
        )
        words = names[addon.slug]
        generic = {word for word in words if word in GENERIC}
        # The order is that of looking: `_places` passes over a place that an earlier needle holds.
        needles: list[tuple[EvidenceKind, str]] = [(EvidenceKind.HOST, host) for host in hosts]
        needles += [(EvidenceKind.ERROR, error) for kind in own for error in kind.errors]
        needles += [
            (EvidenceKind.NAME, word) for word in sorted(words - generic, key=len, reverse=True)
        ]
        # A slug in a config var or a program is written with `_`.
        needles += [
            (EvidenceKind.NAME, word.replace("-", "_"))
            for word in sorted(words - generic)
            if "-" in word
        ]
        needles += [(EvidenceKind.GENERIC, word) for word in sorted(generic)]
        needles += [(EvidenceKind.TOPIC, topic) for kind in own for topic in kind.topics]
        found.append(
            KnownAddon(
                addon.slug,
                hosts,
                tuple(kind.name for kind in kinds[addon.slug]),
                tuple(needles),
                names=frozenset(part for word in words for part in word.replace("-", " ").split()),
                # The screen has all needles, so it says no only where none is.
                screen=_screen(tuple(word for _, word in needles)),
            )
        )
    return tuple(found)


@lru_cache(maxsize=512)
def _screen(words: tuple[str, ...]) -> Words:
    """Made once for an add-on, however many apps it is attached to."""
    return Words(words)


_FOREIGN = Expression(
    # A host in a connection string; or one with a port, and no name or path around it.
    r"(?:://|@)(?:[^\s/@]*@)?((?:[a-z0-9-]+\.)+[a-z0-9]{2,}|localhost)(?![\w@])"
    r"|(?<![\w.@/-])((?:[a-z0-9-]+\.)+[a-z]{2,}"
    r"|\d{1,3}(?:\.\d{1,3}){3}|localhost|::1):\d{2,5}\b"
)


def foreign_host(text: str, hosts: tuple[str, ...]) -> str:
    """A host with a port or in a connection string that is none of `hosts`; empty where there is
    none, or one of `hosts` too.
    """
    other = ""
    for found in _FOREIGN.finditer(text):
        host = found.group(1) or found.group(2)
        # A host of their own beside it: the sentence is about this add-on all the same.
        if any(host == own or host.endswith(f".{own}") for own in hosts):
            return ""
        # A web address is where somebody read or clicked, not what the app connects to.
        if "://" in found.group() and text[max(0, found.start() - 5) : found.start()].endswith(
            ("http", "https")
        ):
            continue
        other = other or host
    return other


_BARE = Expression(
    # Only common endings: without a scheme or port, `file.name` would be a host, too.
    r"(?<![\w.@/-])(?:[a-z0-9-]+\.)+(?:com|net|org|io|dev|app|cloud|eu|de|fr|uk|co|us|example"
    r"|internal|local)(?![\w-])"
)


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
    """`support@redisco.example` is whom somebody wrote to; `redis://user:word@redisco.example` is
    where an app connects.
    """
    before = _MASKED.sub("*", text[max(0, start - 300) : start]).rsplit(None, 1)
    word = before[-1] if before and not text[start - 1 : start].isspace() else ""
    return "@" in word and "://" not in word


def _is_host(text: str, start: int, end: int) -> bool:
    """The label before may be anything that ends in a dot (a host under it); what follows must not
    make it another name.
    """
    before = text[start - 1 : start]
    # Letters and digits before make it a longer name; a dot before makes it a host under it.
    if before.isalnum() or before in ("-", "_"):
        return False
    after = text[end : end + 1]
    if after.isalnum() or after in ("-", "_"):
        return False
    # A dot with more behind it makes it another domain; a dot alone ends the sentence.
    return not (after == "." and text[end + 1 : end + 2].isalnum())


def _names(addon: AddonKnown) -> frozenset[str]:
    return frozenset(word.casefold() for word in (addon.slug, addon.name, *addon.aliases) if word)
