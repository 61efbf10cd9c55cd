"""Shifts as an iCalendar file (RFC 5545), valid whatever the names in it are. Pure.

A calendar program follows changes by UID. A shift's UID is of its schedule and its true beginning,
so it stays when the person changes, when the feed's window moves on, and after a restart.
`SEQUENCE` is the version of the on-call document, `DTSTAMP` when that was published: both stay the
same until the rota changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from shared.ids import digest
from shared.policy.on_call.coverage import Shift
from shared.text.characters import one_line

_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Edition:
    """The version of the on-call document, and when it was published."""

    version: int
    published_at: datetime


def calendar_of(schedule: str, planned: Iterable[Shift], edition: Edition) -> bytes:
    """The shifts of one schedule."""
    return calendar(f"On call: {schedule}", ((schedule, shift) for shift in planned), edition)


def calendar(title: str, planned: Iterable[tuple[str, Shift]], edition: Edition) -> bytes:
    """One event for each (schedule, shift)."""
    made = Calendar()
    # Both are required (RFC 5545, section 3.6).
    made.add("prodid", "-//Signalbox//On call//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", one_line(title))
    # A wish only: programs fetch it as often as they like.
    made.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for schedule, shift in planned:
        made.add_component(_event(schedule, shift, edition))
    return bytes(made.to_ical())


def _event(schedule: str, shift: Shift, edition: Edition) -> Event:
    event = Event()
    event.add("uid", uid_of(schedule, shift))
    event.add("dtstamp", edition.published_at)
    event.add("last-modified", edition.published_at)
    event.add("sequence", edition.version)
    event.add("dtstart", shift.since)
    event.add("dtend", shift.until)
    who = f"{shift.person} on call" if shift.person else "Nobody on call"
    event.add("summary", one_line(f"{who}: {schedule}"))
    # Being on call does not fill a calendar: other appointments may be made.
    event.add("transp", "TRANSPARENT")
    return event


def uid_of(schedule: str, shift: Shift) -> str:
    """A name that is no plain word is hashed: a UID has no spaces, and every program keeps it."""
    name = schedule if _PLAIN.fullmatch(schedule) else digest(ascii(schedule))
    # A shift without an end has one UID, however far the window shows it.
    return f"{name}-{'always' if shift.is_endless else int(shift.since.timestamp())}@signalbox"
