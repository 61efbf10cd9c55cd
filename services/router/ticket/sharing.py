"""Who else takes part, and what our staff may touch: links, joining, access to the app. Pure.

Seed 001: any registered user who opens the link is added. Here they confirm first
(docs/decisions/0003-share-confirms.md).
"""

from __future__ import annotations

from services.router.ticket.decision import PolicyOf, about, next_status
from services.router.ticket.row import TicketRow
from shared.errors import Refused
from shared.events import (
    AccessEnded,
    AccessGranted,
    Fact,
    GrantAccess,
    JoinTicket,
    ParticipantJoined,
    RevokeShare,
    ShareRevoked,
    ShareTicket,
    TicketShared,
)
from shared.lifecycle import Move
from shared.people.folding import fold_address, is_same_address

# Limits keep the row small: all links and people of a ticket stay in memory.
MOST_LINKS = 20
MOST_PARTICIPANTS = 100


def on_share(row: TicketRow, request: ShareTicket, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.SHARE)
    if sum(until > request.at for until in row.shares.values()) >= MOST_LINKS:
        raise Refused(
            "too-many-links",
            f"There are {MOST_LINKS} links of this ticket already; use one of them, or end them "
            "all first.",
        )
    return [
        TicketShared(**about(request), token_hash=request.token_hash, expires_at=request.expires_at)
    ]


def on_revoke(row: TicketRow, request: RevokeShare, policy_of: PolicyOf) -> list[Fact]:
    next_status(row, Move.REVOKE_SHARE)
    good = sum(until > request.at for until in row.shares.values())
    if not good:
        raise Refused("not-shared", "There is no link of this ticket to end.")
    return [ShareRevoked(**about(request), links=good)]


def on_join(row: TicketRow, request: JoinTicket, policy_of: PolicyOf) -> list[Fact]:
    """What is checked first is the token: without a good one nobody learns anything about the
    ticket.
    """
    until = row.shares.get(request.token_hash)
    if until is None or until <= request.at:
        raise Refused(
            "share-gone",
            "This link is no longer good: it was ended or has expired. Ask whoever sent it for a "
            "new one.",
        )
    actor = request.actor
    if actor.is_staff or actor.provider is not None:
        raise Refused(
            "not-for-you",
            "Staff and providers see tickets by their work; a link is for the customer's "
            "colleagues.",
        )
    next_status(row, Move.JOIN)
    # People who take part already: a second joining would tell the requester again.
    if fold_address(actor.email) in {
        fold_address(row.requester),
        *(fold_address(person) for person in row.participants),
    }:
        raise Refused("already-joined", "You take part in this ticket already.")
    if len(row.participants) >= MOST_PARTICIPANTS:
        raise Refused(
            "too-many-participants",
            f"{MOST_PARTICIPANTS} people take part already; nobody else can join.",
        )
    return [
        ParticipantJoined(
            **about(request),
            participant=actor.email,
            participant_name=actor.name,
            subject=row.subject,
            requester=row.requester,
            participants=(*row.participants, actor.email),
        )
    ]


def on_access(row: TicketRow, request: GrantAccess, policy_of: PolicyOf) -> list[Fact]:
    if not is_same_address(request.actor.email, row.requester):
        raise Refused("not-allowed", "Only the requester lets staff access the app.")
    next_status(row, Move.GRANT_ACCESS)
    if request.granted is row.access:
        raise Refused(
            "already-so",
            f"Our staff {'may' if row.access else 'may not'} access the app for this ticket "
            "already.",
        )
    if request.granted:
        return [AccessGranted(**about(request), app=row.app)]
    return [AccessEnded(**about(request), reason="the requester ended it")]
