"""What the router decides: one request on one ticket in, facts out. Pure; `DECIDE` is the table.

A decision uses the request's recorded facts, the ticket's row and the policy version the request is
stamped with, and nothing else, so deciding again gives the same. A refusal is a fact too: every
request yields at least one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from services.router.ticket import (
    assignment,
    confirming,
    conversation,
    insisting,
    linking,
    merging,
    owning,
    priority,
    sharing,
    tagging,
)
from services.router.ticket.decision import (
    PolicyOf,
    about,
    check_as_seen,
    make_refused,
    standing_of,
)
from services.router.ticket.opening import make_opening
from services.router.ticket.row import BLANK, TicketRow, evolve
from shared.asks import BY_TOKEN, MAY
from shared.errors import Refused
from shared.events import (
    AcceptSuggestion,
    AddReply,
    AnswerAsk,
    AppealPriority,
    AskParticipant,
    AssignTicket,
    CloseTicket,
    ConfirmSender,
    DecideAppeal,
    DismissSuggestion,
    Fact,
    GrantAccess,
    HandBack,
    HandOverTicket,
    InsistScope,
    JoinTicket,
    LinkIncident,
    MergeTicket,
    NoteMerge,
    OpenTicket,
    RateTicket,
    ReleaseTicket,
    RemoveParticipant,
    Reopen,
    Request,
    RequestParked,
    ReviewPriority,
    RevokeShare,
    ShareTicket,
    Solve,
    TagTicket,
    TakeBack,
    TakeTicket,
    UnlinkIncident,
)

CAME_BEFORE = "came-before"
"""The code of a refusal that loses nothing: the ticket holds the same mail."""
PATIENCE = timedelta(seconds=60)
"""How long a request may wait for its ticket to open: they can overtake each other on the way
in.
"""


def decide(row: TicketRow | None, request: Request, policy_of: PolicyOf) -> list[Fact]:
    """The facts that `request` makes of the ticket; unstamped. Empty for a type that is not in the
    table.
    """
    # Opening has no entry in DECIDE: it is the only request that needs no row.
    if isinstance(request, OpenTicket):
        return _open(row or BLANK, request, policy_of)
    decision = DECIDE.get(type(request))
    if decision is None:
        return []
    # The ticket is not open yet, so its opening may still be on the way: wait for it.
    if row is None or row.status is None:
        return [
            RequestParked(
                **about(request),
                request=request.model_dump(mode="json"),
                until=request.at + PATIENCE,
            )
        ]
    # Standing before state: whoever may not know of the ticket learns nothing about its state.
    try:
        _check_standing(row, request)
        check_as_seen(row, request)
        return decision(row, request, policy_of)
    except Refused as refusal:
        return [make_refused(request, refusal)]


def fire(row: TicketRow, now: datetime) -> list[Fact]:
    """Refuse the parked requests that have waited for a minute. `cause` is the request: its asker
    finds the answer there.
    """
    facts: list[Fact] = []
    for parked in row.parked.values():
        if parked.until <= now:
            request = _parse_parked(parked.request)
            fact = make_refused(request, Refused("no-such-ticket", "There is no such ticket."))
            facts.append(fact.model_copy(update={"cause": request.id, "at": parked.until}))
    return facts


def _open(row: TicketRow, request: OpenTicket, policy_of: PolicyOf) -> list[Fact]:
    """A new ticket; then whatever was asked of it before it was here."""
    # The ticket is open already. Only a mail can come twice with good reason.
    if row.status is not None and request.mail:
        # Its id is derived from what its author wrote (intake's letters.py): it is the same letter,
        # by another path.
        if request.verified and not row.verified:
            return confirming.on_copy(row, request, policy_of)
        return [make_refused(request, Refused(CAME_BEFORE, "This mail came by two paths."))]
    # The same key for another ticket: the client has a mistake, and nothing is opened.
    if row.status is not None:
        reused = (
            "This Idempotency-Key has already opened a ticket with other content; use a new key "
            "for a new ticket."
        )
        return [make_refused(request, Refused("idempotency-key-reused", reused))]
    # A new ticket. Intake checks this too; here it holds for every request that reaches the log.
    if request.requester and not request.actor.is_staff:
        return [
            make_refused(request, Refused("not-allowed", "Only staff open tickets for others."))
        ]
    if not request.subject.strip():
        return [make_refused(request, Refused("no-subject", "A ticket needs a subject."))]
    facts = make_opening(request, policy_of(request.policy))
    # Parked requests are decided now, in the order they came, each on the row that the facts before
    # it make.
    if row.parked:
        for fact in facts:
            row = evolve(row, fact)  # type: ignore[arg-type]
        for request_id, parked in row.parked.items():
            for fact in decide(row, _parse_parked(parked.request), policy_of):
                # `cause` names the parked request, so that the person who sent it finds the answer
                # under its id.
                fact = fact.model_copy(update={"cause": request_id})
                facts.append(fact)
                row = evolve(row, fact)  # type: ignore[arg-type]
    return facts


DECIDE: dict[type[Request], Callable[[TicketRow, Any, PolicyOf], list[Fact]]] = {
    # The conversation, and who has the ticket. `TakeBack` is also what the timer for a silent
    # provider asks.
    AddReply: conversation.on_reply,
    AssignTicket: assignment.on_assign,
    HandBack: assignment.on_hand_back,
    TakeBack: assignment.on_take_back,
    TakeTicket: owning.on_take,
    HandOverTicket: owning.on_hand_over,
    ReleaseTicket: owning.on_release,
    TagTicket: tagging.on_tag,
    MergeTicket: merging.on_merge,
    NoteMerge: merging.on_note_merge,
    # People correct what the rules decided: scope, suggestions, priority.
    InsistScope: insisting.on_insist,
    DismissSuggestion: assignment.on_dismiss,
    AcceptSuggestion: assignment.on_accept,
    ReviewPriority: priority.on_review,
    AppealPriority: priority.on_appeal,
    DecideAppeal: priority.on_decide_appeal,
    # The end of a ticket. `CloseTicket` comes from the clock or an import: no page offers it.
    Solve: conversation.on_solve,
    Reopen: conversation.on_reopen,
    CloseTicket: conversation.on_close,
    RateTicket: conversation.on_rate,
    # Who else takes part, and what staff may touch.
    ShareTicket: sharing.on_share,
    RevokeShare: sharing.on_revoke,
    JoinTicket: sharing.on_join,
    AskParticipant: sharing.on_ask,
    AnswerAsk: sharing.on_answer,
    RemoveParticipant: sharing.on_remove,
    GrantAccess: sharing.on_access,
    # Links to incidents, and the confirmation of a ticket that came by mail.
    LinkIncident: linking.on_link,
    UnlinkIncident: linking.on_unlink,
    ConfirmSender: confirming.on_confirm,
}
"""Requests on an open ticket. OpenTicket is not among them; requests on pages are the pager's, on
incidents `incident_domain`'s.
"""


def _check_standing(row: TicketRow, request: Request) -> None:
    # A link's token replaces standing: `on_join` checks the token before anything else, and
    # `on_answer` whether they were asked.
    if request.type in BY_TOKEN:
        return
    who = standing_of(row, request)
    if who is None:
        raise Refused("no-such-ticket", "There is no such ticket.")
    if who not in MAY[request.type]:
        raise Refused("not-allowed", f"{request.type} is not for the {who} side of a ticket.")


_REQUESTS: dict[str, type[Request]] = {kind.__name__: kind for kind in DECIDE}


def _parse_parked(request: dict[str, Any]) -> Request:
    return _REQUESTS[request["type"]].model_validate(request, extra="ignore")
