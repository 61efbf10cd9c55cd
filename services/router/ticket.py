"""What the router remembers of a ticket, and how each fact changes it. A row is a function of the ticket's facts alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from shared.events import (
    SYSTEM,
    AccessEnded,
    AccessGranted,
    AppealDecided,
    Fact,
    ParticipantJoined,
    Plan,
    PriorityAppealed,
    PriorityReviewed,
    PrioritySet,
    ProviderSuggested,
    ReplyAdded,
    RequestParked,
    Scope,
    ScopeDecided,
    SenderConfirmed,
    ShareRevoked,
    Stage,
    Status,
    SuggestionDismissed,
    TicketAssigned,
    TicketClosed,
    TicketFact,
    TicketLinked,
    TicketOpened,
    TicketRated,
    TicketReopened,
    TicketRouted,
    TicketShared,
    TicketSolved,
    TicketUnlinked,
)
from shared.events.envelope import Kind, Priority, Value
from shared.lifecycle import Move, after
from shared.policy import is_change
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
    scope: Scope = Scope.COVERED
    priority: Priority = Priority.NORMAL
    subject: str = ""
    excerpt: str = ""
    lane: str = ""
    incidents: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    changed_by: str = ""
    """Who changed the priority that was asked for, last: an address, `system` for a rule, empty for nobody."""
    appealed: bool = False
    """An appeal waits for a reviewer."""
    final: bool = False
    """An appeal was decided: the priority stays."""
    provider_since: datetime | None = None
    provider_answered: bool = False
    solved_at: datetime | None = None
    solved_side: str = ""
    rated: int | None = None
    """The score of this solving."""
    shares: dict[str, datetime] = {}
    """Hash of a link's token → until when it is good."""
    access: bool = False
    """Our staff may access the app for this ticket."""
    verified: bool = True
    """False: it came by mail, and its sender has not confirmed it yet."""
    parked: dict[str, Parked] = {}
    """Request id → request."""


BLANK = TicketRow()
"""What every ticket begins as; made once, as rows are never changed in place."""


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
        "scope": fact.scope,
        "subject": fact.subject,
        "excerpt": excerpt(fact.body),
        "lane": fact.lane,
        "incidents": fact.incidents,
        "verified": fact.verified,
        "access": fact.urgent is not None and fact.urgent.access_granted is True,
    }


def _priority_set(row: TicketRow, fact: PrioritySet) -> dict[str, Any]:
    return {
        "priority": fact.priority,
        "obligations": (fact.obligation,) if fact.obligation else (),
        "changed_by": SYSTEM.email if is_change(fact) else "",
    }


def _routed(row: TicketRow, fact: TicketRouted) -> dict[str, Any]:
    return {"queue": fact.queue}


def _scoped(row: TicketRow, fact: ScopeDecided) -> dict[str, Any]:
    return {"scope": fact.scope}


def _suggested(row: TicketRow, fact: ProviderSuggested) -> dict[str, Any]:
    return {"suggestion": fact.provider}


def _dismissed(row: TicketRow, fact: SuggestionDismissed) -> dict[str, Any]:
    return {"suggestion": None}


def _assigned(row: TicketRow, fact: TicketAssigned) -> dict[str, Any]:
    since = fact.at if fact.provider else None
    return {"queue": fact.queue, "provider": fact.provider, "suggestion": None, "provider_since": since, "provider_answered": False}


def _reviewed(row: TicketRow, fact: PriorityReviewed) -> dict[str, Any]:
    left = tuple(owed for owed in row.obligations if owed not in fact.cancels)
    return {"priority": fact.priority, "obligations": (*left, fact.obligation) if fact.obligation else left, "changed_by": fact.by}


def _appealed(row: TicketRow, fact: PriorityAppealed) -> dict[str, Any]:
    return {"appealed": True}


def _appeal_decided(row: TicketRow, fact: AppealDecided) -> dict[str, Any]:
    return {"appealed": False, "final": True}


def _replied(row: TicketRow, fact: ReplyAdded) -> dict[str, Any]:
    answered = row.provider_answered or (fact.side == "provider" and not fact.automatic)
    return {"status": Status(fact.status), "provider_answered": answered}


def _solved(row: TicketRow, fact: TicketSolved) -> dict[str, Any]:
    return {"status": Status.SOLVED, "obligations": (), "solved_at": fact.at, "solved_side": fact.side, "rated": None}


def _reopened(row: TicketRow, fact: TicketReopened) -> dict[str, Any]:
    return {"status": Status.OPEN}


def _closed(row: TicketRow, fact: TicketClosed) -> dict[str, Any]:
    """What nobody can act on any more is forgotten; the row itself stays, so that seq goes on."""
    return {"status": Status.CLOSED, "excerpt": "", "shares": {}}


def _rated(row: TicketRow, fact: TicketRated) -> dict[str, Any]:
    return {"rated": fact.score}


def _shared(row: TicketRow, fact: TicketShared) -> dict[str, Any]:
    good = {token: until for token, until in row.shares.items() if until > fact.at}
    return {"shares": {**good, fact.token_hash: fact.expires_at}}


def _unshared(row: TicketRow, fact: ShareRevoked) -> dict[str, Any]:
    return {"shares": {}}


def _joined(row: TicketRow, fact: ParticipantJoined) -> dict[str, Any]:
    return {"participants": fact.participants}


def _access_granted(row: TicketRow, fact: AccessGranted) -> dict[str, Any]:
    return {"access": True}


def _access_ended(row: TicketRow, fact: AccessEnded) -> dict[str, Any]:
    return {"access": False}


def _confirmed(row: TicketRow, fact: SenderConfirmed) -> dict[str, Any]:
    return {"verified": True, "obligations": (*row.obligations, fact.obligation) if fact.obligation else row.obligations}


def _linked(row: TicketRow, fact: TicketLinked | TicketUnlinked) -> dict[str, Any]:
    return {"incidents": fact.incidents}


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
    "ScopeDecided": _scoped,
    "ProviderSuggested": _suggested,
    "SuggestionDismissed": _dismissed,
    "TicketAssigned": _assigned,
    "PriorityReviewed": _reviewed,
    "ReplyAdded": _replied,
    "NoteAdded": _noted,
    "TicketSolved": _solved,
    "TicketReopened": _reopened,
    "PriorityAppealed": _appealed,
    "AppealDecided": _appeal_decided,
    "TicketClosed": _closed,
    "TicketRated": _rated,
    "TicketShared": _shared,
    "ShareRevoked": _unshared,
    "ParticipantJoined": _joined,
    "AccessGranted": _access_granted,
    "AccessEnded": _access_ended,
    "SenderConfirmed": _confirmed,
    "TicketLinked": _linked,
    "TicketUnlinked": _linked,
    "RequestRefused": _unchanged,
    "RequestParked": _parked,
}


def evolve(row: TicketRow | None, fact: TicketFact) -> TicketRow:
    """The row after `fact`. A fact that answers a parked request takes it off the waiting list."""
    row = row or BLANK
    changes = EVOLVE[fact.type](row, fact)
    if fact.cause in row.parked and not isinstance(fact, RequestParked):
        changes["parked"] = {key: parked for key, parked in row.parked.items() if key != fact.cause}
    return row.having(changes)


def due_at(row: TicketRow) -> datetime | None:
    """When the first parked request has waited long enough."""
    return min((parked.until for parked in row.parked.values()), default=None)


def excerpt(body: str) -> str:
    return body if len(body) <= EXCERPT else body[: EXCERPT - 1] + "…"
