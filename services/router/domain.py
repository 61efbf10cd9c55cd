"""What the router decides: one request on one ticket in, facts out. Pure; `DECIDE` is the table.

A decision uses the request's recorded facts, the ticket's row and the policy version the request is stamped with, and
nothing else, so deciding again gives the same. A refusal is a fact too: every request yields at least one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from services.router.rules import CSA, PLATFORM, route
from services.router.ticket import TicketRow, evolve
from shared import ids
from shared.access import MAY, READERS, Standing, standing
from shared.errors import Refused
from shared.events import (
    AddReply,
    AssignTicket,
    Audience,
    DismissSuggestion,
    Fact,
    HandBack,
    Kind,
    NoteAdded,
    OpenTicket,
    Priority,
    PriorityReviewed,
    PrioritySet,
    ProviderSuggested,
    Reopen,
    ReplyAdded,
    Request,
    RequestParked,
    RequestRefused,
    ReviewPriority,
    Solve,
    Status,
    SuggestionDismissed,
    TakeBack,
    TicketAssigned,
    TicketOpened,
    TicketReopened,
    TicketRouted,
    TicketSolved,
)
from shared.lifecycle import Move, after, move_of_reply
from shared.policy import DeskPolicy, entitles_to_page, priority_at_opening, stands_first

PolicyOf = Callable[[dict[str, int]], DeskPolicy]
"""A request's policy stamp → the desk policy of that version; may raise Unavailable (not read yet)."""

PATIENCE = timedelta(seconds=60)
"""How long a request may wait for its ticket to open: they can overtake each other on the way in."""


def decide(row: TicketRow | None, request: Request, policy_of: PolicyOf) -> list[Fact]:
    """The facts that `request` makes of the ticket; unstamped. Empty for a type that is not in the table."""
    if isinstance(request, OpenTicket):
        return _open(row or TicketRow(), request, policy_of)
    decision = DECIDE.get(type(request))
    if decision is None:
        return []
    if row is None or row.status is None:
        return [RequestParked(**_about(request), request=request.model_dump(mode="json"), until=request.at + PATIENCE)]
    try:
        _check_standing(row, request)
        return decision(row, request, policy_of)
    except Refused as refusal:
        return [_refused(request, refusal)]


def fire(row: TicketRow, now: datetime) -> list[Fact]:
    """Refuse the parked requests that have waited for a minute. `cause` is the request: its asker finds the answer there."""
    facts: list[Fact] = []
    for parked in row.parked.values():
        if parked.until <= now:
            request = _unparked(parked.request)
            fact = _refused(request, Refused("no-such-ticket", "There is no such ticket."))
            facts.append(fact.model_copy(update={"cause": request.id, "at": parked.until}))
    return facts


def _open(row: TicketRow, request: OpenTicket, policy_of: PolicyOf) -> list[Fact]:
    """A new ticket: opened, its priority, its place; then whatever was asked of it before it was here."""
    if row.status is not None:
        reused = "This Idempotency-Key has already opened a ticket with other content; use a new key for a new ticket."
        return [_refused(request, Refused("idempotency-key-reused", reused))]
    if not request.subject.strip():
        return [_refused(request, Refused("no-subject", "A ticket needs a subject."))]
    facts = _opening(request, policy_of(request.policy))
    if row.parked:
        for fact in facts:
            row = evolve(row, fact)  # type: ignore[arg-type]
        for request_id, parked in row.parked.items():
            for fact in decide(row, _unparked(parked.request), policy_of):
                fact = fact.model_copy(update={"cause": request_id})
                facts.append(fact)
                row = evolve(row, fact)  # type: ignore[arg-type]
    return facts


