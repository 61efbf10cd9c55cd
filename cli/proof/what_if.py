"""A draft policy over a window of the log: every ticket lived through twice, under the policy of then and under the draft. Pure.

What people did is as it was: replies, reviews, assignments, acknowledgements, at their times. What the system's own timers
asked for (auto-close, take-back) is replayed as it was asked then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cli.proof.course import Course, lived
from cli.proof.log import InForce, Policies, Slice
from cli.proof.outcome import Outcome, outcome_of, unlike
from cli.proof.subjects import pager_work, rules_of, stamped
from services.notifier import domain as pager
from services.notifier import front
from services.notifier.pager_steps import Rules
from services.router import handlers as router
from services.sla import handlers as sla
from shared.errors import Poisonous, Unavailable
from shared.events import AckAsked, Event, Fact, OpenTicket, PageAcknowledged, PageEscalated, PageOpened
from shared.policy import DeskPolicy, OnCallPolicy
from shared.topics import REQUESTS
from shared.work import Work, read_event

FOLLOWED = timedelta(hours=3)
"""So long after the last word on a lane its escalation is followed: a page nobody ever acknowledged repeats without end."""
ANSWERS_IN = timedelta(minutes=1)
"""A page that there was not then has no acknowledgement in the log: whoever is paged first is taken to answer so quickly."""

ASSUMED = (
    "People do as they did, at the times they did: replies, reviews, assignments and acknowledgements come from the log.",
    f"A page that there was not then is taken to be acknowledged {ANSWERS_IN.seconds // 60} minute after the first person is paged.",
    "What the system itself asked for then (closing, taking back) is asked again at the same times.",
)


@dataclass(frozen=True)
class World:
    """The policies of one of the two lives."""

    router: Work[Any]
    sla: Work[Any]
    rules_at: Callable[[datetime], Rules | None]


@dataclass(frozen=True)
class Call:
    """Somebody paged: `local` is the wall clock of their schedule's zone."""

    lane: str
    ticket: str
    person: str
    step: int
    round: int
    at: datetime
    zone: str

    @property
    def local(self) -> datetime:
        return self.at.astimezone(ZoneInfo(self.zone))

    @property
    def same(self) -> tuple[Any, ...]:
        return self.lane, self.person, self.at

    def as_json(self) -> dict[str, Any]:
        return {"ticket_id": self.ticket, "person": self.person, "step": self.step, "round": self.round, "at": self.at,
                "local": self.local.isoformat(), "zone": self.zone}  # fmt: skip


@dataclass(frozen=True)
class Changed:
    """A ticket whose fate differs."""

    ticket: str
    now: Outcome
    draft: Outcome
    fields: Mapping[str, tuple[Any, Any]]


def then(policies: Policies) -> World:
    """The policies as they were, each request under the version it was stamped with."""

    def rules_at(at: datetime) -> Rules | None:
        on_call, desk = _newest(policies.on_call, at), _newest(policies.desk, at)
        return rules_of(on_call, desk) if on_call else None

    of = stamped(policies)
    return World(router.work(of), sla.work(of), rules_at)


def drafted(policies: Policies, draft: DeskPolicy | OnCallPolicy) -> World:
    """The same, but one document is the draft from the beginning."""
    before = then(policies)
    if isinstance(draft, DeskPolicy):

        def rules_with_desk(at: datetime) -> Rules | None:
            found = before.rules_at(at)
            return Rules(found.on_call, draft.escalation, found.stamp) if found else None

        return World(router.work(lambda stamp: draft), sla.work(lambda stamp: draft), rules_with_desk)

    def rules_with_rota(at: datetime) -> Rules | None:
        found = before.rules_at(at)
        return Rules(draft, found.escalation, found.stamp) if found else Rules(draft, DeskPolicy.model_fields["escalation"].default, {})

    return World(before.router, before.sla, rules_with_rota)


def _newest(versions: Mapping[int, InForce], at: datetime) -> InForce | None:
    """The newest version published by `at`; before the first, the first."""
    known = [version for version in versions.values() if version.at <= at]
    return max(known, key=lambda v: v.version) if known else min(versions.values(), key=lambda v: v.version, default=None)


