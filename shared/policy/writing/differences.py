"""What differs between two versions of a policy document, and for whom. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from pydantic import BaseModel

from shared.policy.on_call.coverage import AHEAD, Shift, shifts
from shared.policy.on_call.document import OnCallPolicy

MOST_HANDOVERS = 50
"""So many changes of who is on call are told; the rest is more of the same."""


class Handover(NamedTuple):
    """Who would be on call in [since, until) instead of whom; None: nobody."""

    schedule: str
    before: str | None
    after: str | None
    since: datetime
    until: datetime


def handovers(
    old: OnCallPolicy | None, new: OnCallPolicy, now: datetime, ahead: timedelta = AHEAD
) -> list[Handover]:
    """For whom the rota of the next 90 days would change, schedule by schedule. Empty where there
    was none before.
    """
    found: list[Handover] = []
    for name in new.schedules if old is not None else ():
        assert old is not None
        # A new schedule has no shifts before, and one that is the same needs no comparison.
        if name not in old.schedules or old.schedules[name] == new.schedules[name]:
            continue
        before, after = (shifts(each, name, now, now + ahead) for each in (old, new))
        found += _compare_shifts(name, before, after)
    return found[:MOST_HANDOVERS]


def _compare_shifts(name: str, before: list[Shift], after: list[Shift]) -> Iterator[Handover]:
    last: Handover | None = None
    # Walk both lists of shifts side by side. Each turn looks at the time that one shift of each
    # shares.
    i = j = 0
    while i < len(before) and j < len(after):
        was, shall = before[i], after[j]
        since, until = max(was.since, shall.since), min(was.until, shall.until)
        if was.person != shall.person:
            # The same change goes on without a break: told as one.
            same = last is not None and (last.before, last.after, last.until) == (
                was.person,
                shall.person,
                since,
            )
            if last is not None and not same:
                yield last
            begins = last.since if last is not None and same else since
            last = Handover(name, was.person, shall.person, begins, until)
        # Go on in the list whose shift ends first; in both where they end together.
        i, j = i + (was.until == until), j + (shall.until == until)
    if last is not None:
        yield last


def find_differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, old, new) of every value that differs; None is what is not there. Entries of lists are
    told by what names them.
    """
    before, after = _parts(old), _parts(new)
    # At least one is a plain value: nothing to look into.
    if before is None or after is None:
        if old != new:
            yield path, _plain(old), _plain(new)
        return
    for name in dict.fromkeys((*before, *after)):
        inner = f"{path}{name}" if name.startswith("[") or not path else f"{path}.{name}"
        if name in before and name in after:
            yield from find_differences(before[name], after[name], inner)
        else:
            yield inner, _plain(before.get(name)), _plain(after.get(name))
    # The same entries in another order: it matters for rules and layers, where the first or last
    # counts.
    if (
        list(before) != list(after)
        and before.keys() == after.keys()
        and isinstance(old, tuple | list)
    ):
        yield (
            f"{path} (order)",
            [name.strip("[]") for name in before],
            [name.strip("[]") for name in after],
        )


# What tells one entry of a list from another, tried in this order; else its number.
_NAMED_BY = (
    ("plan", "priority"),
    ("rule",),
    ("name",),
    ("schedule",),
    ("person", "since"),
    ("by", "since"),
)


def _parts(value: Any) -> Mapping[str, Any] | None:
    """What a value consists of by name; None for a plain one."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {str(key): inner for key, inner in value.items()}
    if (
        isinstance(value, tuple | list)
        and value
        and all(isinstance(entry, BaseModel) for entry in value)
    ):
        return {f"[{_name(entry, number)}]": entry for number, entry in enumerate(value)}
    return None


def _name(entry: BaseModel, number: int) -> str:
    for names in _NAMED_BY:
        if all(getattr(entry, name, None) for name in names):
            return "/".join(str(_plain(getattr(entry, name))) for name in names)
    return str(number)


def _plain(value: Any) -> Any:
    """As a policy file would write it."""
    match value:
        case timedelta():
            return span(value)
        case Enum():
            return value.value
        case BaseModel():
            return value.model_dump(mode="json")
        case frozenset() | set():
            return sorted(str(_plain(each)) for each in value)
        case tuple() | list():
            return [_plain(each) for each in value]
        case None | bool() | int() | float() | dict():
            return value
        case _:
            return str(value)


def span(value: timedelta) -> str:
    """30m, 4h, 2d."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        # 24h stays "24h": one day could be read as a day of the calendar.
        if seconds and seconds % size == 0 and (unit != "d" or seconds > size):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
