"""The lane tests' language: a pager whose rows, timers and far end are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.notifier.pager import decide as domain
from services.notifier.pager.handlers import SendAttempt, list_owed
from services.notifier.pager.lane import Lane, due_at, evolve
from services.notifier.pager.pace import PagingRules
from shared.events import (
    AckAsked,
    AttemptOutcome,
    DowngradeSeen,
    Event,
    PageFact,
    PageWanted,
    SolveSeen,
)
from shared.ids import derive, obligation_id, page_id, stamp
from shared.policy import OnCallPolicy

START = datetime(2025, 3, 3, 3, 0, tzinfo=UTC)
LANE = "lane_a"


def method(
    name: str = "phone", channel: str = "webhook", *, verified: bool = True
) -> dict[str, Any]:
    return {
        "name": name,
        "channel": channel,
        "address": f"https://pager.example/{name}",
        "verified": verified,
    }


def person(name: str, *methods: dict[str, Any]) -> dict[str, Any]:
    return {"email": f"{name}@example.com", "methods": list(methods)}


def policy(**changes: Any) -> OnCallPolicy:
    """Primary, then secondary after 5 minutes, all of it once more, then the lead."""
    document: dict[str, Any] = {
        "people": {name: person(name, method()) for name in ("primary", "secondary", "lead")},
        "schedules": {
            f"support-{name}": {
                "zone": "America/New_York",
                "rotation": {"people": [name], "starts_at": "2025-01-06T09:00:00-05:00"},
            }
            for name in ("primary", "secondary")
        },
        "escalation": {
            "support": {
                "steps": [
                    {"schedule": "support-primary", "wait": "5m"},
                    {"schedule": "support-secondary", "wait": "5m"},
                ],
                "repeat": 1,
                "fallback": "lead",
            }
        },
    }
    document["people"].update(changes.pop("people", {}))
    document["escalation"]["support"].update(changes)
    return OnCallPolicy.model_validate(document)


def obligation(ticket: str = "tkt_1") -> str:
    return obligation_id(ticket, f"req_{ticket}")


def page_of(ticket: str = "tkt_1") -> str:
    return page_id(LANE, obligation(ticket))


def wanted(ticket: str = "tkt_1", at: datetime = START) -> PageWanted:
    return PageWanted(
        id=obligation(ticket),
        key=LANE,
        at=at,
        obligation=obligation(ticket),
        ticket_id=ticket,
        request_id=f"req_{ticket}",
        subject="Everything is down",
        requester="premier@example.com",
        app="shop",
        accepted_at=at,
        policy={},
    )


class Pager:
    """One lane driven by hand: `takes` an input, `moves` time on, the far end `answers` what is
    owed.
    """

    def __init__(self, rules: OnCallPolicy | None = None) -> None:
        self.rules = PagingRules(rules or policy(), "support", {"on-call": 3, "default": 2})
        self.lane: Lane | None = None
        self.now = START
        self.log: list[PageFact] = []
        self._inputs = 0

    def takes(self, event: Event) -> list[str]:
        """The types of the facts it led to."""
        if self.lane is not None and event.id in self.lane.seen:
            return []
        return self._keep(domain.decide(self.lane, event, self.rules, self.now), event.id)

    def moves(self, **span: float) -> list[str]:
        """Time goes on, timers fire when they are due."""
        until, found = self.now + timedelta(**span), list[str]()
        while self.lane is not None and (due := due_at(self.lane)) is not None and due <= until:
            self.now = max(self.now, due)
            facts = domain.fire(self.lane, self.rules, self.now)
            assert facts, "a timer is due and nothing happens"
            assert not {fact.cause for fact in facts} & set(self.lane.seen), "a firing is repeated"
            assert all(fact.cause for fact in facts)
            found += self._keep(facts, "unnamed")
        self.now = until
        return found

    def owes(self) -> list[SendAttempt]:
        return list_owed(self.lane) if self.lane is not None else []

    def answers(self, outcome: str, only: str | None = None) -> list[str]:
        """The outcome of every send owed (to one person)."""
        found: list[str] = []
        for send in self.owes():
            if only is None or send.attempt.to == only:
                found += self.takes(self.outcome(send, outcome))
        return found

    def outcome(self, send: SendAttempt, outcome: Any) -> AttemptOutcome:
        return AttemptOutcome(
            id=derive("out", send.attempt.id, str(send.attempt.tries)),
            key=LANE,
            at=self.now,
            page=send.page.id,
            attempt=send.attempt.id,
            tries=send.attempt.tries,
            outcome=outcome,
            receipt="200" if outcome == "accepted" else "",
            reason="" if outcome == "accepted" else outcome,
        )

    def asks(
        self, kind: type[Event], page: str | None = None, by: str = "primary", **more: Any
    ) -> list[str]:
        via = {"via": "web"} if kind is AckAsked else {}
        return self.takes(
            kind(
                id=self._fresh(),
                key=LANE,
                at=self.now,
                page=page or page_of(),
                by=by,
                **via,
                **more,
            )
        )

    def downgrades(self, *tickets: str) -> list[str]:
        cancels = tuple(obligation(ticket) for ticket in tickets)
        about = {"ticket_id": tickets[0], "by": "reviewer", "reason": "staging only"}
        return self.takes(
            DowngradeSeen(id=self._fresh(), key=LANE, at=self.now, cancels=cancels, **about)
        )

    def solves(self, *tickets: str) -> list[str]:
        owes = tuple(obligation(ticket) for ticket in tickets)
        return self.takes(
            SolveSeen(
                id=self._fresh(),
                key=LANE,
                at=self.now,
                ticket_id=tickets[0],
                obligations=owes,
                by="agent",
            )
        )

    def facts(self, kind: type[PageFact]) -> list[Any]:
        return [fact for fact in self.log if isinstance(fact, kind)]

    def paged(self) -> list[str]:
        """Who was tried, in order; `!name` was told to stand down."""
        return [
            ("" if fact.purpose == "page" else "!") + fact.to
            for fact in self.log
            if fact.type == "PageAttempted"
        ]  # type: ignore[attr-defined]

    def _fresh(self) -> str:
        self._inputs += 1
        return f"req_{self._inputs}"

    def _keep(self, facts: Sequence[PageFact], cause: str) -> list[str]:
        stamped = stamp(facts, key=LANE, first_seq=len(self.log) + 1, cause=cause)
        for fact in stamped:
            again = type(fact).read(fact.wire())
            row = evolve(self.lane, again)
            self.lane = row.model_copy(update={"seq": fact.seq, "seen": (*row.seen, fact.cause)})
        if self.lane is not None:
            assert Lane.model_validate_json(self.lane.to_bytes()) == self.lane, (
                "a row must survive the changelog"
            )
        self.log += stamped
        return [fact.type for fact in stamped]
