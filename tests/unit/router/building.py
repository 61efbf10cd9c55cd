"""Requests as intake would record them, from the demo's own directory and policy files."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from deploy.demo.directory import documents, policies
from services.router.ticket.domain import decide
from services.router.ticket.row import TicketRow, evolve
from shared import ids
from shared.events import (
    Actor,
    AddonKnown,
    Admission,
    AssignTicket,
    Fact,
    OpenTicket,
    Request,
    Role,
    TicketFact,
)
from shared.policy import DESK, DeskPolicy, lane_for, priority_at_opening

AT = datetime(2025, 7, 8, 14, 0, tzinfo=UTC)
STAMP = {DESK: 1}


@cache
def policy() -> DeskPolicy:
    return DeskPolicy.model_validate(policies()[DESK])


def policy_of(stamp: dict[str, int]) -> DeskPolicy:
    assert stamp == STAMP, "decided with the version the request is stamped with"
    return policy()


@cache
def directory() -> dict[tuple[str, str], dict[str, Any]]:
    return {(document.kind, document.id): document.body for document in documents()}


@cache
def actor(name: str) -> Actor:
    """A demo identity by its short name."""
    email = f"{name}@example.com"
    account = directory()["accounts", email]
    roles = tuple(Role(role) for role in account["roles"])
    return Actor(email=email, name=account["name"], roles=roles, provider=account.get("provider"))


def admission(who: str, app: str | None, addons: list[str] | None = None) -> Admission:
    """The outside facts at acceptance; `addons` instead of those the demo attaches to the app."""
    plan = directory()["accounts", f"{who}@example.com"]["plan"]
    if app is None:
        return Admission(plan=plan)
    found = directory()["apps", app]
    providers = [
        directory()["providers", slug] for slug in (found["addons"] if addons is None else addons)
    ]
    return Admission(
        plan=plan,
        requester_name=actor(who).name,
        app_owner=found["owner"],
        app_stage=found["stage"],
        app_collaborators=tuple(found["collaborators"]),
        addons=tuple(
            AddonKnown(
                slug=p["slug"], name=p["name"], aliases=tuple(p["aliases"]), hosts=tuple(p["hosts"])
            )
            for p in providers
        ),
    )


def open_ticket(
    who: str = "premier", key: str = "tkt_a", addons: list[str] | None = None, **fields: Any
) -> OpenTicket:
    fields = {
        "subject": "The app is slow",
        "body": "Since this morning.",
        "app": f"{who}-production",
        "at": AT,
        **fields,
    }
    known = admission(who, fields["app"], addons)
    verdict = priority_at_opening(policy(), known, fields.get("priority"))
    lane = lane_for(actor(who).email, known, fields["app"])
    fields = {"id": f"req_open_{key}", "pages": verdict.pages, "lane": lane, **fields}
    return OpenTicket(
        key=key, actor=actor(who), policy=STAMP, digest="d1", admission=known, **fields
    )


def request(kind: type[Request], who: str, key: str = "tkt_a", **fields: Any) -> Any:
    fields = {"id": f"req_{kind.__name__}_{who}_{len(fields)}", "at": AT, **fields}
    return kind(key=key, actor=actor(who), policy=STAMP, **fields)


class Ticket:
    """Decides requests one after the other and keeps the row as the spine does: stamped facts, seq,
    seen.
    """

    def __init__(self, opening: OpenTicket | None = None) -> None:
        self.row: TicketRow | None = None
        self.log: list[Fact] = []
        if opening is not None:
            self.take(opening)

    def take(self, asked: Request) -> list[Any]:
        """The stamped facts."""
        if self.row and asked.id in self.row.seen:
            return []
        return self.add(asked.key, asked.id, decide(self.row, asked, policy_of))

    def add(self, key: str, cause: str, facts: list[Fact]) -> list[Fact]:
        stamped = ids.stamp(facts, key=key, first_seq=len(self.log) + 1, cause=cause)
        for fact in stamped:
            assert isinstance(fact, TicketFact)
            row = evolve(self.row, fact)
            self.row = row.model_copy(
                update={"seq": fact.seq, "seen": tuple(dict.fromkeys((*row.seen, fact.cause)))}
            )
        self.log += stamped
        return stamped


def with_redisco(**fields: Any) -> Ticket:
    """A ticket in the provider's hands."""
    ticket = Ticket(open_ticket(**fields))
    ticket.take(request(AssignTicket, "agent", provider="redisco"))
    return ticket
