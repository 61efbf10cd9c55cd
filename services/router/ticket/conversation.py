"""What is said on a ticket until it is solved, again when it was not, and at the end: replies,
solving, reopening, rating. Pure.
"""

from __future__ import annotations

from typing import Any

from services.router.ticket.decision import (
    PolicyOf,
    about,
    next_status,
    people,
    side_of,
    standing_of,
    work_on,
)
from services.router.ticket.owning import take_by_reply
from services.router.ticket.row import TicketRow
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
from shared.people.folding import fold_address, is_same_address


def on_reply(row: TicketRow, request: AddReply, policy_of: PolicyOf) -> list[Fact]:
    side = side_of(row, request)
    # Who may write to an audience is who may read it: one table for both.
    if standing_of(row, request) not in READERS[request.audience]:
        raise Refused(
            "audience-not-yours",
            f"You cannot write to the audience {request.audience!r} of this ticket.",
        )
    if request.audience is Audience.PROVIDER and row.provider is None:
        raise Refused("no-provider", "The ticket is with no provider, so there is nobody to tell.")
    # `seen` is the last message on the author's screen; None: the caller did not ask for this
    # check.
    if request.seen is not None and _last_seq_of_others(row, request.actor.email) > request.seen:
        raise Refused(
            "answered-meanwhile", "Somebody answered while you wrote. Look first, then send yours."
        )
    # The status first: a reply that the lifecycle has no move for makes no fact at all.
    move = move_of_reply(
        by_customer=side == "customer", audience=request.audience, automatic=request.automatic
    )
    status = next_status(row, move)
    actor = request.actor
    author: dict[str, Any] = {
        "author": actor.email,
        "author_name": actor.name,
        "via": actor.via,
        "body": request.body,
    }
    # A note for staff is a fact of its own, which no customer and no provider can read.
    if request.audience is Audience.STAFF:
        return [
            NoteAdded(
                **about(request),
                **author,
                attachments=request.attachments,
                mentions=request.mentions,
                subject=row.subject if request.mentions else "",
                **work_on(row, request),
            )
        ]
    reply = ReplyAdded(
        **about(request),
        **author,
        side=side,
        audience=request.audience,
        attachments=request.attachments,
        automatic=request.automatic,
        automatic_because=request.automatic_because,
        doubtful=request.doubtful,
        quoted=request.quoted,
        status=status,
        provider=row.provider,
        priority=row.priority,
        **people(row),
        **work_on(row, request),
    )
    # The reopening comes before the reply, so that readers see an open ticket when the reply comes.
    if row.status is Status.SOLVED and status is Status.OPEN:
        return [reopening(row, request, "the customer replied"), reply]
    return [reply, *(take_by_reply(row, request, policy_of) if side == "staff" else ())]


def on_solve(row: TicketRow, request: Solve, policy_of: PolicyOf) -> list[Fact]:
    """Whoever may access the app for this ticket's sake may do so no more."""
    next_status(row, Move.SOLVE)
    solved = TicketSolved(
        **about(request),
        resolution=request.resolution,
        side=side_of(row, request),
        provider=row.provider,
        lane=row.lane,
        obligations=row.obligations,
        **people(row),
    )
    return (
        [solved, AccessEnded(**about(request), reason="the ticket was solved")]
        if row.access
        else [solved]
    )


def on_reopen(row: TicketRow, request: Reopen, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.REOPEN)
    return [reopening(row, request, request.reason)]


def on_close(row: TicketRow, request: CloseTicket, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.CLOSE)
    # The timer asked to close; a ticket that was solved again after that has a new window.
    if row.solved_at is not None and row.solved_at >= request.ended:
        raise Refused("overtaken", "The ticket was solved again meanwhile.")
    reason = (
        f"it was closed in {request.imported}" if request.imported else "nobody reopened it in time"
    )
    return [TicketClosed(**about(request), reason=reason)]


def on_rate(row: TicketRow, request: RateTicket, policy_of: PolicyOf) -> list[Fact]:
    """Once for each solving; until the ticket is closed the score may be another."""
    if not is_same_address(request.actor.email, row.requester):
        raise Refused("not-allowed", "Only the requester rates the ticket.")
    next_status(row, Move.RATE)
    # Customers who solved a ticket themselves would rate nobody.
    if row.solved_side == "customer":
        raise Refused("nothing-to-rate", "You solved this ticket yourself.")
    return [
        TicketRated(
            **about(request),
            score=request.score,
            comment=request.comment,
            previous=row.rated,
            provider=row.provider,
        )
    ]


def _last_seq_of_others(row: TicketRow, email: str) -> int:
    """The seq of the last message of somebody else; 0: there is none."""
    return row.said_before if row.said_by == fold_address(email) else row.said_seq


def reopening(row: TicketRow, request: Request, reason: str) -> TicketReopened:
    """No new page: seed 001 wakes people when a ticket is *opened* urgent; a review can raise it
    again.
    """
    return TicketReopened(
        **about(request),
        reason=reason,
        side=side_of(row, request),
        provider=row.provider,
        priority=row.priority,
        **people(row),
    )