def _opening(request: OpenTicket, policy: DeskPolicy) -> list[Fact]:
    admission, by = request.admission, request.actor.email
    verdict = priority_at_opening(policy, admission, request.priority)
    way = route(request, policy)
    about: dict[str, Any] = {"at": request.at, "by": by, "policy": request.policy}
    name = request.admission.requester_name or request.actor.name
    facts: list[Fact] = [
        TicketOpened(
            **about, subject=request.subject, body=request.body, requester=by, requester_name=name, plan=admission.plan,
            app=request.app, stage=admission.app_stage, addon=request.addon, kind=request.kind, urgent=request.urgent,
            attachments=request.attachments, incidents=admission.open_incidents, via=request.actor.via, lane=request.lane,
            first=stands_first(policy, admission.plan),
        ),
        PrioritySet(
            **about, requested=request.priority, priority=verdict.priority, reason=verdict.reason, trail=verdict.trail,
            plan=admission.plan, opened_at=request.at, lane=request.lane, pages=verdict.pages,
            obligation=ids.obligation_id(request.key, request.id) if verdict.pages else None, subject=request.subject, requester=by,
        ),
        TicketRouted(**about, queue=way.queue, trail=way.trail),
    ]  # fmt: skip
    if way.suggestion:
        facts.append(ProviderSuggested(**about, provider=way.suggestion[0], because=way.suggestion[1]))
    if way.provider:
        facts.append(
            TicketAssigned(
                **about, queue=way.queue, provider=way.provider, reason=next(t.because for t in way.trail if t.matched),
                subject=request.subject, body=request.body, requester=by, requester_name=name, participants=(by,), app=request.app,
                priority=verdict.priority,
            )
        )  # fmt: skip
    return facts


def _reply(row: TicketRow, request: AddReply, policy_of: PolicyOf) -> list[Fact]:
    side = _side(row, request)
    if _standing(row, request) not in READERS[request.audience]:
        raise Refused("audience-not-yours", f"You cannot write to the audience {request.audience!r} of this ticket.")
    if request.audience is Audience.PROVIDER and row.provider is None:
        raise Refused("no-provider", "The ticket is with no provider, so there is nobody to tell.")
    move = move_of_reply(by_customer=side == "customer", audience=request.audience, automatic=request.automatic)
    status = _moved(row, move)
    actor = request.actor
    author: dict[str, Any] = {"author": actor.email, "author_name": actor.name, "via": actor.via, "body": request.body}
    if request.audience is Audience.STAFF:
        return [NoteAdded(**_about(request), **author)]
    reply = ReplyAdded(
        **_about(request), **author, side=side, audience=request.audience, attachments=request.attachments, automatic=request.automatic,
        status=status, provider=row.provider, priority=row.priority, **_people(row),
    )  # fmt: skip
    if row.status is Status.SOLVED and status is Status.OPEN:
        return [_reopening(row, request, "the customer replied"), reply]
    return [reply]


def _assign(row: TicketRow, request: AssignTicket, policy_of: PolicyOf) -> list[Fact]:
    if (request.provider is None) == (request.queue is None):
        raise Refused("bad-assignment", "Name either a provider or a queue.")
    if request.provider is not None and not request.provider_known:
        raise Refused("no-such-provider", f"There is no provider {request.provider!r}.")
    queue = f"provider:{request.provider}" if request.provider else str(request.queue)
    if queue == row.queue:
        raise Refused("already-there", f"The ticket is in the queue {queue} already.")
    if queue == CSA and row.kind is Kind.PROBLEM:
        raise Refused("csa-takes-no-break-fix", "Solutions architects do not handle break/fix tickets; that is the platform queue's.")
    if queue == CSA and row.plan not in policy_of(request.policy).architects:
        raise Refused("csa-not-for-plan", f"Plan {row.plan} has no solutions architects.")
    _moved(row, Move.ASSIGN)
    confirmed = request.provider is not None and request.provider == row.suggestion
    return [_assigned(row, request, queue, request.provider, "the suggestion was confirmed" if confirmed else "")]


def _hand_back(row: TicketRow, request: HandBack, policy_of: PolicyOf) -> list[Fact]:
    _moved(row, Move.HAND_BACK)
    return [_assigned(row, request, PLATFORM, None, request.reason)]


def _take_back(row: TicketRow, request: TakeBack, policy_of: PolicyOf) -> list[Fact]:
    if row.provider is None:
        raise Refused("not-with-provider", "The ticket is with no provider.")
    _moved(row, Move.TAKE_BACK)
    return [_assigned(row, request, PLATFORM, None, request.reason)]


def _dismiss(row: TicketRow, request: DismissSuggestion, policy_of: PolicyOf) -> list[Fact]:
    if row.suggestion is None:
        raise Refused("no-suggestion", "There is no suggestion to dismiss.")
    _moved(row, Move.DISMISS)
    return [SuggestionDismissed(**_about(request), provider=row.suggestion, reason=request.reason)]


