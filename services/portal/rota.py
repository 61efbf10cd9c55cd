"""The rota as staff see it: who is on call at a time, the shifts to come, what they leave open, and a calendar feed.

Read from the newest version of the policy document `on-call`, which the portal follows in memory: MongoDB is not needed for it.
None is a 404.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from icalendar import Calendar, Event
from pydantic import ValidationError

from services.portal.load import OVER, Called, calls_of, load_of
from services.portal.shapes import iso
from shared.access import may_see_desk
from shared.events import Actor, PolicyPublished
from shared.policy import ON_CALL, OnCallPolicy
from shared.policy.coverage import AHEAD, Finding, Shift, findings, shifts
from shared.policy.rota import on_call
from shared.store import Document, Store
from shared.wire import Message

log = structlog.get_logger()

Shape = dict[str, Any]

FED_BEFORE, FED_AHEAD = timedelta(days=14), AHEAD
"""What a calendar feed covers."""
LONGEST = timedelta(days=366)
_MOST_PAGES = 5_000


class NewestOnCall:
    """The on-call document in force, fed with the records of topic `policies` in log order. Of two with one version the first counts."""

    def __init__(self) -> None:
        self.policy: OnCallPolicy | None = None
        self._version = 0

    def take(self, message: Message) -> None:
        """A replica's `on_change`. A document that does not parse is said in the log, and the one before stays, as with the pager."""
        if message.key != ON_CALL or not message.value:
            return
        try:
            published = PolicyPublished.read(message.value)
            if published.version > self._version:
                self.policy = OnCallPolicy.model_validate(published.document)
                self._version = published.version
        except ValidationError as error:
            log.error("the on-call document cannot be used", offset=message.offset, error=str(error))


