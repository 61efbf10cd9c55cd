"""What a proof finds: differences named by key, seq and field, and the counts beside them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.events import Fact


class DifferenceKind(StrEnum):
    """`missing`: decided, but not in the log. `extra`: in the log, but nothing decides it.
    `different`: decided otherwise. `conflict`: a second fact with the same key and seq. `cut`: a
    part of a decision is in the log once more than the rest. `overdue`: a timer or a send of which
    nothing is recorded though its time has passed. `undecidable`: deciding fails.
    """

    MISSING = "missing"
    EXTRA = "extra"
    DIFFERENT = "different"
    CONFLICT = "conflict"
    CUT = "cut"
    OVERDUE = "overdue"
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True)
class FieldDifference:
    """One field of a fact: as deciding again has it, and as the log has it."""

    field: str
    expected: Any
    found: Any


@dataclass(frozen=True)
class Difference:
    """`key` is the ticket or the lane; `about` says whose step or clock it is, so that nobody has
    to look it up.
    """

    kind: DifferenceKind
    topic: str
    key: str
    seq: int
    type: str
    why: str
    at: datetime | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[FieldDifference, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "topic": self.topic,
            "key": self.key,
            "seq": self.seq,
            "type": self.type,
            "why": self.why,
            "at": self.at,
            "about": dict(self.about),
            "changes": [
                {"field": change.field, "expected": change.expected, "found": change.found}
                for change in self.changes
            ],
        }

    def lines(self) -> list[str]:
        """For people: what, where, and each field."""
        told = "".join(f", {name} {value}" for name, value in self.about.items())
        first = (
            f"{self.kind.value}: {self.type} of {self.topic} {self.key} seq {self.seq}{told}: "
            f"{self.why}"
        )
        return [
            first,
            *(
                f"    {change.field}: expected {change.expected!r}, found {change.found!r}"
                for change in self.changes
            ),
        ]


@dataclass(frozen=True)
class Repeat:
    """A fact that is in the log again, exactly: readers skip it. A crash between publishing and
    remembering leaves such.
    """

    topic: str
    key: str
    seq: int
    type: str
    copies: int


@dataclass
class ProofTally:
    """Everything found. `counts`: decisions made again by worker and kind; `waiting`: inputs that
    are not decided on yet; `incomplete`: keys whose beginning is not kept any more."""

    differences: list[Difference] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    incomplete: int = 0
    put_aside: int = 0
    erased: int = 0
    """Inputs that lost a text when a person was erased (docs/decisions/0014): not decided again."""

    def add(self, other: ProofTally) -> None:
        """What another process found."""
        self.differences += other.differences
        self.repeats += other.repeats
        self.counts += other.counts
        self.waiting += other.waiting
        self.incomplete += other.incomplete
        self.put_aside += other.put_aside
        self.erased += other.erased

    def as_json(self) -> dict[str, Any]:
        return {
            "differences": [difference.as_json() for difference in self.differences],
            "repeats": [vars(repeat) for repeat in self.repeats],
            "counts": dict(sorted(self.counts.items())),
            "waiting": self.waiting,
            "incomplete": self.incomplete,
            "put_aside": self.put_aside,
            "erased": self.erased,
        }


# Fields that tell a reader which step, clock or person it is, in this order.
_ABOUT = (
    "page",
    "step",
    "round",
    "to",
    "clock",
    "percent",
    "queue",
    "provider",
    "obligation",
    "ticket_id",
)


def about(fact: Fact) -> dict[str, Any]:
    """Ticket, step and person of a fact, as far as it has them."""
    found = {
        name: getattr(fact, name)
        for name in _ABOUT
        if getattr(fact, name, None) not in (None, "", ())
    }
    return {
        name: ", ".join(value) if isinstance(value, tuple) else str(value)
        for name, value in found.items()
    }


def changes(expected: Fact, found: Fact) -> tuple[FieldDifference, ...]:
    """The fields in which they differ; those that the record in the log does not have, an older
    version did not know.
    """
    # Fields of two kinds of fact cannot be compared.
    if type(expected) is not type(found):
        return (FieldDifference("type", expected.type, found.type),)
    # What the log's fact does not say, its version did not know: not different.
    said = found.model_fields_set
    wanted, have = expected.model_dump(mode="json"), found.model_dump(mode="json")
    return tuple(
        FieldDifference(path, a, b)
        for name in wanted
        if name in said
        for path, a, b in _unlike(name, wanted[name], have[name])
    )


def _unlike(path: str, expected: Any, found: Any) -> Iterable[tuple[str, Any, Any]]:
    if expected == found:
        return
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in sorted(expected.keys() | found.keys(), key=str):
            yield from _unlike(f"{path}.{name}", expected.get(name), found.get(name))
    # Lists of another length are told as a whole: their entries cannot be matched.
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (a, b) in enumerate(zip(expected, found, strict=True)):
            yield from _unlike(f"{path}[{number}]", a, b)
    else:
        yield path, expected, found