def _review(row: TicketRow, request: ReviewPriority, policy_of: PolicyOf) -> list[Fact]:
    """Staff judge, so urgent is not refused for a staging app here (an appeal may succeed); it just wakes nobody."""
    _moved(row, Move.REVIEW)
    if request.priority is row.priority:
        raise Refused("same-priority", f"The priority is {row.priority} already.")
    pages = entitles_to_page(policy_of(request.policy), row.plan, row.stage, request.priority)
    return [
        PriorityReviewed(
            **_about(request), previous=row.priority, priority=request.priority, reason=request.reason, plan=row.plan, lane=row.lane,
            pages=pages, obligation=ids.obligation_id(request.key, request.id) if pages else None,
            cancels=() if request.priority is Priority.URGENT else row.obligations, **_people(row),
        )
    ]  # fmt: skip


def _solve(row: TicketRow, request: Solve, policy_of: PolicyOf) -> list[Fact]:
    _moved(row, Move.SOLVE)
    return [
        TicketSolved(
            **_about(request), resolution=request.resolution, side=_side(row, request), provider=row.provider, lane=row.lane,
            obligations=row.obligations, **_people(row),
        )
    ]  # fmt: skip


def _reopen(row: TicketRow, request: Reopen, policy_of: PolicyOf) -> list[Fact]:
    _moved(row, Move.REOPEN)
    return [_reopening(row, request, request.reason)]


DECIDE: dict[type[Request], Callable[[TicketRow, Any, PolicyOf], list[Fact]]] = {
    AddReply: _reply,
    AssignTicket: _assign,
    HandBack: _hand_back,
    TakeBack: _take_back,
    DismissSuggestion: _dismiss,
    ReviewPriority: _review,
    Solve: _solve,
    Reopen: _reopen,
}
"""Requests on an open ticket. OpenTicket is not among them; requests on pages and incidents are other deciders'."""


def _check_standing(row: TicketRow, request: Request) -> None:
    who = _standing(row, request)
    if who is None:
        raise Refused("no-such-ticket", "There is no such ticket.")
    if who not in MAY[request.type]:
        raise Refused("not-allowed", f"{request.type} is not for the {who} side of a ticket.")


def _standing(row: TicketRow, request: Request) -> Standing | None:
    return standing(request.actor, requester=row.requester, participants=row.participants, provider=row.provider)


def _side(row: TicketRow, request: Request) -> Any:
    """Whose the act is. Staff who opened the ticket themselves are its customer: their word is no answer to it."""
    if request.actor.email.lower() == row.requester.lower():
        return Standing.CUSTOMER.value
    who = _standing(row, request)
    return who.value if who else Standing.CUSTOMER.value


def _moved(row: TicketRow, move: Move) -> Status:
    """The status after `move`. Raises Refused where the lifecycle has no such move."""
    assert row.status is not None
    status = after(row.status, move)
    if status is None:
        hint = "; reopen it first" if row.status is Status.SOLVED else ""
        raise Refused("not-in-this-state", f"The ticket is {row.status}{hint}.")
    return status


def _about(request: Request) -> dict[str, Any]:
    return {"at": request.at, "by": request.actor.email, "policy": request.policy}


def _people(row: TicketRow) -> dict[str, Any]:
    return {"subject": row.subject, "requester": row.requester, "participants": row.participants}


def _assigned(row: TicketRow, request: Request, queue: str, provider: str | None, reason: str) -> TicketAssigned:
    return TicketAssigned(
        **_about(request), queue=queue, provider=provider, previous=row.provider, reason=reason, body=row.excerpt,
        requester_name=row.requester_name, app=row.app, priority=row.priority, **_people(row),
    )  # fmt: skip


def _reopening(row: TicketRow, request: Request, reason: str) -> TicketReopened:
    """No new page: seed 001 wakes people when a ticket is *opened* urgent; a review can raise it again."""
    return TicketReopened(
        **_about(request), reason=reason, side=_side(row, request), provider=row.provider, priority=row.priority, **_people(row)
    )


def _refused(request: Request, refusal: Refused) -> RequestRefused:
    return RequestRefused(**_about(request), request_type=request.type, code=refusal.code, reason=refusal.detail)


_REQUESTS: dict[str, type[Request]] = {kind.__name__: kind for kind in DECIDE}


def _unparked(request: dict[str, Any]) -> Request:
    return _REQUESTS[request["type"]].model_validate(request, extra="ignore")
