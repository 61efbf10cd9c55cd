"""A draft policy over a window of the log: every ticket lived through twice, under the policy of
then and under the draft. Pure.

What people did is as it was: replies, reviews, assignments, acknowledgements, at their times. What
the system's own timers asked for (auto-close, take-back) is replayed as it was asked then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cli.proof.lifetime import Answers, RowLifetime, live_row, number_facts
from cli.proof.log import PolicyVersions, Slice
from cli.what_if.outcome import TicketOutcome, outcome_of, unlike
from cli.what_if.worlds import PolicyWorld, make_draft_world, promises_alike, then
from services.notifier.front import rules as front
from services.notifier.pager import handlers as pager
from services.notifier.pager.pace import PagingRules
from services.router import handlers as router
from services.sla import handlers as sla
from shared.errors import Poisonous, Unavailable
from shared.events import (
    AckAsked,
    Event,
    Fact,
    OpenTicket,
    PageEscalated,
    PageOpened,
    Request,
    StatusRequest,
)
from shared.policy import DESK, DeskPolicy, OnCallPolicy
from shared.spine.work import Work, read_event
from shared.topics import REQUESTS

# Whether sla decides the same under two policies: then clocks are lived through once.
Alike = Callable[[DeskPolicy, DeskPolicy], bool]

FOLLOWED = timedelta(hours=3)
"""So long after the last word on a lane its timers are followed."""
ROUNDS = 3
"""A page nobody ever acknowledged is followed through so many rounds of its escalation: it repeats
without end.
"""

# Told with every result: what a what-if cannot know.
ASSUMED = (
    (
        "People do as they did, at the times they did: replies, reviews, assignments and "
        "acknowledgements come from the log."
    ),
    (
        "A page that there was not then is taken to be acknowledged by the first person paged, "
        "at once."
    ),
    (
        "What the system itself asked for then (closing, taking back) is asked again at the "
        "same times."
    ),
)


@dataclass(frozen=True)
class PersonPaged:
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
        return {
            "ticket_id": self.ticket,
            "person": self.person,
            "step": self.step,
            "round": self.round,
            "at": self.at,
            "local": self.local.isoformat(),
            "zone": self.zone,
        }


@dataclass(frozen=True)
class ChangedTicket:
    """A ticket whose fate differs."""

    ticket: str
    now: TicketOutcome
    draft: TicketOutcome
    fields: Mapping[str, tuple[Any, Any]]


@dataclass
class WhatIfSums:
    """What was found, side 0 under the policies of then and side 1 under the draft: `changed`
    tickets, how many were `seen`, `days`: day → [tickets, changed, breaches then, breaches under
    the draft], `breaches` by clock, and what the lanes were told.
    """

    changed: list[ChangedTicket] = field(default_factory=list)
    seen: int = 0
    skipped: int = 0
    days: dict[str, list[int]] = field(default_factory=dict)
    breaches: tuple[dict[str, int], dict[str, int]] = field(default_factory=lambda: ({}, {}))
    inbox: tuple[dict[str, list[Event]], dict[str, list[Event]]] = field(
        default_factory=lambda: ({}, {})
    )
    asked: dict[str, list[Event]] = field(default_factory=dict)

    def add(self, other: WhatIfSums) -> None:
        """What another process found in its partitions."""
        self.changed += other.changed
        self.seen += other.seen
        self.skipped += other.skipped
        for day, counts in other.days.items():
            self.days[day] = [
                a + b for a, b in zip(self.days.get(day, [0] * 4), counts, strict=True)
            ]
        for mine, theirs in zip(self.breaches, other.breaches, strict=True):
            for clock, count in theirs.items():
                mine[clock] = mine.get(clock, 0) + count
        # Lanes hold events of several tickets, so of several partitions.
        for told, more in (
            (self.inbox[0], other.inbox[0]),
            (self.inbox[1], other.inbox[1]),
            (self.asked, other.asked),
        ):
            for lane, events in more.items():
                told[lane] = [*told.get(lane, []), *events]


class WhatIf:
    """Fed with slices of topic `requests`; `sums` is what it found."""

    def __init__(
        self,
        policies: PolicyVersions,
        draft: DeskPolicy | OnCallPolicy,
        since: datetime,
        until: datetime,
        alike: Alike = promises_alike,
    ) -> None:
        self.since, self.until = since, until
        self.worlds = then(policies), make_draft_world(policies, draft)
        self.is_desk = isinstance(draft, DeskPolicy)
        self._alike = {
            version: alike(known.document, draft)
            for version, known in policies.desk.items()
            if isinstance(known.document, DeskPolicy) and isinstance(draft, DeskPolicy)
        }
        self.sums = WhatIfSums()

    def take(self, piece: Slice) -> None:
        for key in piece.keys(REQUESTS.name):
            requests = [request for request in _requests(piece, key) if request.at < self.until]
            # A ticket that was opened in the window; or requests about pages and incidents.
            if requests and isinstance(requests[0], OpenTicket):
                if self.since <= requests[0].at < self.until:
                    self._ticket(key, requests)
            else:
                self._page_requests(piece, key)

    def _ticket(self, key: str, requests: Sequence[Request]) -> None:
        try:
            facts = self._run_router(0, key, requests)
            clocks = self._clocks(0, key, facts)
            now = draft = outcome_of(facts, clocks)
            if self.is_desk:
                others = self._run_router(1, key, requests)
                # Same facts and same promises: the clocks cannot differ.
                same = others == facts and all(
                    self._alike.get(request.policy.get(DESK, 0)) for request in requests
                )
                draft = outcome_of(others, clocks if same else self._clocks(1, key, others))
        # The version it is stamped with is not in the log: counted, not guessed.
        except Unavailable:
            self.sums.skipped += 1
            return
        fields = unlike(now, draft)
        self.sums.seen += 1
        day = self.sums.days.setdefault(
            now.opened_at.date().isoformat() if now.opened_at else "", [0, 0, 0, 0]
        )
        day[0] += 1
        day[1] += bool(fields)
        for side, outcome in enumerate((now, draft)):
            day[2 + side] += len(outcome.breaches)
            for clock in outcome.breaches:
                self.sums.breaches[side][clock] = self.sums.breaches[side].get(clock, 0) + 1
        if fields:
            self.sums.changed.append(ChangedTicket(key, now, draft, fields))

    def _run_router(self, side: int, key: str, requests: Sequence[Request]) -> list[Fact]:
        """What the router makes of it; what of that concerns pages is kept."""
        facts = live_row(
            self.worlds[side].router,
            key,
            ((request.at, request) for request in requests),
            self.until,
            stamp=number_facts,
        ).facts
        for fact in facts:
            # The front's own table says what of a ticket concerns pages.
            handler = front.HANDLERS["tickets"].get(type(fact))
            for event in handler(fact) if handler else ():
                self.sums.inbox[side].setdefault(event.key, []).append(event)
                # With a draft of the rota tickets are lived through once: both sides page for the
                # same.
                if not self.is_desk:
                    self.sums.inbox[1].setdefault(event.key, []).append(event)
        return facts

    def _clocks(self, side: int, key: str, facts: Sequence[Fact]) -> list[Fact]:
        heard = ((fact.at, fact) for fact in facts if type(fact) in sla.HANDLERS)
        return live_row(self.worlds[side].sla, key, heard, self.until, stamp=number_facts).facts

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
                    self.sums.asked.setdefault(event.key, []).append(event)

    def calls(self) -> tuple[list[PersonPaged], list[PersonPaged]]:
        """Who was paged, and who would have been: after all slices were taken."""
        found: tuple[list[PersonPaged], list[PersonPaged]] = ([], [])
        for lane in dict.fromkeys((*self.sums.inbox[0], *self.sums.inbox[1])):
            was = self._lane(0, lane, None)
            would = self._lane(
                1, lane, {fact.page for fact in was.facts if isinstance(fact, PageOpened)}
            )
            found[0].extend(_calls(lane, was.facts, self.worlds[0]))
            found[1].extend(_calls(lane, would.facts, self.worlds[1]))
        return found

    def _lane(self, side: int, lane: str, there: set[str] | None) -> RowLifetime:
        """`there`: the pages there were then; None: all are."""
        events = sorted(
            [*self.sums.inbox[side].get(lane, []), *self.sums.asked.get(lane, [])],
            key=lambda event: event.at,
        )
        last = events[-1].at if events else self.since
        # Followed no further than it can matter: an unanswered page repeats without end.
        until = min(self.until, last + FOLLOWED)
        return live_row(
            _pager(self.worlds[side]),
            lane,
            ((event.at, event) for event in events),
            until,
            _make_answers(lane, there),
        )


def _pager(world: PolicyWorld) -> Work[Any]:
    def rules(now: datetime) -> PagingRules:
        found = world.rules_at(now)
        if found is None:
            raise Poisonous("nobody is on call: no such policy was published")
        return found

    return pager.work(rules)


def _make_answers(lane: str, there: set[str] | None) -> Answers:
    """Who acknowledges where the log cannot say it: pages that are new, and those that would repeat
    without end.
    """

    def answers(row: Any, now: datetime) -> list[Event]:
        page = row.open_page()
        # Pages of then are acknowledged as they were; new ones, and those that go round and round,
        # at once.
        if (
            page is None
            or not page.attempts
            or (page.round <= ROUNDS and (there is None or page.id in there))
        ):
            return []
        by = next(iter(page.attempts.values())).to
        return [
            AckAsked(id=f"assumed-{page.id}", key=lane, at=now, page=page.id, by=by, via="assumed")
        ]

    return answers


def _calls(lane: str, facts: Iterable[Fact], world: PolicyWorld) -> Iterable[PersonPaged]:
    tickets: dict[str, str] = {}
    for fact in facts:
        if isinstance(fact, PageOpened):
            tickets[fact.page] = fact.ticket_id
        elif isinstance(fact, PageEscalated):
            rules = world.rules_at(fact.at)
            for person in fact.to:
                zone = _zone_of(rules.on_call, person) if rules else "UTC"
                yield PersonPaged(
                    lane, tickets.get(fact.page, ""), person, fact.step, fact.round, fact.at, zone
                )


def _zone_of(on_call: OnCallPolicy, person: str) -> str:
    """Where the person's day is: the zone of the first schedule they are in."""
    for schedule in on_call.schedules.values():
        if any(named == person for _, named in schedule.named):
            return schedule.zone
    return next((schedule.zone for schedule in on_call.schedules.values()), "UTC")


def _requests(piece: Slice, key: str) -> list[Request]:
    """The requests on a ticket in the order of the log, the opening first."""
    found: list[Request] = []
    for message in piece.of(REQUESTS.name, key):
        try:
            event = router.parse(message)
        except Poisonous:
            continue
        if isinstance(event, Request) and not isinstance(event, StatusRequest):
            found.append(event)
    # A request may stand in the log before the opening it belongs to; decisions need the opening
    # first.
    opening = next(
        (number for number, event in enumerate(found) if isinstance(event, OpenTicket)), 0
    )
    return [*found[opening : opening + 1], *found[:opening], *found[opening + 1 :]] if found else []
