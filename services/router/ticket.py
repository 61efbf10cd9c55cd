"""What the router remembers of a ticket, and how each fact changes it. A row is a function of the ticket's facts alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from shared.events import (
    Fact,
    Plan,
    PriorityReviewed,
    PrioritySet,
    ProviderSuggested,
    ReplyAdded,
    RequestParked,
    Stage,
    Status,
    SuggestionDismissed,
    TicketAssigned,
    TicketFact,
    TicketOpened,
    TicketReopened,
    TicketRouted,
    TicketSolved,
)
from shared.events.envelope import Kind, Priority, Value
from shared.lifecycle import Move, after
from shared.rows import Row

EXCERPT = 2000
"""Characters of the first message kept for a later assignment's notices. A row must stay small: a million of them are in memory."""


class Parked(Value):
    """A request for a ticket that is not open yet."""

    request: dict[str, Any]
    until: datetime


class TicketRow(Row):
    """`status` None: not open yet (only refusals or parked requests so far). `obligations`: pages owed and not taken back."""

    status: Status | None = None
    queue: str = ""
    provider: str | None = None
    suggestion: str | None = None
    requester: str = ""
    requester_name: str = ""
    participants: tuple[str, ...] = ()
    plan: Plan = Plan.FREE
    app: str | None = None
    stage: Stage | None = None
    addon: str | None = None
    kind: Kind = Kind.PROBLEM
    priority: Priority = Priority.NORMAL
    subject: str = ""
    excerpt: str = ""
    lane: str = ""
    obligations: tuple[str, ...] = ()
    parked: dict[str, Parked] = {}
    """Request id → request."""


def _opened(row: TicketRow, fact: TicketOpened) -> dict[str, Any]:
    return {
        "status": Status.NEW,
        "requester": fact.requester,
        "requester_name": fact.requester_name,
        "participants": (fact.requester,),
        "plan": fact.plan,
        "app": fact.app,
        "stage": fact.stage,
        "addon": fact.addon,
        "kind": fact.kind,
        "subject": fact.subject,
        "excerpt": excerpt(fact.body),
        "lane": fact.lane,
    }


def _priority_set(row: TicketRow, fact: PrioritySet) -> dict[str, Any]:
    return {"priority": fact.priority, "obligations": (fact.obligation,) if fact.obligation else ()}


def _routed(row: TicketRow, fact: TicketRouted) -> dict[str, Any]:
    return {"queue": fact.queue}


def _suggested(row: TicketRow, fact: ProviderSuggested) -> dict[str, Any]:
    return {"suggestion": fact.provider}


def _dismissed(row: TicketRow, fact: SuggestionDismissed) -> dict[str, Any]:
    return {"suggestion": None}


def _assigned(row: TicketRow, fact: TicketAssigned) -> dict[str, Any]:
    return {"queue": fact.queue, "provider": fact.provider, "suggestion": None}


def _reviewed(row: TicketRow, fact: PriorityReviewed) -> dict[str, Any]:
    left = tuple(owed for owed in row.obligations if owed not in fact.cancels)
    return {"priority": fact.priority, "obligations": (*left, fact.obligation) if fact.obligation else left}


def _replied(row: TicketRow, fact: ReplyAdded) -> dict[str, Any]:
    return {"status": Status(fact.status)}


def _solved(row: TicketRow, fact: TicketSolved) -> dict[str, Any]:
    return {"status": Status.SOLVED, "obligations": ()}


def _reopened(row: TicketRow, fact: TicketReopened) -> dict[str, Any]:
    return {"status": Status.OPEN}


def _noted(row: TicketRow, fact: Fact) -> dict[str, Any]:
    return {"status": row.status and (after(row.status, Move.INTERNAL) or row.status)}


def _parked(row: TicketRow, fact: RequestParked) -> dict[str, Any]:
    return {"parked": {**row.parked, fact.cause: Parked(request=fact.request, until=fact.until)}}


def _unchanged(row: TicketRow, fact: Fact) -> dict[str, Any]:
    return {}


EVOLVE: dict[str, Callable[[TicketRow, Any], dict[str, Any]]] = {
    "TicketOpened": _opened,
    "PrioritySet": _priority_set,
    "TicketRouted": _routed,
    "ProviderSuggested": _suggested,
    "SuggestionDismissed": _dismissed,
    "TicketAssigned": _assigned,
    "PriorityReviewed": _reviewed,
    "ReplyAdded": _replied,
    "NoteAdded": _noted,
    "TicketSolved": _solved,
    "TicketReopened": _reopened,
    "RequestRefused": _unchanged,
    "RequestParked": _parked,
}


def evolve(row: TicketRow | None, fact: TicketFact) -> TicketRow:
    """The row after `fact`. A fact that answers a parked request takes it off the waiting list."""
    row = row or TicketRow()
    changes = EVOLVE[fact.type](row, fact)
    if fact.cause in row.parked and not isinstance(fact, RequestParked):
        changes["parked"] = {key: parked for key, parked in row.parked.items() if key != fact.cause}
    return row.model_copy(update=changes)


def due_at(row: TicketRow) -> datetime | None:
    """When the first parked request has waited long enough."""
    return min((parked.until for parked in row.parked.values()), default=None)


def excerpt(body: str) -> str:
    return body if len(body) <= EXCERPT else body[: EXCERPT - 1] + "…"
