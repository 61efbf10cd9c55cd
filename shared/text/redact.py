"""Secrets in what people write are masked before anything leaves the request path: Kafka, views,
mail and logs never see them.

`[masked: <kind>]` stands where the secret was, and nothing else changes: the host of a connection
string, request ids, git SHAs, dyno names and stack traces are what a ticket is solved by (seed 001
asks for logs and for configuration without secrets). Rules of our own (`assigned`, `patterns`) know
what Heroku customers paste; a scanner may be handed in that knows several hundred vendors' tokens
(`shared.text.scanner`). Without it the own rules stand alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

from shared.text.assigned import find_assigned_spans
from shared.text.patterns import Span, pattern_spans

Scan = Callable[[str], Iterable[tuple[str, str]]]
"""Text → (kind, secret) for each secret found in it. A secret is masked wherever it stands."""

# Each pass removes at least one secret, so this ends; eight are more than any real text has needed.
_PASSES = 8
# Shorter finds of the scanner would mask the same few letters all over the text.
_MIN_FOUND = 8
_TOGETHER = 8_000
"""Characters of texts that are scanned in one go."""
_MASKED = re.compile(r"\[masked: [a-z0-9 ]{1,60}\]")
_NEVER = re.compile(
    # a request id: the vendors' rules take every one of them for a Heroku key
    r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}"  # ObjectIds, digests and git SHAs
    r"|sha(?:256|384|512)[-:].*"
)
# Pictures in a text: long runs of letters in which a scanner sees keys.
_DATA = re.compile(r"data:[\w/+.-]{1,60};base64,[A-Za-z0-9+/=]+")
# Kinds that are not listed here have the general advice, see `hint_for`.
_ROTATE = {
    "password": "Change that password",
    "password in an address": (
        "Rotate that credential (for Heroku Postgres: heroku pg:credentials:rotate)"
    ),
    "private key": "Replace that key pair",
    "card number": "We never need a card number",
    "session cookie": "End that session",
}


class MaskedSecret(NamedTuple):
    """One secret that was masked: what kind it was, and what its owner should do now."""

    kind: str
    hint: str


class RedactedText(NamedTuple):
    """The text without its secrets, and what was masked in it, in order of place; empty where
    nothing was.
    """

    text: str
    found: tuple[MaskedSecret, ...] = ()


class _Scanner:
    """The scanner in use in this process: none until its rules are compiled."""

    scan: Scan | None = None


def use(scan: Scan | None) -> None:
    """From now on ask `scan` as well (None: own rules only)."""
    _Scanner.scan = scan


def redact(text: str, scan: Scan | None = None) -> RedactedText:
    """The text with every secret masked. Never raises; what is masked already stays as it is (so
    twice is once). `scan`: what `scan_together` gave for this text and others.
    """
    return _redact(text, scan or _Scanner.scan)


def scan_together(texts: Sequence[str]) -> Scan | None:
    """One scan of several small texts, for a `redact` of each: each scan costs as much as 2,000
    characters. None where they are not small: then `redact` scans each for itself.
    """
    scan = _Scanner.scan
    if scan is None or len(texts) < 2 or sum(map(len, texts)) > _TOGETHER:
        return None
    found = list(scan("\n\n".join(texts)))
    return lambda text: found


def redact_quickly(text: str) -> str:
    """By our own rules alone: the last defence of a log line."""
    return _redact(text, None).text


def _redact(text: str, scan: Scan | None) -> RedactedText:
    found: list[MaskedSecret] = []
    for turn in range(_PASSES):
        # What a mask leaves behind may read as another secret, so it is looked at again until there
        # is nothing more.
        # The scanner in the first turn alone: it has seen the whole text, and is the dearest part.
        spans = _spans(text, None if turn else scan)
        if not spans:
            break
        found += [MaskedSecret(kind, hint_for(kind)) for _, _, kind in spans]
        text = _replace_spans(text, spans)
    return RedactedText(text, tuple(found))


def hint_for(kind: str) -> str:
    """What to do about a secret of this kind that was written into a ticket."""
    return _ROTATE.get(kind, "Revoke it and make a new one")


def _spans(text: str, scan: Scan | None) -> list[Span]:
    """Disjoint places of secrets, in order."""
    # No rule matches less.
    if len(text) < 3:
        return []
    spans = [*pattern_spans(text), *find_assigned_spans(text)]
    if scan is not None:
        spans += _scan_spans(text, scan)
    if not spans:
        return []
    # A mask names its kind ("password"), which would read as the name of another secret.
    kept = [match.span() for match in _MASKED.finditer(text)]
    return _disjoint(span for span in spans if not _meets(kept, span[0], span[1]))


def _meets(places: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Whether one of the places, which are disjoint and in order, has a part in `start` to
    `end`.
    """
    before = bisect_left(places, end, key=itemgetter(0))
    return before > 0 and places[before - 1][1] > start


def _scan_spans(text: str, scan: Scan) -> Iterable[Span]:
    images: list[tuple[int, int]] | None = None
    for kind, secret in set(scan(text)):
        # Told by form: ids and digests are what a ticket is solved by.
        if len(secret) < _MIN_FOUND or _NEVER.fullmatch(secret):
            continue
        if images is None:
            images = (
                [(match.start(), match.end()) for match in _DATA.finditer(text)]
                if ";base64," in text
                else []
            )
        # Every place where it stands, not only the one that was found.
        at = text.find(secret)
        while at >= 0:
            if not _meets(images, at, at + 1):
                yield at, at + len(secret), kind
            at = text.find(secret, at + len(secret))


def _disjoint(spans: Iterable[Span]) -> list[Span]:
    """Overlapping ones become one, named after the longer."""
    found: list[Span] = []
    # Sorted by place, so an overlap can only be with the last one kept.
    for start, end, kind in sorted(spans):
        if found and start < found[-1][1]:
            before = found[-1]
            longer = kind if end - start > before[1] - before[0] else before[2]
            found[-1] = (before[0], max(before[1], end), longer)
        else:
            found.append((start, end, kind))
    return found


def _replace_spans(text: str, spans: Iterable[Span]) -> str:
    parts, at = [], 0
    for start, end, kind in spans:
        parts += [text[at:start], f"[masked: {kind}]"]
        at = end
    return "".join((*parts, text[at:]))