@dataclass(frozen=True)
class Rota:
    """The reads about who is on call. One per process; safe for concurrent use.

    `newest` is what this process has read of topic `policies`. The view is asked where that is nothing: Kafka was away from the start.
    """

    store: Store
    newest: Callable[[], OnCallPolicy | None]

    async def policy(self) -> OnCallPolicy | None:
        """The newest version; None where none was published. Raises Unavailable where neither log nor view has been read."""
        if (known := self.newest()) is not None:
            return known
        documents = await self.store["policies"].find({"name": ON_CALL}, order=[("version", -1)], limit=1)
        return OnCallPolicy.model_validate(documents[0]["document"]) if documents else None

    async def on_call(self, actor: Actor, at: datetime) -> list[Shape] | None:
        """Who is on call at `at`, per schedule: `[{schedule, person, email, override: bool}]`; None for whoever is not staff.

        `person` and `email` are null where nobody is.
        """
        if not may_see_desk(actor):
            return None
        policy = await self.policy()
        if policy is None:
            return []
        return [
            {
                "schedule": name, "person": person, "email": policy.people[person].email if person else None,
                "override": policy.override_at(name, at) is not None,
            }
            for name, person in sorted(on_call(policy, at).items())
        ]  # fmt: skip

    async def shifts(self, actor: Actor, since: datetime, until: datetime) -> list[Shape] | None:
        """`[{schedule, zone, shifts: [{person, since, until, stand_in}]}]` in [since, until), a year at most."""
        if not may_see_desk(actor):
            return None
        policy = await self.policy()
        until = min(until, since + LONGEST)
        return [
            {"schedule": name, "zone": schedule.zone, "shifts": [_shift(shift) for shift in shifts(policy, name, since, until)]}
            for name, schedule in sorted(policy.schedules.items())
        ] if policy and until > since else []  # fmt: skip

    async def coverage(self, actor: Actor, now: datetime) -> list[Shape] | None:
        """What the next 90 days leave open: `[{kind, where, text, since, until}]`, the worst first."""
        if not may_see_desk(actor):
            return None
        policy = await self.policy()
        return [_finding(found) for found in findings(policy, now)] if policy else []

    async def person_of(self, email: str) -> str | None:
        """The name in the on-call document of whose account has this address."""
        policy = await self.policy()
        return next((name for name, one in policy.people.items() if one.email.lower() == email.lower()), None) if policy else None

    async def load(self, actor: Actor, now: datetime) -> list[Shape] | None:
        """Of the last 30 days, per person: `[{person, pages, at_night, acknowledged, median_seconds|null}]`, the most woken first."""
        if not may_see_desk(actor):
            return None
        policy = await self.policy()
        if policy is None:
            return []
        pages = await self._pages(now)
        found = [load_of(name, calls_of(policy, name, pages)) for name in policy.people]
        return [
            {
                "person": one.person, "pages": one.pages, "at_night": one.at_night, "acknowledged": one.acknowledged,
                "median_seconds": one.median_s,
            }
            for one in sorted(found, key=lambda one: (-one.pages, one.person))
        ]  # fmt: skip

    async def calls(self, person: str, now: datetime) -> list[Called]:
        """The pages of the last 30 days that tried to reach this person, the latest first. Raises Unavailable."""
        policy = await self.policy()
        return calls_of(policy, person, await self._pages(now)) if policy and person in policy.people else []

    async def _pages(self, now: datetime) -> list[Document]:
        return await self.store["pages"].find({"opened_at": {"$gte": iso(now - OVER)}}, order=[("opened_at", -1)], limit=_MOST_PAGES)

    async def shifts_of(self, person: str, now: datetime) -> list[tuple[str, Shift]]:
        """(schedule, shift) of one person, those under way and to come in the next 90 days, the next first."""
        policy = await self.policy()
        if policy is None:
            return []
        found = [(name, shift) for name in policy.schedules for shift in shifts(policy, name, now, now + AHEAD) if shift.person == person]
        return sorted(found, key=lambda one: (one[1].since, one[0]))

    async def calendar_of_person(self, person: str, now: datetime) -> bytes | None:
        """The shifts of one person in all schedules as iCalendar; None where there is no such person."""
        policy = await self.policy()
        if policy is None or person not in policy.people:
            return None
        begins, ends = now - FED_BEFORE, now + FED_AHEAD
        planned = [(name, shift) for name in policy.schedules for shift in shifts(policy, name, begins, ends) if shift.person == person]
        return _calendar(f"{person} on call", planned, now)

    async def calendar(self, schedule: str, now: datetime) -> bytes | None:
        """The shifts of one schedule as iCalendar (RFC 5545); None where there is no such schedule."""
        policy = await self.policy()
        if policy is None or schedule not in policy.schedules:
            return None
        return calendar_of(schedule, shifts(policy, schedule, now - FED_BEFORE, now + FED_AHEAD), now)


def calendar_of(schedule: str, planned: list[Shift], now: datetime) -> bytes:
    """One event a shift; its UID stays while the shift begins at the same time, so calendars follow changes."""
    return _calendar(f"On call: {schedule}", [(schedule, shift) for shift in planned], now)


def _calendar(title: str, planned: Iterable[tuple[str, Shift]], now: datetime) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Signalbox//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", title)
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for schedule, shift in planned:
        event = Event()
        event.add("uid", f"{schedule}-{int(shift.since.timestamp())}@signalbox")
        event.add("dtstamp", now)
        event.add("dtstart", shift.since)
        event.add("dtend", shift.until)
        event.add("summary", f"{shift.person} on call: {schedule}" if shift.person else f"Nobody on call: {schedule}")
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _shift(shift: Shift) -> Shape:
    return {"person": shift.person, "since": iso(shift.since), "until": iso(shift.until), "stand_in": shift.by_override}


def _finding(found: Finding) -> Shape:
    times = {"since": iso(found.since) if found.since else None, "until": iso(found.until) if found.until else None}
    return {"kind": found.kind, "where": found.where, "text": found.text, **times}
