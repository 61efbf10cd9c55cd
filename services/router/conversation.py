"""What is said on a ticket until it is solved, and again when it was not: replies, solving, reopening. Pure."""

from __future__ import annotations

from typing import Any

from services.router.decision import PolicyOf, about, moved, people, side_of, standing_of
from services.router.ticket import TicketRow
from shared.access import READERS
from shared.errors import Refused
from shared.events import AddReply, Audience, Fact, NoteAdded, Reopen, ReplyAdded, Request, Solve, Status, TicketReopened, TicketSolved
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
        return [NoteAdded(**about(request), **author)]
    reply = ReplyAdded(
        **about(request), **author, side=side, audience=request.audience, attachments=request.attachments, automatic=request.automatic,
        status=status, provider=row.provider, priority=row.priority, **people(row),
    )  # fmt: skip
    if row.status is Status.SOLVED and status is Status.OPEN:
        return [_reopening(row, request, "the customer replied"), reply]
    return [reply]


def on_solve(row: TicketRow, request: Solve, policy_of: PolicyOf) -> list[Fact]:
    moved(row, Move.SOLVE)
    return [
        TicketSolved(
            **about(request), resolution=request.resolution, side=side_of(row, request), provider=row.provider, lane=row.lane,
            obligations=row.obligations, **people(row),
        )
    ]  # fmt: skip


def on_reopen(row: TicketRow, request: Reopen, policy_of: PolicyOf) -> list[Fact]:
    moved(row, Move.REOPEN)
    return [_reopening(row, request, request.reason)]


def _reopening(row: TicketRow, request: Request, reason: str) -> TicketReopened:
    """No new page: seed 001 wakes people when a ticket is *opened* urgent; a review can raise it again."""
    return TicketReopened(
        **about(request), reason=reason, side=side_of(row, request), provider=row.provider, priority=row.priority, **people(row)
    )
