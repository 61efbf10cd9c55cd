"""What the router decides: one request on one ticket in, facts out. Pure; `DECIDE` is the table.

A decision uses the request's recorded facts, the ticket's row and the policy version the request is stamped with, and
nothing else, so deciding again gives the same. A refusal is a fact too: every request yields at least one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from services.router import assignment, confirming, conversation, insisting, linking, priority, sharing
from services.router.decision import PolicyOf, about, refused, standing_of
from services.router.opening import opening
from services.router.ticket import BLANK, TicketRow, evolve
from shared.access import BY_TOKEN, MAY
from shared.errors import Refused
from shared.events import (
    AddReply,
    AppealPriority,
    AssignTicket,
    CloseTicket,
    ConfirmSender,
    DecideAppeal,
    DismissSuggestion,
    Fact,
    GrantAccess,
    HandBack,
    InsistScope,
    JoinTicket,
    LinkIncident,
    OpenTicket,
    RateTicket,
    Reopen,
    Request,
    RequestParked,
    ReviewPriority,
    RevokeShare,
    ShareTicket,
    Solve,
    TakeBack,
    UnlinkIncident,
)

PATIENCE = timedelta(seconds=60)
"""How long a request may wait for its ticket to open: they can overtake each other on the way in."""


def decide(row: TicketRow | None, request: Request, policy_of: PolicyOf) -> list[Fact]:
    """The facts that `request` makes of the ticket; unstamped. Empty for a type that is not in the table."""
    if isinstance(request, OpenTicket):
        return _open(row or BLANK, request, policy_of)
    decision = DECIDE.get(type(request))
    if decision is None:
        return []
    if row is None or row.status is None:
        return [RequestParked(**about(request), request=request.model_dump(mode="json"), until=request.at + PATIENCE)]
    try:
        _check_standing(row, request)
        return decision(row, request, policy_of)
    except Refused as refusal:
        return [refused(request, refusal)]


def fire(row: TicketRow, now: datetime) -> list[Fact]:
    """Refuse the parked requests that have waited for a minute. `cause` is the request: its asker finds the answer there."""
    facts: list[Fact] = []
    for parked in row.parked.values():
        if parked.until <= now:
            request = _unparked(parked.request)
            fact = refused(request, Refused("no-such-ticket", "There is no such ticket."))
            facts.append(fact.model_copy(update={"cause": request.id, "at": parked.until}))
    return facts


def _open(row: TicketRow, request: OpenTicket, policy_of: PolicyOf) -> list[Fact]:
    """A new ticket; then whatever was asked of it before it was here."""
    if row.status is not None:
        reused = "This Idempotency-Key has already opened a ticket with other content; use a new key for a new ticket."
        return [refused(request, Refused("idempotency-key-reused", reused))]
    if not request.subject.strip():
        return [refused(request, Refused("no-subject", "A ticket needs a subject."))]
    facts = opening(request, policy_of(request.policy))
    if row.parked:
        for fact in facts:
            row = evolve(row, fact)  # type: ignore[arg-type]
        for request_id, parked in row.parked.items():
            for fact in decide(row, _unparked(parked.request), policy_of):
                fact = fact.model_copy(update={"cause": request_id})
                facts.append(fact)
                row = evolve(row, fact)  # type: ignore[arg-type]
    return facts


DECIDE: dict[type[Request], Callable[[TicketRow, Any, PolicyOf], list[Fact]]] = {
    AddReply: conversation.on_reply,
    AssignTicket: assignment.on_assign,
    HandBack: assignment.on_hand_back,
    TakeBack: assignment.on_take_back,
    InsistScope: insisting.on_insist,
    DismissSuggestion: assignment.on_dismiss,
    ReviewPriority: priority.on_review,
    AppealPriority: priority.on_appeal,
    DecideAppeal: priority.on_decide_appeal,
    Solve: conversation.on_solve,
    Reopen: conversation.on_reopen,
    CloseTicket: conversation.on_close,
    RateTicket: conversation.on_rate,
    ShareTicket: sharing.on_share,
    RevokeShare: sharing.on_revoke,
    JoinTicket: sharing.on_join,
    GrantAccess: sharing.on_access,
    LinkIncident: linking.on_link,
    UnlinkIncident: linking.on_unlink,
    ConfirmSender: confirming.on_confirm,
}
"""Requests on an open ticket. OpenTicket is not among them; requests on pages are the pager's, on incidents `incident_domain`'s."""


def _check_standing(row: TicketRow, request: Request) -> None:
    if request.type in BY_TOKEN:
        return
    who = standing_of(row, request)
    if who is None:
        raise Refused("no-such-ticket", "There is no such ticket.")
    if who not in MAY[request.type]:
        raise Refused("not-allowed", f"{request.type} is not for the {who} side of a ticket.")


_REQUESTS: dict[str, type[Request]] = {kind.__name__: kind for kind in DECIDE}


def _unparked(request: dict[str, Any]) -> Request:
    return _REQUESTS[request["type"]].model_validate(request, extra="ignore")