class WhatIf:
    """Fed with slices of topic `requests`. `changed`: the tickets that differ; `seen`: how many were compared."""

    def __init__(self, policies: Policies, draft: DeskPolicy | OnCallPolicy, since: datetime, until: datetime) -> None:
        self.since, self.until = since, until
        self.worlds = then(policies), drafted(policies, draft)
        self.is_desk = isinstance(draft, DeskPolicy)
        self.changed: list[Changed] = []
        self.seen = self.skipped = 0
        self.days: dict[str, list[int]] = {}
        """Day → [tickets, changed, breaches then, breaches under the draft]."""
        self.breaches: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._inbox: tuple[dict[str, list[Event]], dict[str, list[Event]]] = ({}, {})
        self._asked: dict[str, list[Event]] = {}

    def take(self, piece: Slice) -> None:
        for key in piece.keys(REQUESTS.name):
            requests = [request for request in _requests(piece, key) if request.at < self.until]
            if requests and isinstance(requests[0], OpenTicket):
                if self.since <= requests[0].at < self.until:
                    self._ticket(key, requests)
            else:
                self._page_requests(piece, key)

    def _ticket(self, key: str, requests: Sequence[Event]) -> None:
        try:
            now = self._live(0, key, requests)
            draft = self._live(1, key, requests) if self.is_desk else now
        except Unavailable:
            self.skipped += 1
            return
        if draft is now:
            for lane, events in self._inbox[0].items():
                self._inbox[1].setdefault(lane, events)
        fields = unlike(now, draft)
        self.seen += 1
        day = self.days.setdefault(now.opened_at.date().isoformat() if now.opened_at else "", [0, 0, 0, 0])
        day[0] += 1
        day[1] += bool(fields)
        for side, outcome in enumerate((now, draft)):
            day[2 + side] += len(outcome.breaches)
            for clock in outcome.breaches:
                self.breaches[side][clock] = self.breaches[side].get(clock, 0) + 1
        if fields:
            self.changed.append(Changed(key, now, draft, fields))

    def _live(self, side: int, key: str, requests: Sequence[Event]) -> Outcome:
        world = self.worlds[side]
        facts = lived(world.router, key, ((request.at, request) for request in requests), self.until).facts
        clocks = lived(world.sla, key, ((fact.at, fact) for fact in facts if type(fact) in sla.HANDLERS), self.until).facts
        for fact in facts:
            handler = front.HANDLERS["tickets"].get(type(fact))
            for event in handler(fact) if handler else ():
                self._inbox[side].setdefault(event.key, []).append(event)
        return outcome_of(facts, clocks)

    def _page_requests(self, piece: Slice, page: str) -> None:
        kinds = front.HANDLERS["requests"]
        for message in piece.of(REQUESTS.name, page):
            try:
                request = read_event(message)
            except Poisonous:
                continue
            handler = kinds.get(type(request)) if request is not None else None
            if handler is not None:
                for event in handler(request):
                    self._asked.setdefault(event.key, []).append(event)

    def calls(self) -> tuple[list[Call], list[Call]]:
        """Who was paged, and who would have been: after all slices were taken."""
        found: tuple[list[Call], list[Call]] = ([], [])
        for lane in dict.fromkeys((*self._inbox[0], *self._inbox[1])):
            was = self._lane(0, lane, self._asked.get(lane, []))
            there = {fact.page for fact in was.facts if isinstance(fact, PageOpened)}
            would = self._lane(1, lane, self._asked.get(lane, []))
            new = _unanswered(would.facts, there)
            if new:
                would = self._lane(1, lane, [*self._asked.get(lane, []), *new])
            found[0].extend(_calls(lane, was.facts, self.worlds[0]))
            found[1].extend(_calls(lane, would.facts, self.worlds[1]))
        return found

    def _lane(self, side: int, lane: str, asked: Sequence[Event]) -> Course:
        world = self.worlds[side]
        events = sorted([*self._inbox[side].get(lane, []), *asked], key=lambda event: event.at)
        last = events[-1].at if events else self.since
        return lived(_pager(world), lane, ((event.at, event) for event in events), min(self.until, last + FOLLOWED))


def _pager(world: World) -> Work[Any]:
    def rules(now: datetime) -> Rules:
        found = world.rules_at(now)
        if found is None:
            raise Poisonous("nobody is on call: no such policy was published")
        return found

    blank = pager_work(None)
    return Work(
        name=blank.name, input=blank.input, outputs=blank.outputs, row=blank.row, evolve=blank.evolve, due_at=blank.due_at,
        decide=lambda lane, event, now: pager.decide(lane, event, rules(now), now),
        fire=lambda lane, now: pager.fire(lane, rules(now), now),
    )  # fmt: skip


def _unanswered(facts: Iterable[Fact], there: set[str]) -> list[Event]:
    """The acknowledgements that pages of the draft alone are taken to get."""
    found: list[Event] = []
    called: set[str] = set()
    for fact in facts:
        if isinstance(fact, PageAcknowledged):
            called.add(fact.page)
        elif isinstance(fact, PageEscalated) and fact.to and fact.page not in there | called:
            called.add(fact.page)
            at = fact.at + ANSWERS_IN
            found.append(AckAsked(id=f"assumed-{fact.page}", key=fact.key, at=at, page=fact.page, by=fact.to[0], via="assumed"))
    return found


def _calls(lane: str, facts: Iterable[Fact], world: World) -> Iterable[Call]:
    tickets: dict[str, str] = {}
    for fact in facts:
        if isinstance(fact, PageOpened):
            tickets[fact.page] = fact.ticket_id
        elif isinstance(fact, PageEscalated):
            rules = world.rules_at(fact.at)
            for person in fact.to:
                zone = _zone_of(rules.on_call, person) if rules else "UTC"
                yield Call(lane, tickets.get(fact.page, ""), person, fact.step, fact.round, fact.at, zone)


def _zone_of(on_call: OnCallPolicy, person: str) -> str:
    """Where the person's day is: the zone of the first schedule they are in."""
    for schedule in on_call.schedules.values():
        if person in schedule.rotation.people or any(override.person == person for override in schedule.overrides):
            return schedule.zone
    return next((schedule.zone for schedule in on_call.schedules.values()), "UTC")


def _requests(piece: Slice, key: str) -> list[Event]:
    """The requests on a ticket in the order of the log, the opening first."""
    found: list[Event] = []
    for message in piece.of(REQUESTS.name, key):
        try:
            event = router.parse(message)
        except Poisonous:
            continue
        if event is not None:
            found.append(event)
    opening = next((number for number, event in enumerate(found) if isinstance(event, OpenTicket)), 0)
    return [*found[opening : opening + 1], *found[:opening], *found[opening + 1 :]] if found else []
