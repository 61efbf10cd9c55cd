"""What is said on a ticket until it is solved, again when it was not, and at the end: replies, solving, reopening, rating. Pure."""

from __future__ import annotations

from typing import Any

from services.router.decision import PolicyOf, about, moved, people, side_of, standing_of, work_on
from services.router.ticket import TicketRow
from shared.access import READERS
from shared.errors import Refused
from shared.events import (
    AccessEnded,
    AddReply,
    Audience,
    CloseTicket,
    Fact,
    NoteAdded,
    RateTicket,
    Reopen,
    ReplyAdded,
    Request,
    Solve,
    Status,
    TicketClosed,
    TicketRated,
    TicketReopened,
    TicketSolved,
)
from shared.lifecycle import Move, move_of_reply


def on_reply(row: TicketRow, request: AddReply, policy_of: PolicyOf) -> list[Fact]:
    side = side_of(row, request)
    if standing_of(row, request) not in READERS[request.audience]:
        raise Refused("audience-not-yours", f"You cannot write to the audience {request.audience!r} of this ticket.")
    if request.audience is Audience.PROVIDER and row.provider is None:
        raise Refused("no-provider", "The ticket is with no provider, so there is nobody to tell.")
    move = move_of_reply(by_customer=side == "customer", audience=request.audience, automatic=request.automatic)
    status = moved(row, move)
    actor = request.actor
    author: dict[str, Any] = {"author": actor.email, "author_name": actor.name, "via": actor.via, "body": request.body}
    if request.audience is Audience.STAFF:
        return [NoteAdded(**about(request), **author, attachments=request.attachments, **work_on(row, request))]
    reply = ReplyAdded(
        **about(request), **author, side=side, audience=request.audience, attachments=request.attachments, automatic=request.automatic,
        quoted=request.quoted,
        status=status, provider=row.provider, priority=row.priority, **people(row), **work_on(row, request),
    )  # fmt: skip
    if row.status is Status.SOLVED and status is Status.OPEN:
        return [_reopening(row, request, "the customer replied"), reply]
    return [reply]


def on_solve(row: TicketRow, request: Solve, policy_of: PolicyOf) -> list[Fact]:
    """Whoever may access the app for this ticket's sake may do so no more."""
    moved(row, Move.SOLVE)
    solved = TicketSolved(
        **about(request), resolution=request.resolution, side=side_of(row, request), provider=row.provider, lane=row.lane,
        obligations=row.obligations, **people(row),
    )  # fmt: skip
    return [solved, AccessEnded(**about(request), reason="the ticket was solved")] if row.access else [solved]


def on_reopen(row: TicketRow, request: Reopen, policy_of: PolicyOf) -> list[Fact]:
    moved(row, Move.REOPEN)
    return [_reopening(row, request, request.reason)]


def on_close(row: TicketRow, request: CloseTicket, policy_of: PolicyOf) -> list[Fact]:
    moved(row, Move.CLOSE)
    if row.solved_at is not None and row.solved_at >= request.ended:
        raise Refused("overtaken", "The ticket was solved again meanwhile.")
    reason = f"it was closed in {request.imported}" if request.imported else "nobody reopened it in time"
    return [TicketClosed(**about(request), reason=reason)]


def on_rate(row: TicketRow, request: RateTicket, policy_of: PolicyOf) -> list[Fact]:
    """Once for each solving; until the ticket is closed the score may be another."""
    if request.actor.email.lower() != row.requester.lower():
        raise Refused("not-allowed", "Only the requester rates the ticket.")
    moved(row, Move.RATE)
    if row.solved_side == "customer":
        raise Refused("nothing-to-rate", "You solved this ticket yourself.")
    return [TicketRated(**about(request), score=request.score, comment=request.comment, previous=row.rated, provider=row.provider)]


def _reopening(row: TicketRow, request: Request, reason: str) -> TicketReopened:
    """No new page: seed 001 wakes people when a ticket is *opened* urgent; a review can raise it again."""
    return TicketReopened(
        **about(request), reason=reason, side=side_of(row, request), provider=row.provider, priority=row.priority, **people(row)
    )
