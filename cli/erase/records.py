"""What is left of one record of any topic when a person is erased, and what of a topic is theirs in
numbers. Pure.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from cli.erase.erasing import erase_row, erase_value
from cli.erase.mark import MARK
from cli.erase.person import ERASED, PersonToErase
from cli.erase.table import ROWS
from shared.topics import PUBLIC

Headers = tuple[tuple[str, bytes], ...]
_PUBLIC = frozenset(topic.name for topic in PUBLIC)


@dataclass(frozen=True)
class ErasedRecord:
    """`changed`: anything is different. `texts`: a text of theirs is gone."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    changed: bool
    texts: bool


def left_of(
    topic: str, key: bytes | None, value: bytes | None, headers: Headers, person: PersonToErase
) -> ErasedRecord:
    """A record without the person. Raises `erasing.UnknownEvent`."""
    # Value, key and headers each by itself: the address may stand in any of them.
    new_value, texts = _value(topic, key, value, person)
    new_key = None if key is None else _replace_person(key, person)
    new_headers = tuple((name, _replace_person(said, person)) for name, said in headers)
    # The header "parked" of a row holds a text of what waits.
    if texts and topic in ROWS:
        new_headers = tuple(
            (name, ERASED.encode() if name == "parked" else said) for name, said in new_headers
        )
    if texts and topic in _PUBLIC and MARK not in dict(headers):
        new_headers += ((MARK, person.pseudonym.encode()),)
    changed = (new_key, new_value, new_headers) != (key, value, headers)
    return ErasedRecord(new_key, new_value, new_headers, changed, texts)


def _value(
    topic: str, key: bytes | None, value: bytes | None, person: PersonToErase
) -> tuple[bytes | None, bool]:
    if not value:
        return value, False
    if topic in _PUBLIC:
        return erase_value(value, person)
    if topic in ROWS:
        row = orjson.loads(value)
        left = erase_row(topic, (key or b"").decode(), row, person)
        return (value if left.document == row else orjson.dumps(left.document)), left.texts
    return _foreign(value, person), False  # Faust's tables: numbers, and what it keeps for itself


def _foreign(value: bytes, person: PersonToErase) -> bytes:
    text = value.decode("utf-8", "surrogateescape")
    return (
        person.replaced(text).encode("utf-8", "surrogateescape") if person.is_named(text) else value
    )


def _replace_person(raw: bytes, person: PersonToErase) -> bytes:
    return _foreign(raw, person)


def event_of(value: bytes | None) -> dict[str, Any] | None:
    """The JSON of an event; None for what is none."""
    try:
        found = orjson.loads(value) if value else None
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "type" in found else None


def by_others(event: dict[str, Any], person: PersonToErase) -> bool:
    """What somebody else wrote on a ticket of theirs: it may tell of them in its own words, and
    nobody judges that.
    """
    return (
        event.get("type") in ("ReplyAdded", "NoteAdded")
        and event.get("key") in person.tickets
        and not person.is_them(event.get("author"))
    )


@dataclass
class ErasureCounts:
    """Records that change, by topic; those of them that lose a text; replies of others that nobody
    judged.
    """

    records: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    not_judged: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "records": dict(sorted(self.records.items())),
            "texts": sum(self.texts.values()),
            "not_judged": self.not_judged,
        }


class Digest:
    """Of the records of one partition in their order: the same for a copy of it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(
        self,
        offset: int,
        at_ms: int,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes]],
    ) -> None:
        # "-" and "+": no value and an empty one must differ.
        parts = [
            b"%d/%d" % (offset, at_ms),
            b"-" if key is None else b"+" + key,
            b"-" if value is None else b"+" + value,
        ]
        for name, said in headers:
            parts += [name.encode(), said]
        for part in parts:
            # The length before each part: no two records give the same bytes.
            self._hash.update(b"%d:" % len(part))
            self._hash.update(part)

    def said(self) -> str:
        return self._hash.hexdigest()
