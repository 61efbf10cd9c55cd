"""The rota as staff see it: who is on call at a time, the shifts to come, what they leave open, and
a calendar feed.

Read from the newest version of the policy document `on-call`, which the portal follows in memory:
MongoDB is not needed for it. None is a 404.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.portal.on_call.calendar_feed import Edition, calendar, calendar_of
from services.portal.on_call.load import (
    OVER,
    PageToPerson,
    by_hour,
    calls_of,
    load_of,
    measure_times,
)
from services.portal.tickets.documents import iso
from shared.access import may_see_desk
from shared.events import Actor
from shared.people.folding import fold_address
from shared.policy import ON_CALL, OnCallPolicy
from shared.policy.book import PolicyLog
from shared.policy.on_call.coverage import (
    AHEAD,
    CoverageFinding,
    Shift,
    findings,
    shifts,
    whole_shifts,
)
from shared.policy.on_call.rota import on_call
from shared.process.workers import Workers
from shared.storage.store import Document, Store
from shared.wire import Message

Shape = dict[str, Any]

FED_BEFORE, FED_AHEAD = timedelta(days=14), AHEAD
"""What a calendar feed covers."""
# A longer span is cut, since each shift costs time to lay out.
LONGEST = timedelta(days=366)
# A bound for what 30 days may bring.
_MOST_PAGES = 5_000
_KEPT = 20
"""Versions, should the newest be of no use."""


class NewestOnCall:
    """The on-call document in force, fed with the records of topic `policies` in log order. Of two
    with one version the first counts.
    """

    def __init__(self) -> None:
        self._log = PolicyLog((ON_CALL,), _KEPT)

    def take(self, message: Message) -> None:
        """A replica's `on_change`. A document that cannot be used leaves the one before in force,
        as with the pager.
        """
        self._log.take(message.key, message.value)

    @property
    def policy(self) -> OnCallPolicy | None:
        found = self._log.newest(ON_CALL)
        return found.policy if found and isinstance(found.policy, OnCallPolicy) else None

    @property
    def edition(self) -> Edition | None:
        """Of `policy`."""
        found = self._log.newest(ON_CALL)
        return Edition(found.number, found.published.at) if found else None


@dataclass(frozen=True)
class RotaReads:
    """The reads about who is on call. One per process; safe for concurrent use.

    `newest` is what this process has read of topic `policies`. The view is asked where that is
    nothing: Kafka was away from the start.
    """

    store: Store
    newest: Callable[[], OnCallPolicy | None]
    edition: Callable[[], Edition | None] = lambda: None
    workers: Workers = field(default_factory=Workers)

    async def policy(self) -> OnCallPolicy | None:
        """The newest version; None where none was published. Raises Unavailable where neither log
        nor view has been read.
        """
        # The log first: it is in memory, and needs no MongoDB.
        if (known := self.newest()) is not None:
            return known
        documents = await self.store["policies"].find(
            {"name": ON_CALL}, order=[("version", -1)], limit=1
        )
        return (
            OnCallPolicy.model_validate(documents[0]["document"], extra="ignore")
            if documents
            else None
        )

    async def on_call(self, actor: Actor, at: datetime) -> list[Shape] | None:
        """Who is on call at `at`, per schedule: `[{schedule, person, email, override: bool}]`; None
        for whoever is not staff.

        `person` and `email` are null where nobody is.
        """
        if not may_see_desk(actor):
            return None
        policy = await self.policy()
        if policy is None:
            return []
        return [
            {
                "schedule": name,
                "person": person,
                "email": policy.people[person].email if person else None,
                "override": policy.override_at(name, at) is not None,
            }
            for name, person in sorted(on_call(policy, at).items())
        ]

    async def shifts(self, actor: Actor, since: datetime, until: datetime) -> list[Shape] | None:
        """`[{schedule, zone, shifts: [{person, since, until, stand_in}]}]` in [since, until), a
        year at most.
        """
        if not may_see_desk(actor):
            return None
        policy = await self.policy()
        # Cut, and not refused, so that "until the end of time" gets an answer.
        until = min(until, since + LONGEST)
        if policy is None or until <= since:
            return []
        # A year of shifts takes long to lay out, and nobody else should wait for it.
        return await self.workers.run(lambda: _list_planned_shifts(policy, since, until))

    async def coverage(self, actor: Actor, now: datetime) -> list[Shape] | None:
        """What the next 90 days leave open: `[{kind, where, text, since, until}]`, the
        worst first.
        """
        if not may_see_desk(actor):
            return None
        policy = await self.policy()
        if policy is None:
            return []
        return [
            _describe_finding(found)
            for found in await self.workers.run(lambda: findings(policy, now))
        ]

    async def person_of(self, email: str) -> str | None:
        """The name that the on-call document gives the account with this address."""
        policy = await self.policy()
        return (
            next(
                (
                    name
                    for name, one in policy.people.items()
                    if fold_address(one.email) == fold_address(email)
                ),
                None,
            )
            if policy
            else None
        )

    async def load(self, actor: Actor, now: datetime) -> list[Shape] | None:
        """Of the last 30 days, per person: `[{person, pages, at_night, acknowledged,
        median_seconds|null}]`, the most woken first.
        """
        if not may_see_desk(actor):
            return None
        policy = await self.policy()
        if policy is None:
            return []
        # The view alone knows the pages; the document says who their people are.
        pages = await self._pages(now)
        found = await self.workers.run(
            lambda: [load_of(name, calls_of(policy, name, pages)) for name in policy.people]
        )
        return [
            {
                "person": one.person,
                "pages": one.pages,
                "at_night": one.at_night,
                "acknowledged": one.acknowledged,
                "median_seconds": one.median_s,
            }
            # In the order of names where they were woken equally often.
            for one in sorted(found, key=lambda one: (-one.pages, one.person))
        ]

    async def times(self, actor: Actor, now: datetime, zone: str = "UTC") -> Shape | None:
        """Of the pages of the last 30 days: `{acknowledge, resolve, hours}`; the first two `{n,
        median_seconds|null, nine_of_ten_seconds|null}`, `hours` 24 numbers: how many pages began in
        which hour of the day, by the clock of `zone`.
        """
        if not may_see_desk(actor):
            return None
        pages = await self._pages(now)
        found = {
            "acknowledge": measure_times(pages, "acknowledged_at"),
            "resolve": measure_times(pages, "ended_at"),
        }
        hours = by_hour(pages, ZoneInfo(zone))
        return {"hours": hours} | {
            name: {
                "n": one.n,
                "median_seconds": one.median_s,
                "nine_of_ten_seconds": one.nine_of_ten_s,
            }
            for name, one in found.items()
        }

    async def calls(self, person: str, now: datetime) -> list[PageToPerson]:
        """The pages of the last 30 days that tried to reach this person, the latest first. Raises
        Unavailable.
        """
        policy = await self.policy()
        if policy is None or person not in policy.people:
            return []
        pages = await self._pages(now)
        return await self.workers.run(lambda: calls_of(policy, person, pages))

    async def _pages(self, now: datetime) -> list[Document]:
        return await self.store["pages"].find(
            # Tests wake people on purpose and say nothing about the load.
            {"opened_at": {"$gte": iso(now - OVER)}, "test_of": None},
            order=[("opened_at", -1)],
            limit=_MOST_PAGES,
        )

    async def shifts_of(self, person: str, now: datetime) -> list[tuple[str, Shift]]:
        """(schedule, shift) of one person, those under way and to come in the next 90 days, the
        next first.
        """
        policy = await self.policy()
        if policy is None:
            return []
        found = await self.workers.run(lambda: _shifts_of(policy, person, now, now + AHEAD))
        return sorted(found, key=lambda one: (one[1].since, one[0]))

    async def calendar_of_person(self, person: str, now: datetime) -> bytes | None:
        """The shifts of one person in all schedules as iCalendar; None where there is no such
        person.
        """
        policy = await self.policy()
        if policy is None or person not in policy.people:
            return None
        begins, ends = now - FED_BEFORE, now + FED_AHEAD
        # A version of nothing, where the document was read from the view.
        edition = self.edition() or Edition(0, now)

        def draw_calendar() -> bytes:
            planned = [
                (name, shift)
                for name in policy.schedules
                # Whole shifts, so that an event keeps its beginning while the window moves over it.
                for shift in whole_shifts(policy, name, begins, ends)
                if shift.person == person
            ]
            return calendar(f"{person} on call", planned, edition)

        return await self.workers.run(draw_calendar)

    async def calendar(self, schedule: str, now: datetime) -> bytes | None:
        """The shifts of one schedule as iCalendar (RFC 5545); None where there is no such
        schedule.
        """
        policy = await self.policy()
        if policy is None or schedule not in policy.schedules:
            return None
        edition = self.edition() or Edition(0, now)

        def draw_calendar() -> bytes:
            planned = whole_shifts(policy, schedule, now - FED_BEFORE, now + FED_AHEAD)
            return calendar_of(schedule, planned, edition)

        return await self.workers.run(draw_calendar)


def _list_planned_shifts(policy: OnCallPolicy, since: datetime, until: datetime) -> list[Shape]:
    return [
        {
            "schedule": name,
            "zone": schedule.zone,
            "shifts": [_shift(shift) for shift in shifts(policy, name, since, until)],
        }
        for name, schedule in sorted(policy.schedules.items())
    ]


def _shifts_of(
    policy: OnCallPolicy, person: str, since: datetime, until: datetime
) -> list[tuple[str, Shift]]:
    return [
        (name, shift)
        for name in policy.schedules
        for shift in shifts(policy, name, since, until)
        if shift.person == person
    ]


def _shift(shift: Shift) -> Shape:
    return {
        "person": shift.person,
        "since": iso(shift.since),
        "until": iso(shift.until),
        "stand_in": shift.by_override,
    }


def _describe_finding(found: CoverageFinding) -> Shape:
    times = {
        "since": iso(found.since) if found.since else None,
        "until": iso(found.until) if found.until else None,
    }
    return {"kind": found.kind, "where": found.where, "text": found.text, **times}
